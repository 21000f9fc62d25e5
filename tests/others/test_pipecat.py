"""pipecat-bithuman's service, unchanged, in a real Pipecat pipeline, with our runtime from its factory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_bithuman import BitHumanVideoService

from livekit_bithuman import AsyncBithuman, InvalidStateError
from livekit_bithuman.testing import VoiceLocator, marker_voice

from .mouth import CLOSED, OPEN, MouthReader
from .test_official import SIZE, speech

ROOT = Path(__file__).parents[2]
RATE = 16_000
PATIENCE_S = 30.0


class Ears(FrameProcessor):
    """Keeps what comes out of the service, on both sides of it."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self._came = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        self._came.set()
        await self.push_frame(frame, direction)

    def of(self, kind: type[Any], since: int = 0) -> list[Any]:
        return [frame for frame in self.frames[since:] if isinstance(frame, kind)]

    def voice(self, since: int = 0) -> NDArray[np.int16]:
        parts = [np.frombuffer(frame.audio, np.int16) for frame in self.of(TTSAudioRawFrame, since)]
        return np.concatenate([np.zeros(0, np.int16), *parts])

    async def until(self, condition: Callable[[], object]) -> None:
        async def look() -> None:
            while not condition():
                self._came.clear()
                await self._came.wait()

        await asyncio.wait_for(look(), PATIENCE_S)


class Bot:
    """A pipeline of the service alone, between two pairs of ears."""

    def __init__(self, make_runtime: Callable[[], Awaitable[AsyncBithuman]]) -> None:
        self.before, self.after = Ears(), Ears()
        self.service = BitHumanVideoService(runtime_factory=make_runtime)
        self.worker = PipelineWorker(Pipeline([self.before, self.service, self.after]), enable_rtvi=False)
        self.running: asyncio.Task[None]

    async def say(self, voice: NDArray[np.int16], rate: int, *, whole: bool = True) -> None:
        step = rate // 50
        frames = [TTSAudioRawFrame(voice[at : at + step].tobytes(), rate, 1) for at in range(0, len(voice), step)]
        await self.worker.queue_frames([*frames, *([TTSStoppedFrame()] if whole else [])])

    async def ended(self) -> None:
        await asyncio.wait_for(self.running, PATIENCE_S)


@asynccontextmanager
async def bot(make_runtime: Callable[[], Awaitable[AsyncBithuman]]) -> AsyncIterator[Bot]:
    made = Bot(make_runtime)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(made.worker)
    made.running = asyncio.create_task(runner.run())
    try:
        yield made
    finally:
        if not made.running.done():
            await made.worker.queue_frame(CancelFrame())
            await made.ended()


async def small_face() -> AsyncBithuman:
    return await AsyncBithuman.create(output_size=SIZE, filler_images=True)


async def test_a_reply_comes_out_as_pictures_and_voice() -> None:
    voice, rate = speech()
    async with bot(small_face) as made:
        await made.after.until(lambda: len(made.after.of(OutputImageRawFrame)) > 5)
        assert not made.after.of(TTSAudioRawFrame), "it is silent between replies"
        resting = len(made.after.frames)
        await made.say(voice, rate)
        await made.after.until(lambda: made.after.of(TTSStoppedFrame))
        frames = made.after.frames
    heard = made.after.voice()
    assert not [type(frame) for frame in made.before.frames if isinstance(frame, ErrorFrame)]
    # the service leaves out the frames of silence before the first sound
    frame = RATE // 25
    assert len(heard) % frame == 0
    assert 0 <= len(voice) / rate - len(heard) / RATE + 0.04 < 0.4
    stopped = next(index for index, each in enumerate(frames) if isinstance(each, TTSStoppedFrame))
    assert not [each for each in frames[stopped:] if isinstance(each, TTSAudioRawFrame)], "nothing is said after it"
    reader = MouthReader(SIZE)
    pictures = made.after.of(OutputImageRawFrame)
    assert {each.size for each in pictures} == {SIZE}
    opened = [reader.of_bgr(_picture(each)) for each in frames[:stopped] if isinstance(each, OutputImageRawFrame)]
    at_rest = [reader.of_bgr(_picture(each)) for each in frames[:resting] if isinstance(each, OutputImageRawFrame)]
    print(f"rest up to {max(at_rest):.2f}, speech up to {max(opened):.2f}")
    assert max(at_rest) < CLOSED
    assert max(opened) > OPEN


async def test_an_interruption_drops_the_reply_and_the_next_is_whole() -> None:
    first, second = marker_voice(1, 5 * RATE, RATE), marker_voice(2, RATE, RATE)
    async with bot(small_face) as made:
        await made.say(first, RATE)
        await made.after.until(lambda: len(made.after.voice()) > RATE // 2)
        await made.worker.queue_frame(InterruptionFrame())
        await made.after.until(lambda: made.after.of(InterruptionFrame))
        cut = next(i for i, each in enumerate(made.after.frames) if isinstance(each, InterruptionFrame))
        await made.say(second, RATE)
        await made.after.until(lambda: made.after.of(TTSStoppedFrame, cut))
        before, after = made.after.voice()[: -len(made.after.voice(cut))], made.after.voice(cut)
    assert np.array_equal(before, first[: len(before)])
    assert len(before) < 2 * RATE
    assert np.array_equal(after, second), "all of the second reply, and nothing of the first"
    assert VoiceLocator({1: first}).locate(after[: RATE // 10]) is None
    assert len(made.after.of(TTSStoppedFrame)) == 1


async def test_the_end_lets_the_reply_finish_and_stops_the_runtime() -> None:
    made_runtimes: list[AsyncBithuman] = []

    async def make() -> AsyncBithuman:
        made_runtimes.append(await small_face())
        return made_runtimes[-1]

    voice = marker_voice(3, RATE, RATE)
    async with bot(make) as made:
        await made.say(voice, RATE, whole=False)
        await made.worker.queue_frame(EndFrame())
        await made.ended()
    assert np.array_equal(made.after.voice(), voice)
    (runtime,) = made_runtimes
    with pytest.raises(InvalidStateError):
        await runtime.push_audio(b"", RATE)


async def test_a_cancelled_pipeline_ends_in_mid_reply() -> None:
    async with bot(small_face) as made:
        await made.say(marker_voice(4, 20 * RATE, RATE), RATE)
        await made.after.until(lambda: len(made.after.voice()) > RATE // 2)
        await made.worker.queue_frame(CancelFrame())
        await made.ended()
    assert len(made.after.voice()) < 10 * RATE


async def test_without_an_avatar_the_bot_speaks_on() -> None:
    async def fails() -> AsyncBithuman:
        return await AsyncBithuman.create(model_path="nobody")

    voice = marker_voice(5, RATE, RATE)
    async with bot(fails) as made:
        await made.say(voice, RATE)
        await made.after.until(lambda: made.after.of(TTSStoppedFrame))
    (error,) = made.before.of(ErrorFrame)
    assert "nobody" in error.error
    assert np.array_equal(made.after.voice(), voice)


def test_the_example_speaks_a_recording() -> None:
    done = subprocess.run(
        [sys.executable, "pipecat_bot.py", ROOT / "tests" / "data" / "speech.wav"],
        capture_output=True, text=True, check=False, cwd=ROOT / "examples" / "others", timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pictures, _, seconds = done.stdout.split()[:3]
    assert int(pictures) >= 108
    assert float(seconds) == pytest.approx(4.3, abs=0.4)


def _picture(frame: Any) -> NDArray[np.uint8]:
    """BGR."""
    width, height = frame.size
    picture: NDArray[np.uint8] = np.frombuffer(frame.image, np.uint8).reshape(height, width, 3)[:, :, ::-1]
    return picture
