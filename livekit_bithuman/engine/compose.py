"""From an engine's turn frame to the frame that users see: the picture drawn, the audio attached."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..face.idle import IdleMotion
from ..media import AudioChunk, VideoFrame
from ..pose import Picture, Presentation
from .protocol import Engine, Turn, TurnFrame

FRAME_AUDIO_RATE = 16_000  # Hz, of TurnFrame.audio

PresentationAt = Callable[[int], Presentation]  # the presentation of slot k, counted from 0


def turn_presentation(seed: int, fps: int) -> PresentationAt:
    """How the avatar moves while it speaks, apart from its mouth: slot k of every turn looks alike."""
    return IdleMotion(seed, fps).at


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
    engine.open_turn(turn)
    for block in blocks:
        engine.push(block)
        for frame in engine.poll():
            yield compose(engine, presentation, frame)
    engine.end_turn()
    for frame in engine.poll():
        yield compose(engine, presentation, frame)
