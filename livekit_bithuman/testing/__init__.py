"""Measuring and testing an avatar: pictures and voice that say what they are, a viewer of them, and the engine kit.

`EngineConformance` holds any engine to the protocol (docs/engines.md). It needs the extra `livekit-bithuman[testing]`
and is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError
from .marker import Mark, MarkerEngine, StillMotion, paint_mark, read_mark
from .promises import BrokenPromise
from .report import Picture, Spread, ViewerReport
from .tap import Tap
from .viewer import Viewer
from .voice import VoiceLocator, marker_voice

if TYPE_CHECKING:
    from .conformance import EngineConformance

__all__ = [
    "BrokenPromise",
    "EngineConformance",
    "Mark",
    "MarkerEngine",
    "Picture",
    "Spread",
    "StillMotion",
    "Tap",
    "Viewer",
    "ViewerReport",
    "VoiceLocator",
    "marker_voice",
    "paint_mark",
    "read_mark",
]

_KITS = {"EngineConformance": ".conformance"}


def __getattr__(name: str) -> Any:
    if name not in _KITS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_KITS[name], __name__), name)
    except ModuleNotFoundError as error:
        if error.name not in ("hypothesis", "pytest"):
            raise
        raise MissingDependencyError(
            error.name, f"{name} needs {error.name}. Install it: pip install 'livekit-bithuman[testing]'"
        ) from error
