"""AsyncBithuman on the embedded engine: a turn's frames are the same bytes however and whenever it comes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_bithuman.engine.compose import Demeanour, speak
from livekit_bithuman.engine.embedded import DEFAULT_SEED, EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn
from livekit_bithuman.media import Emotion, EmotionPrediction, VideoControl, VideoFrame
from livekit_bithuman.runtime import AsyncBithuman
from livekit_bithuman.testing.turns import DrawnTurn, turns

SIZE = (64, 64)  # drawing is most of the cost

SETTINGS = settings(deadline=None, max_examples=20)
SHORT = turns(longest_ms=250)


def contents(frames: Sequence[VideoFrame]) -> list[tuple[int | None, bool, bytes, bytes]]:
    """What is to be the same."""
    return [
        (
            frame.frame_index,
            frame.end_of_speech,
            b"" if frame.bgr_image is None else frame.bgr_image.tobytes(),
            b"" if frame.audio_chunk is None else frame.audio_chunk.bytes,
        )
        for frame in frames
    ]


def expected(turn: DrawnTurn, seed: int = DEFAULT_SEED) -> list[tuple[int | None, bool, bytes, bytes]]:
    """The turn's frames by the engine alone, from one push."""
    engine = EmbeddedEngine(seed=seed, size=SIZE)
    return contents(list(speak(engine, Demeanour(seed, 25).speaking, Turn(0, turn.rate), [turn.pcm])))


def talk(dialogue: Callable[[AsyncBithuman], Awaitable[None]], seed: int = DEFAULT_SEED) -> None:
    """Run a dialogue with a runtime that never waits for real time."""

    async def run() -> None:
        rt = await AsyncBithuman.create(output_size=SIZE, seed=seed)
        rt._source.clock = itertools.count().__next__
        try:
            await dialogue(rt)
        finally:
            await rt.stop()

    asyncio.run(run())


async def turn_frames(rt: AsyncBithuman) -> list[VideoFrame]:
    """Frames without fillers until a turn ends."""
    frames = []
    async for frame in rt.run():
        if frame.frame_index is not None:
            frames.append(frame)
        if frame.end_of_speech:
            break
    return frames


async def push(rt: AsyncBithuman, turn: DrawnTurn) -> None:
    for chunk in turn.chunks():
        await rt.push_audio(chunk, turn.rate, last_chunk=False)
    await rt.flush()


@SETTINGS
@given(SHORT, st.integers(0, 3))
def test_every_chunking_gives_the_same_bytes(turn: DrawnTurn, seed: int) -> None:
    async def dialogue(rt: AsyncBithuman) -> None:
        await push(rt, turn)
        assert contents(await turn_frames(rt)) == expected(turn, seed)

    talk(dialogue, seed)


@SETTINGS
@given(SHORT, st.data())
def test_every_arrival_gives_the_same_bytes(turn: DrawnTurn, data: st.DataObject) -> None:
    async def dialogue(rt: AsyncBithuman) -> None:
        stream = rt.run()
        frames: list[VideoFrame] = []
        for chunk in turn.chunks():
            await rt.push_audio(chunk, turn.rate, last_chunk=False)
            for _ in range(data.draw(st.integers(0, 3))):
                frames.append(await stream.__anext__())
        await rt.flush()
        while not frames or not frames[-1].end_of_speech:
            frames.append(await stream.__anext__())
        assert contents([frame for frame in frames if frame.frame_index is not None]) == expected(turn)

    talk(dialogue)


@SETTINGS
@given(SHORT, SHORT, SHORT, st.integers(0, 5), st.booleans())
def test_neither_a_turn_before_nor_an_interruption_changes_a_byte(
    before: DrawnTurn, interrupted: DrawnTurn, turn: DrawnTurn, seen: int, ended: bool
) -> None:
    async def dialogue(rt: AsyncBithuman) -> None:
        await push(rt, before)
        assert contents(await turn_frames(rt)) == expected(before)
        await rt.push_audio(interrupted.pcm.tobytes(), interrupted.rate, last_chunk=ended)
        stream = rt.run()
        for _ in range(seen):
            await stream.__anext__()
        rt.interrupt()
        await push(rt, turn)
        frames: list[VideoFrame] = []
        while not frames or not frames[-1].end_of_speech:
            frames.append(await stream.__anext__())
        assert contents([frame for frame in frames if frame.frame_index is not None]) == expected(turn)
        after = [await stream.__anext__() for _ in range(3)]
        assert not any(frame.end_of_speech or frame.has_image for frame in after)

    talk(dialogue)


@st.composite
def cued_pushes(draw: st.DrawFn) -> tuple[list[VideoControl | bytes], list[VideoControl | bytes]]:
    """Half a second of one turn with messages in it, its audio cut in two different ways between them."""
    parts = draw(st.lists(st.integers(1, 3000), min_size=2, max_size=4))
    once: list[VideoControl | bytes] = []
    often: list[VideoControl | bytes] = []
    for number, samples in enumerate(parts):
        pcm = (np.sin(np.arange(samples) * 0.05 * (number + 1)) * 9000).astype("<i2").tobytes()
        message = draw(st.sampled_from(MESSAGES))
        once += [message, pcm]
        cut = draw(st.integers(1, 2000))
        often += [message, *(pcm[start : start + cut] for start in range(0, len(pcm), cut))]
    return once, often


RATE = 16_000
MESSAGES = [
    VideoControl(action="nod"),
    VideoControl(action=["brow_raise", "shake"], emotion_preds=[EmotionPrediction(Emotion.FEAR, 0.7)]),
    VideoControl(emotion_preds=[EmotionPrediction(Emotion.JOY, 1.0), EmotionPrediction(Emotion.SURPRISE, 0.5)]),
    VideoControl(emotion_preds=[EmotionPrediction(Emotion.NEUTRAL, 1.0)]),
]


@settings(deadline=None, max_examples=6)  # three runtimes each
@given(cued_pushes())
def test_the_same_audio_and_cues_give_the_same_bytes(
    pushes: tuple[list[VideoControl | bytes], list[VideoControl | bytes]],
) -> None:
    played: list[list[tuple[int | None, bool, bytes, bytes]]] = []

    async def dialogue(rt: AsyncBithuman, items: list[VideoControl | bytes], *, drain: bool) -> None:
        drained = asyncio.ensure_future(turn_frames(rt)) if drain else None
        for item in items:
            if isinstance(item, bytes):
                await rt.push_audio(item, RATE, last_chunk=False)
            else:
                await rt.push(item)
            await asyncio.sleep(0)
        await rt.flush()
        played.append(contents(await (drained or turn_frames(rt))))

    for items, drain in ((pushes[0], False), (pushes[1], False), (pushes[1], True)):
        talk(lambda rt, items=items, drain=drain: dialogue(rt, items, drain=drain))  # type: ignore[misc]
    assert played[0] == played[1] == played[2]
