"""bitHuman's kind of runtime in a real room: speech is seen, and a runtime that is late or dies costs no voice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from livekit_bithuman.adapters import sdk
from livekit_bithuman.adapters.sdk import engine_of_runtime, open_model
from livekit_bithuman.testing import marker_voice
from tests.stand_in import Manner, StandInRuntime

from .rooms import RATE, StageOf, Told, ViewerOf, marks, resting_after, slots, tail

pytestmark = pytest.mark.server

SIZE = (256, 192)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    StandInRuntime.made.clear()
    path = tmp_path / "person.imx"
    path.write_bytes(b"imx")
    return path


def install(monkeypatch: pytest.MonkeyPatch, *manners: Manner) -> None:
    """Let stand-ins be what the SDK offers, each next one of the next manner, and of the last one from then on."""

    class Installed(StandInRuntime):
        def __init__(self) -> None:
            super().__init__(manners[min(len(StandInRuntime.made), len(manners) - 1)])

    monkeypatch.setattr(sdk, "find_runtime_class", lambda: Installed)


def opener(model: Path) -> object:
    return lambda: open_model(model, api_secret="bh-a-secret")


@pytest.mark.parametrize(
    "manner",
    [
        Manner(size=SIZE),
        Manner(size=SIZE, fps=20, first_chunk=21, chunk=32),
        Manner(size=SIZE, filler_audio=True, tail=9),
    ],
    ids=["essence", "expression 2", "silent fillers and a tail"],
)
async def test_speech_is_seen_and_counted(
    manner: Manner, model: Path, monkeypatch: pytest.MonkeyPatch, stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    install(monkeypatch, manner)
    async with stage_of(engine=opener(model)) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, 4 * RATE, RATE), RATE)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(4.0, False)]
        assert stage.avatar.statistics.engine_failures == 0
        seen = slots(viewer, 1)
        assert len(seen) > 1.5 * manner.fps
        assert max(seen) > 3 * manner.fps
    assert StandInRuntime.made[0].foreign_calls == 0
    assert StandInRuntime.made[0].calls[-2:] == ["stop", "shutdown"]


async def test_an_interruption_ends_the_face_and_the_next_reply_is_seen(
    model: Path, monkeypatch: pytest.MonkeyPatch, stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    install(monkeypatch, Manner(size=SIZE, chunk=8, stragglers=3))
    async with stage_of(engine=opener(model)) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        handle = stage.say(marker_voice(1, 5 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 1)) > 10)
        await handle.interrupt()
        await viewer.until(lambda: resting_after(viewer, 1))
        await stage.say(marker_voice(2, RATE, RATE), RATE)
        await viewer.until(lambda: resting_after(viewer, 2))
        assert [interrupted for _, interrupted in told.finished] == [True, False]
        after = [mark for mark in marks(viewer) if not mark.rest]
        first_of_next = next(k for k, mark in enumerate(after) if mark.turn == 2)
        assert all(mark.turn == 2 for mark in after[first_of_next:])
        assert stage.avatar.statistics.engine_failures == 0


@pytest.mark.parametrize("ending", ["fails_after", "ends_after"])
async def test_a_runtime_that_dies_in_mid_reply_costs_no_voice_and_another_takes_over(
    ending: str, model: Path, monkeypatch: pytest.MonkeyPatch, stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    dying = Manner(size=SIZE, **{ending: 20})  # type: ignore[arg-type]
    install(monkeypatch, dying, Manner(size=SIZE))
    async with stage_of(engine=opener(model)) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        recovered = asyncio.Event()
        stage.avatar.on("engine_recovered", recovered.set)
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, 6 * RATE, RATE), RATE)
        assert told.finished == [(6.0, False)]
        await asyncio.wait_for(recovered.wait(), 20)
        assert stage.avatar.statistics.engine_failures == 1
        assert stage.avatar.statistics.engine_restarts == 1
        before = len(viewer.pictures)
        await stage.say(marker_voice(2, RATE, RATE), RATE)
        await viewer.until(lambda: any(not mark.rest for mark in marks(viewer, before)))
    assert [runtime.calls[-2:] for runtime in StandInRuntime.made] == [["stop", "shutdown"]] * 2


async def test_a_slow_first_picture_holds_no_voice_back(
    model: Path, monkeypatch: pytest.MonkeyPatch, stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    install(monkeypatch, Manner(size=SIZE, render_s=0.8))
    async with stage_of(engine=opener(model)) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        speaking = stage.say(marker_voice(1, 4 * RATE, RATE), RATE)
        await told.until_started(1)
        assert not slots(viewer, 1), "the voice is first"
        await speaking
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(4.0, False)]
        assert stage.avatar.statistics.engine_failures == 0


async def test_two_sessions_have_a_runtime_each(
    model: Path, monkeypatch: pytest.MonkeyPatch, stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    install(monkeypatch, Manner(size=SIZE))
    for count in (1, 2):
        async with stage_of(engine=opener(model)) as stage, viewer_of() as viewer:
            await viewer.until(lambda: marks(viewer))
            await stage.say(marker_voice(1, RATE, RATE), RATE)
            await viewer.until(lambda: resting_after(viewer, 1))
            assert len(StandInRuntime.made) == count
    assert all(runtime.calls[-2:] == ["stop", "shutdown"] for runtime in StandInRuntime.made)


async def test_a_runtime_that_exists_is_used_and_cleaned_up(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    runtime = StandInRuntime(Manner(size=SIZE))
    async with stage_of(engine=await engine_of_runtime(runtime)) as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(1.0, False)]
    assert runtime.calls[-2:] == ["stop", "cleanup"]
