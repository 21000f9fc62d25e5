"""When every sample and every picture leaves: pure state machines that are told the time.

`Playout` is the whole of it; see its docstring for the theory of operation.
"""

from .clock import TICK_S, TickClock, tick_among
from .events import EngineFailed, Finished, PictureDue, Progressed, Started, Stop, VoiceSlice
from .playout import Playout, PlayoutOptions
from .presenter import Presenter

__all__ = [
    "TICK_S",
    "EngineFailed",
    "Finished",
    "PictureDue",
    "Playout",
    "PlayoutOptions",
    "Presenter",
    "Progressed",
    "Started",
    "Stop",
    "TickClock",
    "VoiceSlice",
    "tick_among",
]
