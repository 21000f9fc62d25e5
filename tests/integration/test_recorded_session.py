"""A session in a real room is recorded, and its replay agrees with what happened."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from livekit.agents.voice.io import PlaybackFinishedEvent

from livekit_bithuman.cli import main
from livekit_bithuman.errors import TraceError
from livekit_bithuman.rtc.player import AvatarPlayer
from livekit_bithuman.testing import marker_voice
from livekit_bithuman.trace import Trace, replay, utterances

from .rooms import RATE, StageOf, ViewerOf, tail

pytestmark = pytest.mark.server


@pytest.mark.parametrize("voice", [False, True])
async def test_a_session_is_recorded_and_replays(
    stage_of: StageOf, viewer_of: ViewerOf, tmp_path: Path, voice: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "session.jsonl"
    options = {"engine": None, "size": (128, 128), "record": path, "record_voice": voice}
    ends: list[PlaybackFinishedEvent] = []
    async with stage_of(**options) as stage, viewer_of() as viewer:
        output = tail(stage)
        output.on("playback_finished", ends.append)
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        handle = stage.say(marker_voice(2, 4 * RATE, RATE), RATE)
        seen = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > seen + 20)
        handle.interrupt()
        await handle
        third = stage.say(marker_voice(3, 2 * RATE, RATE), RATE)
        await viewer.until(lambda: any(p.info and p.info.segment == 2 for p in viewer.pictures))
        output.pause()
        await stage.avatar.swap()
        output.resume()
        await third
        unfinished = asyncio.ensure_future(stage.say(marker_voice(4, RATE, RATE), RATE).wait_for_playout())
        await viewer.until(lambda: any(p.info and p.info.segment == 3 for p in viewer.pictures))
    await unfinished

    trace = Trace.parse(path.read_text())
    assert not trace.truncated
    replayed = replay(trace)
    assert replayed.divergence is None
    assert replayed.pictures > 60
    assert replayed.poses == (replayed.pictures if voice else 0)
    said = [(round(u.position or 0.0, 4), u.interrupted) for u in utterances(trace)]
    assert said == [(round(end.playback_position, 4), end.interrupted) for end in ends]
    assert len(said) == 4
    assert [interrupted for _, interrupted in said] == [False, True, False, True]

    assert main(["replay", str(path)]) == 0
    assert "agree" in capsys.readouterr().out


async def test_a_recording_that_cannot_be_written_refuses_the_start(stage_of: StageOf, tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be recorded"):
        async with stage_of(record=tmp_path / "missing" / "session.jsonl"):
            pass


async def test_a_recording_is_whole_though_the_close_fails(
    stage_of: StageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "session.jsonl"
    close = AvatarPlayer.aclose

    async def fail(player: AvatarPlayer) -> None:
        await close(player)
        raise OSError("the room is on fire")

    monkeypatch.setattr(AvatarPlayer, "aclose", fail)
    with pytest.raises(OSError, match="on fire"):
        async with stage_of(record=path):
            pass
    assert not Trace.parse(path.read_text()).truncated
