"""What playout asks of its shell and what it reports: small values, made in order, executed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.protocol import TurnFrame
from ..pose import Presentation, VisemeWeights, resting_mouth


@dataclass(frozen=True)
class VoiceSlice:
    """Samples to hand to the audio source now.

    The shell compares `generation` with the playout's after the hand-over was acknowledged: if it changed, the slice
    may have landed behind the clearing of the queue and has to be cleared again.
    """

    samples: NDArray[np.int16]  # whole ticks, mono, at the source's rate
    generation: int


@dataclass(frozen=True)
class Stop:
    """Empty the audio source's queue, then hand it the fade, all in the present step of the event loop."""

    fade: NDArray[np.int16]  # the unheard samples ramped down, whole ticks; may be empty


@dataclass(frozen=True)
class PictureDue:
    """One picture to draw and to publish at `due`."""

    due: float  # seconds of the monotonic clock
    frame: TurnFrame | None  # what the engine draws; None: the avatar at rest
    presentation: Presentation
    generation: int
    segment: int | None  # None: between segments
    slot: int  # the segment's slot, or the index of the resting picture
    loudness: tuple[int, ...] = ()  # of the slot's voice, per tick: 0..255, two to a decibel, 255 is full scale

    @property
    def mouth(self) -> VisemeWeights:
        """The mouth that is seen: the frame's or a resting one, with the one that is being left mixed in."""
        told = None if self.frame is None else self.frame.mouth
        return self.presentation.mouth(resting_mouth() if told is None else told)


@dataclass(frozen=True)
class Started:
    """A segment's first sample has left the source."""

    segment: int
    at: float  # seconds of the monotonic clock


@dataclass(frozen=True)
class Progressed:
    """A run of a segment that has left the source and will not be revised."""

    segment: int
    started_at: float  # seconds of the monotonic clock
    offset: int  # in the segment, in samples at the source's rate
    count: int  # samples


@dataclass(frozen=True)
class Finished:
    """A segment is over. Exactly one for every segment."""

    segment: int
    position: int  # samples of it that left the source
    interrupted: bool


@dataclass(frozen=True)
class EngineFailed:
    """The engine raised; the voice goes on and the face rests until the next segment."""

    error: Exception


Event = Stop | Started | Progressed | Finished | EngineFailed
