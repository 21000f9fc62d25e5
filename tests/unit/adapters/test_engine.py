"""The engine over a stand-in for bitHuman's runtime, on the running loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.adapters import engine as engine_module
from livekit_bithuman.adapters import link
from livekit_bithuman.adapters.engine import RuntimeEngine
from livekit_bithuman.adapters.errors import AccountStatusError
from livekit_bithuman.adapters.sdk import engine_of_runtime
from livekit_bithuman.engine.protocol import Engine, Turn, TurnFrame
from livekit_bithuman.errors import AudioFormatError, EngineError, InvalidStateError
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.testing import Mark, read_mark
from tests.stand_in import Manner, StandInRuntime, sdk_error

RATE = 24_000
TIMEOUT_S = 20.0

#: What a runtime may be like; each has its frames come in the right slots.
MANNERS = {
    "essence": Manner(),
    "unpaced": Manner(paced=False),
    "expression 2": Manner(fps=20, first_chunk=21, chunk=32),
    "tail": Manner(tail=16),
    "silent fillers": Manner(filler_audio=True),
    "no filler pictures": Manner(filler_pictures=False),
    "pictures now and then": Manner(every_other_picture=True),
    "no index": Manner(indexed=False),
    "slow to begin": Manner(render_s=0.3),
}


@asynccontextmanager
async def over(runtime: StandInRuntime) -> AsyncIterator[RuntimeEngine]:
    engine = await engine_of_runtime(runtime)
    try:
        yield engine
    finally:
        engine.close()
        await eventually(lambda: runtime.calls[-1] == "cleanup")


async def eventually(happened: Callable[[], object]) -> None:
    """Look every few milliseconds, as playout does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + TIMEOUT_S
    while not happened():
        assert loop.time() < end, "it did not happen"
        await asyncio.sleep(0.002)


def has_failed(engine: Engine) -> bool:
    """Whether it says so when it is asked for frames."""
    try:
        engine.poll()
    except EngineError:
        return True
    return False


async def frames_of(engine: Engine, turn: int) -> list[TurnFrame]:
    """A turn's frames up to its last."""
    frames: list[TurnFrame] = []

    def ended() -> bool:
        frames.extend(frame for frame in engine.poll() if frame.turn == turn)
        return bool(frames) and frames[-1].last

    await eventually(ended)
    return frames


def voice(seconds: float) -> NDArray[np.int16]:
    return (8_000 * np.sin(np.arange(round(seconds * RATE)) / 20) + 500).astype(np.int16)


def say(engine: Engine, pcm: NDArray[np.int16], turn: int = 0) -> None:
    engine.open_turn(Turn(turn, RATE))
    for start in range(0, len(pcm), 777):
        engine.push(pcm[start : start + 777])
    engine.end_turn()


def mark(picture: Picture | None) -> Mark:
    assert picture is not None
    seen = read_mark(picture[:, :, 0])
    assert seen is not None
    return seen


def shown(frames: list[TurnFrame]) -> list[tuple[int, int]]:
    """(slot, tick of the runtime's turn that its picture shows)."""
    return [(frame.index, mark(frame.image).slot) for frame in frames if frame.image is not None]


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)
async def test_each_slot_gets_its_picture(manner: Manner) -> None:
    async with over(StandInRuntime(manner)) as engine:
        say(engine, voice(0.5))
        frames = await frames_of(engine, 0)

    slots = range(round(0.5 * manner.fps + 0.49))
    assert shown(frames) == [(k, k) for k in slots if not (manner.every_other_picture and k % 2)]
    assert [frame.last for frame in frames] == [False] * (len(frames) - 1) + [True]


async def test_what_the_engine_says_of_itself() -> None:
    async with over(StandInRuntime(Manner(fps=20, size=(97, 65)))) as engine:
        info = engine.info
        assert isinstance(engine, Engine)
        assert (info.fps, info.size, info.paced, info.input_rate) == (20, (96, 64), True, None)
        assert info.first_frame_s == pytest.approx(21 / 20)
        assert info.lookahead_s > 32 / 20, "or the second chunk would not be in when the first has been shown"
        assert engine.draw(None, Presentation()).shape == (64, 96, 3)
    async with over(StandInRuntime()) as engine:
        assert engine.info.first_frame_s + engine.info.lookahead_s < 0.5


async def test_the_runtime_gets_16_khz_slot_by_slot_and_one_flush_a_turn() -> None:
    runtime = StandInRuntime()
    async with over(runtime) as engine:
        for turn in range(2):
            say(engine, voice(0.2), turn)
            await frames_of(engine, turn)

    assert [call for call in runtime.calls if call in ("push_audio", "flush")] == ["push_audio", "flush"] * 2
    assert {len(pcm) for pcm in runtime.pushed} == {2 * 640}


async def test_rest_is_the_newest_picture_between_turns() -> None:
    async with over(StandInRuntime()) as engine:
        first = mark(engine.draw(None, Presentation()))
        await eventually(lambda: mark(engine.draw(None, Presentation())).number > first.number)
        say(engine, voice(0.3))
        frames = await frames_of(engine, 0)
        during = mark(engine.draw(None, Presentation()))
        spoken = max(mark(frame.image).number for frame in frames if frame.image is not None)
        await eventually(lambda: mark(engine.draw(None, Presentation())).number > spoken)

    assert first.rest
    assert during.rest


async def test_a_picture_that_was_handed_out_is_the_callers() -> None:
    async with over(StandInRuntime()) as engine:
        engine.draw(None, Presentation())[:] = 7
        assert mark(engine.draw(None, Presentation())).rest


async def test_a_silent_turn_ends_at_once() -> None:
    runtime = StandInRuntime()
    async with over(runtime) as engine:
        say(engine, np.zeros(RATE, np.int16))
        frames = engine.poll()

    assert [(frame.turn, frame.last, frame.image) for frame in frames] == [(0, True, None)]
    assert "flush" not in runtime.calls


async def test_interrupting_drops_the_turn_and_the_next_begins_clean() -> None:
    async with over(StandInRuntime(Manner(chunk=8, stragglers=3))) as engine:
        engine.open_turn(Turn(0, RATE))
        engine.push(voice(2.0))
        seen: list[TurnFrame] = []

        def some_came() -> bool:
            seen.extend(engine.poll())
            return len(seen) > 3

        await eventually(some_came)
        engine.interrupt()
        engine.interrupt()
        assert engine.poll() == []
        say(engine, voice(0.3), 1)
        frames = await frames_of(engine, 1)

    assert {frame.turn for frame in frames} == {1}
    assert shown(frames) == [(k, k) for k in range(8)]
    assert {mark(frame.image).turn for frame in frames if frame.image is not None} == {2}


async def test_interrupting_while_a_flush_is_pending_and_when_idle() -> None:
    runtime = StandInRuntime()
    async with over(runtime) as engine:
        engine.interrupt()
        say(engine, voice(0.3))
        engine.interrupt()
        say(engine, voice(0.2), 1)
        frames = await frames_of(engine, 1)

    assert shown(frames) == [(k, k) for k in range(5)]
    assert sum(len(pcm) for pcm in runtime.pushed) == 2 * round(0.2 * 16_000)  # of the dropped turn nothing was pushed


class SlowToPush(StandInRuntime):
    """Takes audio a while after it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.pushing = asyncio.Event()
        self.may_push = asyncio.Event()

    async def push_audio(self, data: bytes, sample_rate: int, last_chunk: bool = True) -> None:
        self.pushing.set()
        await self.may_push.wait()
        await super().push_audio(data, sample_rate, last_chunk)


async def test_audio_that_lands_behind_an_interruption_is_interrupted_again() -> None:
    runtime = SlowToPush()
    async with over(runtime) as engine:
        engine.open_turn(Turn(0, RATE))
        engine.push(voice(0.2))
        await asyncio.wait_for(runtime.pushing.wait(), TIMEOUT_S)
        engine.interrupt()
        runtime.may_push.set()
        say(engine, voice(0.2), 1)
        frames = await frames_of(engine, 1)

    assert shown(frames) == [(k, k) for k in range(5)]
    assert {mark(frame.image).turn for frame in frames if frame.image is not None} == {2}
    assert runtime.calls.count("interrupt") == 2


@pytest.mark.parametrize("manner", [Manner(fails_after=3), Manner(ends_after=3)], ids=["raises", "ends"])
async def test_a_run_that_is_over_is_an_engine_failure_and_is_tried_again(
    manner: Manner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "FIRST_WAIT_S", 0.2)
    async with over(StandInRuntime(manner)) as engine:
        say(engine, voice(1.0))
        await eventually(lambda: has_failed(engine))
        with pytest.raises(EngineError, match=r"The avatar's runtime (failed|ended)"):
            engine.draw(None, Presentation())
        with pytest.raises(EngineError):
            engine.open_turn(Turn(1, RATE))
        engine.interrupt()
        await eventually(lambda: not has_failed(engine))
        say(engine, voice(0.3), 2)
        assert shown(await frames_of(engine, 2)) == [(k, k) for k in range(8)]


async def test_a_runtime_that_fails_before_its_first_picture_says_why() -> None:
    class Refused(StandInRuntime):
        async def run(self) -> AsyncIterator[object]:  # type: ignore[override]
            raise sdk_error("AccountStatusError", "no credits remain", "metering_out_of_credits")
            yield

    runtime = Refused()
    with pytest.raises(AccountStatusError, match="no credits remain") as caught:
        await engine_of_runtime(runtime)

    assert caught.value.code == "metering_out_of_credits"
    assert runtime.calls[-2:] == ["stop", "cleanup"]


async def test_a_runtime_that_shows_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PICTURE_S", 0.5)
    runtime = StandInRuntime(Manner(filler_pictures=False, first_frame=False))
    with pytest.raises(EngineError, match="no picture within"):
        await engine_of_runtime(runtime)

    assert runtime.calls == ["run", "get_first_frame", "stop", "cleanup"]


async def test_a_cancelled_start_closes_the_runtime() -> None:
    runtime = StandInRuntime(Manner(filler_pictures=False, first_frame=False))
    starting = asyncio.create_task(engine_of_runtime(runtime))
    await eventually(lambda: "run" in runtime.calls)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert runtime.calls[-2:] == ["stop", "cleanup"]


async def test_closing_is_idempotent_and_nothing_is_taken_afterwards() -> None:
    runtime = StandInRuntime()
    engine = await engine_of_runtime(runtime)
    engine.open_turn(Turn(0, RATE))
    await asyncio.to_thread(engine.close)  # waits
    engine.close()

    assert runtime.calls == ["run", "stop", "cleanup"]
    with pytest.raises(InvalidStateError, match="closed"):
        engine.open_turn(Turn(1, RATE))


async def test_bad_input() -> None:
    async with over(StandInRuntime()) as engine:
        with pytest.raises(InvalidStateError):
            engine.push(voice(0.1))
        with pytest.raises(InvalidStateError):
            engine.end_turn()
        with pytest.raises(AudioFormatError):
            engine.open_turn(Turn(0, 4_000))
        engine.open_turn(Turn(1, RATE))
        with pytest.raises(InvalidStateError):
            engine.open_turn(Turn(2, RATE))
    with pytest.raises(TypeError, match="push_audio"):
        await engine_of_runtime(object())  # type: ignore[arg-type]


async def test_a_picture_of_another_size_is_fitted() -> None:
    runtime = StandInRuntime()
    async with over(runtime) as engine:
        first = mark(engine.draw(None, Presentation()))
        runtime.manner = replace(runtime.manner, size=(192, 128))
        await eventually(lambda: mark(engine.draw(None, Presentation())).number > first.number + 2)
        assert engine.draw(None, Presentation()).shape == (64, 96, 3)


async def test_the_embedded_runtime_is_one_too() -> None:
    from livekit_bithuman import AsyncBithuman

    runtime = await AsyncBithuman.create(output_size=(96, 96))
    engine = await engine_of_runtime(runtime)
    assert engine.info.size == (96, 96)
    say(engine, voice(0.3))
    frames = await frames_of(engine, 0)
    await asyncio.to_thread(engine.close)

    assert [frame.index for frame in frames if frame.image is not None] == list(range(8))
