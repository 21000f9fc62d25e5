"""The face: an avatar's bundle, and the raster that turns viseme weights and a presentation into a picture.

    Avatar ── Face.draw(weights, presentation) ── BGR picture
    IdleMotion.at(tick, speaking) ── Presentation

Pure: no clock, no thread, no randomness but a seed. Names are imported when they are first used: idle motion needs no
OpenCV, and an agent's start does not wait for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .avatar import DEFAULT_AVATAR, Avatar
    from .gallery import builtin_names
    from .idle import IdleMotion
    from .raster import Face

__all__ = ["DEFAULT_AVATAR", "Avatar", "Face", "IdleMotion", "builtin_names"]

_HOMES = {
    "DEFAULT_AVATAR": ".avatar",
    "Avatar": ".avatar",
    "Face": ".raster",
    "IdleMotion": ".idle",
    "builtin_names": ".gallery",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value
