"""From an engine's turn frame to the frame that users see: the picture drawn, the audio attached."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..cues import Feel
from ..face.acting import Acting
from ..face.beats import emphasised
from ..face.idle import IdleMotion
from ..media import AudioChunk, VideoFrame
from ..pose import Picture, Presentation
from .protocol import Engine, Turn, TurnFrame
from .rate import at_any_rate

FRAME_AUDIO_RATE = 16_000  # Hz, of TurnFrame.audio

LIVELY_AFTER_S = 0.4  # seconds from a resting head to a speaking one: sooner looks like a start

PresentationAt = Callable[[int, float], Presentation]  # of slot k, counted from 0, and its `TurnFrame.emphasis`


class Demeanour:
    """How an avatar moves apart from its mouth, for callers that have no history to continue.

    Slot k of every turn looks alike. A turn begins as the avatar rests at tick 0 and grows lively; the silence after
    it goes on from its last slot and calms down.
    """

    def __init__(self, seed: int, fps: int, feeling: Feel | None = None) -> None:
        """Choose a motion.

        Args:
            seed: Any integer.
            fps: Slots per second.
            feeling: What the face looks like throughout, where nothing else is acted.
        """
        self._seed = seed
        self._fps = fps
        self._idle = IdleMotion(seed, fps)
        self._ramp = LIVELY_AFTER_S * fps  # slots
        self._acting = self.acting(feeling)

    def acting(self, feeling: Feel | None = None) -> Acting:
        """Somebody to give cues to; `feeling` is there from the start."""
        acting = Acting(self._seed, self._fps)
        if feeling is not None and feeling.mix:
            acting.take(Feel(feeling.mix, blend_s=0.0), 0)
        return acting

    def speaking(self, slot: int, emphasis: float = 0.0, acting: Acting | None = None) -> Presentation:
        """In slot `slot` of a turn, whose emphasis is 0..1; `acting` counts its slots."""
        lively = min(1.0, slot / self._ramp)
        return (acting or self._acting).played(self._moving(slot, lively, emphasis), slot, lively)

    def resting(
        self, tick: int, silent: int, emphasis: float = 0.0, acting: Acting | None = None, acted: int = 0
    ) -> Presentation:
        """At `tick`, which is `silent` slots after the last turn, or from the start if there was none.

        Args:
            tick: Since the last turn began.
            silent: Since it ended.
            emphasis: What is left of that of its last frame.
            acting: Whose ticks are counted by `acted`.
            acted: At this picture.
        """
        lively = max(0.0, min(1.0, (tick - silent) / self._ramp) - silent / self._ramp)
        return (acting or self._acting).played(self._moving(tick, lively, emphasis), acted, lively)

    def _moving(self, tick: int, lively: float, emphasis: float) -> Presentation:
        return emphasised(self._idle.at(tick, lively), emphasis, self._seed, tick / self._fps)


def compose(
    engine: Engine, presentation: PresentationAt, frame: TurnFrame, message_id: Hashable | None = None
) -> VideoFrame:
    """Draw one frame of a turn.

    The presentation is that of the frame's own slot, with no history, so that a turn looks the same whenever and
    however it comes.
    """
    image: Picture | None = frame.image
    if image is None and frame.mouth is not None:
        image = engine.draw(frame, presentation(frame.index, frame.emphasis))
    audio = None if frame.audio is None else AudioChunk(frame.audio, FRAME_AUDIO_RATE, last_chunk=frame.last)
    return VideoFrame(image, audio, frame.index, message_id, end_of_speech=frame.last)


def speak(
    engine: Engine, presentation: PresentationAt, turn: Turn, blocks: Iterable[NDArray[np.int16]]
) -> Iterator[VideoFrame]:
    """One turn from its first sample to its last frame, as fast as the caller takes the frames.

    Args:
        engine: One that is not in a turn, and not paced.
        presentation: Of each slot.
        turn: Its id and sample rate.
        blocks: int16 mono at that rate, shape (n,), n >= 0 each. They are read only as frames are asked for.

    Yields:
        max(1, ceil(samples * fps / rate)) frames.
    """
    engine = at_any_rate(engine)
    engine.open_turn(turn)
    for block in blocks:
        engine.push(block)
        for frame in engine.poll():
            yield compose(engine, presentation, frame)
    engine.end_turn()
    for frame in engine.poll():
        yield compose(engine, presentation, frame)
