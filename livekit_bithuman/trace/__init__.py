"""Sessions written down, and played again on virtual time: a bug report becomes a test."""

from .lines import Header, Trace, micros
from .record import TracedPlayout
from .replay import Divergence, Replayed, replay
from .timeline import Moment, Utterance, timeline, utterances

__all__ = [
    "Divergence",
    "Header",
    "Moment",
    "Replayed",
    "Trace",
    "TracedPlayout",
    "Utterance",
    "micros",
    "replay",
    "timeline",
    "utterances",
]
