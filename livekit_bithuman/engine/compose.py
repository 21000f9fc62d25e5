"""From an engine's turn frame to the frame that users see: the picture drawn, the audio attached."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..face.idle import IdleMotion
from ..media import AudioChunk, VideoFrame
from ..pose import Picture, Presentation
from .protocol import Engine, Turn, TurnFrame
from .rate import at_any_rate

FRAME_AUDIO_RATE = 16_000  # Hz, of TurnFrame.audio

LIVELY_AFTER_S = 0.4  # seconds from a resting head to a speaking one: sooner looks like a start

PresentationAt = Callable[[int], Presentation]  # the presentation of slot k, counted from 0


class Demeanour:
    """How an avatar moves apart from its mouth, for callers that have no history to continue.

    Slot k of every turn looks alike. A turn begins as the avatar rests at tick 0 and grows lively; the silence after
    it goes on from its last slot and calms down.
    """

    def __init__(self, seed: int, fps: int) -> None:
        self._idle = IdleMotion(seed, fps)
        self._ramp = LIVELY_AFTER_S * fps  # slots

    def speaking(self, slot: int) -> Presentation:
        """In slot `slot` of a turn."""
        return self._idle.at(slot, min(1.0, slot / self._ramp))

    def resting(self, tick: int, silent: int) -> Presentation:
        """At `tick`, which is `silent` slots after the last turn, or from the start if there was none."""
        liveliness = min(1.0, (tick - silent) / self._ramp)
        return self._idle.at(tick, max(0.0, liveliness - silent / self._ramp))


def compose(
    engine: Engine, presentation: PresentationAt, frame: TurnFrame, message_id: Hashable | None = None
) -> VideoFrame:
    """Draw one frame of a turn.

    The presentation is that of the frame's own slot, with no history, so that a turn looks the same whenever and
    however it comes.
    """
    image: Picture | None = frame.image
    if image is None and frame.mouth is not None:
        image = engine.draw(frame, presentation(frame.index))
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
