"""A session in a real room is recorded, and its replay agrees with what happened."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest
from livekit.agents.voice.io import PlaybackFinishedEvent

from livekit_bithuman import AvatarSession
from livekit_bithuman.cli import main
from livekit_bithuman.errors import TraceError
from livekit_bithuman.rtc import compat
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer, marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar
from livekit_bithuman.trace import Trace, replay, utterances

pytestmark = pytest.mark.server

RATE = 24_000


@pytest.mark.parametrize("voice", [False, True])
async def test_a_session_is_recorded_and_replays(
    livekit_server: ServerAddress, tmp_path: Path, voice: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    server, room, path = livekit_server, f"room-{uuid.uuid4().hex[:8]}", tmp_path / "session.jsonl"
    avatar = AvatarSession(size=(128, 128), record=path, record_voice=voice)
    ends: list[PlaybackFinishedEvent] = []
    async with (
        agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar) as stage,
        Viewer.joining(server.url, server.api_key, server.api_secret, room) as viewer,
    ):
        output = compat.audio_tail(stage.session.output)
        assert output is not None
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
        await avatar.swap()
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


async def test_a_recording_that_cannot_be_written_refuses_the_start(
    livekit_server: ServerAddress, tmp_path: Path
) -> None:
    server, room = livekit_server, f"room-{uuid.uuid4().hex[:8]}"
    avatar = AvatarSession(size=(128, 128), record=tmp_path / "missing" / "session.jsonl")
    with pytest.raises(TraceError, match="cannot be recorded"):
        async with agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar):
            pass
