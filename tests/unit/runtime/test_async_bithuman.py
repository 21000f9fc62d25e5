"""AsyncBithuman over a marker engine: turns, fillers, iterators, interruptions, ends, and bad input."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from livekit_bithuman.errors import (
    AudioFormatError,
    AvatarFormatError,
    AvatarNotFoundError,
    EngineError,
    InvalidStateError,
)
from livekit_bithuman.media import AudioChunk, VideoControl, VideoFrame
from livekit_bithuman.runtime import AsyncBithuman

from ...slate import RESTING, SlateRuntime, read

RATE = 16_000
SLOT = RATE // 25  # samples


def pcm(slots: float) -> bytes:
    """That many slots of a ramp."""
    return np.arange(1, int(slots * SLOT) + 1, dtype=np.int16).tobytes()


def seen(frames: list[VideoFrame]) -> list[tuple[int, int]]:
    """(turn, slot) of each picture, in order."""
    return [read(frame.bgr_image) for frame in frames if frame.bgr_image is not None]


async def turn_frames(rt: AsyncBithuman, turns: int = 1) -> list[VideoFrame]:
    """What `run` gives until the end of the `turns`-th turn, without the fillers."""
    frames = []
    async for frame in rt.run():
        if frame.frame_index is not None:
            frames.append(frame)
        turns -= frame.end_of_speech
        if not turns:
            return frames
    raise AssertionError("the runtime stopped before its turns ended")


@pytest_asyncio.fixture
async def rt() -> AsyncIterator[SlateRuntime]:
    runtime = SlateRuntime()
    await runtime.set_model()
    yield runtime
    await runtime.stop()


async def test_a_turn_comes_out_slot_by_slot_and_ends_once(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(2.5), RATE, last_chunk=False)
    await rt.flush()
    frames = await turn_frames(rt)
    assert seen(frames) == [(0, 0), (0, 1), (0, 2)]
    assert [f.end_of_speech for f in frames] == [False, False, True]
    assert [f.frame_index for f in frames] == [0, 1, 2]
    chunks = [f.audio_chunk for f in frames]
    assert all(chunk is not None and chunk.sample_rate == 16_000 and len(chunk.array) == SLOT for chunk in chunks)
    assert b"".join(chunk.bytes for chunk in chunks if chunk) == pcm(2.5) + bytes(SLOT)
    assert [chunk.last_chunk for chunk in chunks if chunk] == [False, False, True]


async def test_push_audio_ends_the_turn_unless_told_otherwise(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(1), RATE)
    await rt.push_audio(pcm(1), RATE)
    assert seen(await turn_frames(rt, 2)) == [(0, 0), (1, 0)]


async def test_half_a_sample_waits_for_its_other_half(rt: SlateRuntime) -> None:
    data = pcm(1)
    for i in range(len(data)):
        await rt.push_audio(data[i : i + 1], RATE, last_chunk=False)
    await rt.flush()
    frames = await turn_frames(rt)
    assert frames[0].audio_chunk is not None
    assert frames[0].audio_chunk.bytes == data


async def test_half_a_sample_at_the_end_is_dropped_with_one_warning(
    rt: SlateRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    await rt.push_audio(pcm(1) + b"\x7f", RATE)
    frames = await turn_frames(rt)
    assert len(frames) == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "half a sample" in caplog.text


@pytest.mark.parametrize("last_chunk", [True, False])
async def test_an_empty_turn_is_one_frame_without_a_picture(last_chunk: bool) -> None:
    rt = await AsyncBithuman.create()
    await rt.push_audio(b"", RATE, last_chunk=last_chunk)
    await rt.flush()
    (frame,) = await turn_frames(rt)
    assert not frame.has_image
    assert frame.audio_chunk is None
    assert frame.end_of_speech
    await rt.stop()


async def test_flush_with_nothing_pushed_does_nothing(rt: SlateRuntime) -> None:
    await rt.flush()
    await rt.push_audio(pcm(1), RATE)
    await rt.flush()
    await rt.push_audio(pcm(3), RATE, last_chunk=False)
    rt.interrupt()
    await rt.flush()
    await rt.push_audio(pcm(1), RATE)
    assert seen(await turn_frames(rt)) == [(2, 0)]
    stream = rt.run()
    assert not any([(await stream.__anext__()).end_of_speech for _ in range(10)])


async def test_silence_is_fillers_without_picture_or_audio(rt: SlateRuntime) -> None:
    stream = rt.run()
    for frame in [await stream.__anext__() for _ in range(3)]:
        assert not frame.has_image
        assert frame.audio_chunk is None
        assert frame.frame_index is None
        assert not frame.end_of_speech


async def test_fillers_have_pictures_on_demand() -> None:
    rt = SlateRuntime(filler_images=True)
    await rt.set_model()
    frame = await rt.run().__anext__()
    assert frame.bgr_image is not None
    assert np.array_equal(frame.bgr_image, RESTING)
    assert frame.audio_chunk is None
    assert frame.frame_index is None
    await rt.stop()


async def test_speech_pushed_in_mid_run_is_heard(rt: SlateRuntime) -> None:
    stream = rt.run()
    assert not (await stream.__anext__()).has_image
    await rt.push_audio(pcm(1), RATE)
    assert seen([await stream.__anext__()]) == [(0, 0)]


async def test_leaving_an_iterator_frees_it_and_the_next_goes_on(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(4), RATE)
    first = rt.run()
    frames = [await first.__anext__()]
    async for frame in rt.run():
        frames.append(frame)
        break
    async for frame in rt.run():
        frames.append(frame)
        break
    closed = rt.run()
    frames.append(await closed.__anext__())
    await closed.aclose()
    await closed.aclose()
    assert seen(frames) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    with pytest.raises(StopAsyncIteration):
        await closed.__anext__()
    with pytest.raises(InvalidStateError, match="Another run"):
        await first.__anext__()


async def test_a_cancelled_read_loses_no_frame(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(20), RATE)
    frames: list[VideoFrame] = []
    stream = rt.run()
    while not frames or not frames[-1].end_of_speech:
        for patience in range(4):  # loop steps before the read is given up: into the drawing, into the wait
            reading = asyncio.ensure_future(stream.__anext__())
            for _ in range(patience):
                await asyncio.sleep(0)
            if not reading.done():
                reading.cancel()
            (outcome,) = await asyncio.gather(reading, return_exceptions=True)
            if isinstance(outcome, VideoFrame):
                frames.append(outcome)
        if not frames or not frames[-1].end_of_speech:
            frames.append(await stream.__anext__())
    assert seen(frames) == [(0, k) for k in range(20)]


async def test_two_readers_at_once_are_an_error(rt: SlateRuntime) -> None:
    rt._source.clock = time.monotonic
    one, other = rt.run(), rt.run()
    await one.__anext__()
    waiting = asyncio.ensure_future(one.__anext__())
    await asyncio.sleep(0)
    for stream in (other, one):
        with pytest.raises(InvalidStateError, match="one run"):
            await stream.__anext__()
    assert not (await waiting).has_image


async def test_an_interruption_drops_the_turn_and_its_end(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(9), RATE)
    await rt.push_audio(pcm(9), RATE)
    stream = rt.run()
    assert seen([await stream.__anext__()]) == [(0, 0)]
    rt.interrupt()
    rt.interrupt()
    after = [await stream.__anext__() for _ in range(3)]
    assert all(frame.frame_index is None for frame in after)
    await rt.push_audio(pcm(2), RATE)
    assert seen(await turn_frames(rt)) == [(2, 0), (2, 1)]
    assert rt.engine.interruptions == 1


async def test_an_interruption_reaches_a_frame_that_waits_to_be_due(rt: SlateRuntime) -> None:
    rt._source.clock = time.monotonic
    await rt.push_audio(pcm(3), RATE)
    stream = rt.run()
    await stream.__anext__()
    waiting = asyncio.ensure_future(stream.__anext__())
    assert rt._source._work is not None
    await asyncio.wait({rt._source._work})
    await asyncio.sleep(0)  # the reader takes it and waits
    assert rt._source._composed is not None
    rt.interrupt()
    assert (await waiting).frame_index is None


async def test_interruptions_are_safe_in_every_state() -> None:
    rt = SlateRuntime()
    rt.interrupt()
    await rt.set_model()
    rt.interrupt()
    await rt.push_audio(pcm(1), RATE, last_chunk=False)
    rt.interrupt()
    await rt.push_audio(pcm(1), RATE)
    assert len(await turn_frames(rt)) == 1
    await rt.stop()
    rt.interrupt()


async def test_stop_ends_a_waiting_read_and_frees_the_engine(rt: SlateRuntime) -> None:
    rt._source.clock = time.monotonic
    stream = rt.run()
    await stream.__anext__()
    waiting = asyncio.ensure_future(stream.__anext__())
    await asyncio.sleep(0)
    await rt.stop()
    await rt.stop()
    await rt.shutdown()
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [frame async for frame in rt.run()] == []
    rt._worker.shutdown(wait=True)
    assert rt.engine.closed


async def test_cleanup_is_stop_without_await(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(50), RATE)
    stream = rt.run()
    await stream.__anext__()
    rt.cleanup()
    rt.cleanup()
    assert [frame async for frame in stream] == []
    rt._worker.shutdown(wait=True)
    assert rt.engine.closed


async def test_a_stopped_runtime_takes_no_more(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(1), RATE, last_chunk=False)
    await rt.stop()
    await rt.flush()
    for push in (rt.push_audio(pcm(1), RATE), rt.push(VideoControl.from_audio(pcm(1), RATE)), rt.set_model()):
        with pytest.raises(InvalidStateError, match="stopped"):
            await push
    assert rt.get_first_frame() is not None


async def test_an_engine_failure_is_an_engine_error_and_the_next_turn_is_spoken(rt: SlateRuntime) -> None:
    rt.engine.fail_at = 1
    await rt.push_audio(pcm(5), RATE)
    stream = rt.run()
    assert seen([await stream.__anext__()]) == [(0, 0)]
    with pytest.raises(EngineError, match="no such mouth") as caught:
        await stream.__anext__()
    assert isinstance(caught.value.__cause__, ArithmeticError)
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()
    rt.engine.fail_at = None
    await rt.push_audio(pcm(2), RATE)
    assert seen(await turn_frames(rt)) == [(1, 0), (1, 1)]


async def test_a_rate_that_changes_inside_a_turn_is_refused_and_the_turn_goes_on(rt: SlateRuntime) -> None:
    await rt.push_audio(pcm(1), RATE, last_chunk=False)
    with pytest.raises(AudioFormatError, match="changed from 16000 to 8000"):
        await rt.push_audio(pcm(1), 8_000)
    await rt.flush()
    assert len(await turn_frames(rt)) == 1


@pytest.mark.parametrize("rate", [0, -1, 7_999, 192_001, 16_000.5, "16000", None])
async def test_rates_that_no_engine_takes_are_refused(rt: SlateRuntime, rate: object) -> None:
    with pytest.raises(AudioFormatError, match="8000 to 192000"):
        await rt.push_audio(pcm(1), rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [np.array([np.nan]), np.zeros((2, 2), np.int16), np.zeros(2, np.int64), "speech"])
async def test_audio_that_is_no_pcm_is_refused_and_opens_no_turn(rt: SlateRuntime, data: object) -> None:
    with pytest.raises(AudioFormatError):
        await rt.push_audio(data, RATE)  # type: ignore[arg-type]
    await rt.push_audio(pcm(1), RATE)
    assert len(await turn_frames(rt)) == 1


async def test_ten_minutes_of_waiting_input_are_worth_one_warning(
    rt: SlateRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    minute = bytes(2 * RATE * 60)
    for _ in range(10):
        await rt.push_audio(minute, RATE, last_chunk=False)
    assert not caplog.records
    for _ in range(3):
        await rt.push_audio(minute, RATE, last_chunk=False)
    assert len(caplog.records) == 1
    assert "10 minutes" in caplog.text


async def test_controls_carry_audio_and_ends_and_name_their_turn(rt: SlateRuntime) -> None:
    samples = np.frombuffer(pcm(1), np.int16)
    await rt.push(VideoControl(text="nothing to see"))
    await rt.push(VideoControl(end_of_speech=True))
    await rt.push(VideoControl(AudioChunk(samples, RATE, last_chunk=False), message_id="greeting"))
    await rt.push(VideoControl(AudioChunk(samples, RATE, last_chunk=False), end_of_speech=True))
    await rt.push(VideoControl(AudioChunk(samples, RATE, last_chunk=False)))
    await rt.push(VideoControl(action="nod", end_of_speech=True))
    frames = await turn_frames(rt, 2)
    assert seen(frames) == [(0, 0), (0, 1), (1, 0)]
    assert [frame.source_message_id for frame in frames[:2]] == ["greeting", "greeting"]


async def test_a_runtime_without_an_avatar_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rt = SlateRuntime()
    assert rt.get_first_frame() is None
    assert "no avatar" in caplog.text
    assert (rt.frame_width, rt.frame_height, rt.fps, rt.sample_rate) == (None, None, 25, 16_000)
    with pytest.raises(InvalidStateError, match="no avatar"):
        _ = rt.samples_per_tick
    with pytest.raises(InvalidStateError, match="no avatar"):
        await rt.run().__anext__()
    await rt.push_audio(pcm(1), RATE)  # waits for the avatar
    await rt.set_model()
    assert len(await turn_frames(rt)) == 1
    await rt.stop()


async def test_another_model_takes_over(rt: SlateRuntime) -> None:
    replaced = rt.engine
    await rt.push_audio(pcm(9), RATE)
    await rt.run().__anext__()
    await rt.set_model()
    await rt.push_audio(pcm(2), RATE)
    assert seen(await turn_frames(rt)) == [(1, 0), (1, 1)]
    assert replaced.closed
    assert not rt.engine.closed


async def test_the_first_frame_is_a_copy(rt: SlateRuntime) -> None:
    first = rt.get_first_frame()
    assert first is not None
    first[:] = 0
    again = rt.get_first_frame()
    assert again is not None
    assert np.array_equal(again, RESTING)


async def test_a_forgotten_runtime_leaves_nothing_behind() -> None:
    rt = SlateRuntime()
    await rt.set_model()
    await rt.push_audio(pcm(5), RATE)
    await rt.run().__anext__()
    del rt
    gc.collect()
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()


async def test_frames_come_no_earlier_than_they_are_due(rt: SlateRuntime) -> None:
    rt._source.clock = time.monotonic
    await rt.push_audio(pcm(5), RATE)
    stream = rt.run()
    await stream.__anext__()
    start = time.monotonic()
    for _ in range(4):
        await stream.__anext__()
    assert time.monotonic() - start > 4 / 25 - 0.045  # the schedule began with the first frame, before `start`


async def test_models_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(AvatarNotFoundError, match=r"nobody\.imx"):
        await AsyncBithuman.create(model_path=str(tmp_path / "nobody.imx"), api_secret="unused")
    with pytest.raises(FileNotFoundError):
        await AsyncBithuman.create(model_path="no such character")
    model = tmp_path / "avatar.IMX"
    model.write_bytes(b"\0" * 64)
    runtime = AsyncBithuman()
    with pytest.raises(AvatarFormatError, match=r"Open it by AsyncBithuman\.create"):
        await runtime.set_model(model)
    await runtime.stop()


async def test_the_official_plugins_sequence_of_calls(rt: SlateRuntime) -> None:
    """What livekit-plugins-bithuman does with a runtime that is passed to it: start, two replies, barge-in, close."""
    rt._regenerate_transaction_id()
    await rt._initialize_token()
    first = rt.get_first_frame()
    assert first is not None
    assert (rt.settings.FPS, rt.settings.INPUT_SAMPLE_RATE) == (25, 16_000)
    stream = rt.run()
    heard = []
    for slots in (3, 5):
        for chunk in range(slots):
            await rt.push_audio(pcm(slots)[chunk * 2 * SLOT : (chunk + 1) * 2 * SLOT], RATE, last_chunk=False)
        await rt.flush()
        while True:
            frame = await stream.__anext__()
            if frame.audio_chunk is not None:
                heard.append(len(frame.audio_chunk.array))
                assert len(frame.audio_chunk.bytes) == 2 * SLOT
            if frame.end_of_speech:
                break
            if len(heard) == 5:  # the user speaks in the second reply
                rt.interrupt()
                break
    assert heard == [SLOT] * 5
    await rt.flush()
    assert not (await stream.__anext__()).end_of_speech
    rt.cleanup()
    with pytest.raises(StopAsyncIteration):
        await stream.__anext__()


async def test_the_members_that_adapters_of_the_sdk_touch_are_there() -> None:
    rt = await AsyncBithuman.create(
        model_path=None, token=None, api_secret="unused", tags="bithuman", insecure=True, verbose=False, quality="high",
        input_buffer_size=0, output_buffer_size=6, num_threads=2, batch_workers=1, identity="x", agent_code="A1",
        fingerprint="y", output_size=(64, 48), billing_type="self-hosted-essence-model",
    )  # fmt: skip
    before = rt.transaction_id
    rt._regenerate_transaction_id()
    assert rt.transaction_id != before
    await rt._initialize_token()
    rt.generator._generator.set_agent_code("A2")
    rt.set_agent_code("A2")
    rt.set_billing_type("x")
    rt.set_identity("y")
    assert (rt.start_token_refresh(interval=60), rt.is_token_refresh_running()) == (False, False)
    rt.stop_token_refresh()
    await rt.start(anything=1)
    assert rt.video_graph is None
    settings = rt.settings
    assert (settings.FPS, settings.INPUT_SAMPLE_RATE, settings.OUTPUT_WIDTH) == (25, 16_000, 64)
    assert (settings.ALLOW_VIDEO_SCRIPT_UPDATE, settings.PROCESS_IDLE_VIDEO) == (True, False)
    assert (rt.samples_per_tick, rt.frame_width, rt.frame_height) == (640, 64, 48)
    first = rt.get_first_frame()
    assert first is not None
    assert first.shape == (48, 64, 3)
    rt.cleanup()
    await rt.shutdown()
