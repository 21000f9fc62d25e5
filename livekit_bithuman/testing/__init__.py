"""Measuring an avatar at the viewer: pictures and voice that say what they are, and a viewer that reads them."""

from .marker import Mark, MarkerEngine, StillMotion, paint_mark, read_mark
from .report import Picture, Spread, ViewerReport
from .tap import Tap
from .viewer import Viewer
from .voice import VoiceLocator, marker_voice

__all__ = [
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
