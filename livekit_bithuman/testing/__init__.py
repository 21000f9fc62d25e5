"""Measuring and testing an avatar: pictures and voice that say what they are, a viewer that reads them, and two kits.

`EngineConformance` holds any engine to the protocol (docs/engines.md), `sink_test` any LiveKit audio output to what
livekit-agents counts on (docs/sinks.md). Both need the extra `livekit-bithuman[testing]` and are imported when used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependencyError
from .ledger import SinkPromise
from .marker import Mark, MarkerEngine, StillMotion, paint_mark, read_mark
from .promises import BrokenPromise
from .report import Picture, Spread, ViewerReport
from .tap import Tap
from .viewer import Viewer
from .voice import VoiceLocator, lively_voice, marker_voice

if TYPE_CHECKING:
    from .conformance import EngineConformance
    from .sink_driver import SinkDriver
    from .sinks import sink_test

__all__ = [
    "BrokenPromise",
    "EngineConformance",
    "Mark",
    "MarkerEngine",
    "Picture",
    "SinkDriver",
    "SinkPromise",
    "Spread",
    "StillMotion",
    "Tap",
    "Viewer",
    "ViewerReport",
    "VoiceLocator",
    "lively_voice",
    "marker_voice",
    "paint_mark",
    "read_mark",
    "sink_test",
]

_KITS = {
    "EngineConformance": ".conformance",
    "SinkDriver": ".sink_driver",
    "sink_test": ".sinks",
}


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
