"""Rooms that refuse a track or mute one: the voice and the agent's replies go on, and the log says what happened."""

from __future__ import annotations

import asyncio
import logging

import pytest
from livekit import api, rtc
from livekit.agents import AgentSession

from livekit_bithuman.errors import RoomError
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import frames

from .rooms import RATE, SLOT, Departures, StageOf, Told, ViewerOf, marks, no_new_tasks, resting_after, slots, tail

pytestmark = pytest.mark.server


async def agent_room(server: ServerAddress, room_name: str, *, can_publish: bool, sources: list[str]) -> rtc.Room:
    """The room, joined by an agent with these rights."""
    grants = api.VideoGrants(
        room_join=True, room=room_name, agent=True, can_publish=can_publish, can_publish_sources=sources
    )
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("agent").with_kind("agent")
    room = rtc.Room()
    await room.connect(server.url, token.with_grants(grants).to_jwt())
    return room


def log_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """(level, message) of what the package logged, from warnings up."""
    ours = [record for record in caplog.records if record.name == "livekit_bithuman"]
    return [(record.levelno, record.getMessage()) for record in ours if record.levelno >= logging.WARNING]


async def test_a_refused_video_leaves_the_voice(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    room = await agent_room(livekit_server, room_name, can_publish=True, sources=["microphone"])
    session: AgentSession[None] = AgentSession(vad=None)
    avatar = AvatarSession(engine=MarkerEngine((128, 96)))
    try:
        with no_new_tasks():
            await avatar.start(session, room=room)
            assert session.output.audio is not None
            output, told, voice = session.output.audio, Told(session.output.audio), marker_voice(1, RATE, RATE)
            locator = VoiceLocator({1: voice})
            async with viewer_of() as viewer:
                await viewer.until(viewer.loudness)
                async for frame in frames(voice, RATE):
                    await output.capture_frame(frame)
                output.flush()
                await asyncio.wait_for(output.wait_for_playout(), 20)
                await viewer.until(lambda: viewer.loudness()[-1][1] < 0.01 < viewer.loudness()[-30][1])
                heard = [sample for _, _, sample in viewer.heard(locator)]
            assert told.finished == [(1.0, False)]
            assert min(heard) < 0.2 * RATE
            assert max(heard) > 0.8 * RATE
            await avatar.aclose()
    finally:
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()
    [(level, message)] = log_lines(caplog)
    assert level == logging.WARNING
    assert "video could not be published, its voice is" in message
    assert "add 'camera' to can_publish_sources" in message


@pytest.mark.parametrize(("can_publish", "sources"), [(True, ["camera"]), (False, [])])
async def test_a_refused_voice_is_an_error_that_leaves_nothing_behind(
    livekit_server: ServerAddress, room_name: str, can_publish: bool, sources: list[str]
) -> None:
    class Closing(MarkerEngine):
        closed = False

        def close(self) -> None:
            self.closed = True

    room = await agent_room(livekit_server, room_name, can_publish=can_publish, sources=sources)
    session: AgentSession[None] = AgentSession(vad=None)
    engine = Closing()
    avatar = AvatarSession(engine=engine)
    published: list[object] = []
    room.on("local_track_published", lambda *args: published.append(args))
    try:
        with no_new_tasks():
            with pytest.raises(RoomError, match="does not let it publish its voice"):
                await avatar.start(session, room=room)
            await avatar.aclose()
        assert session.output.audio is None
        assert engine.closed
        assert not published, "nor was a silent face shown for a moment"
    finally:
        await session.aclose()
        await room.disconnect()


async def test_a_server_that_does_not_answer_a_publication_is_an_error_too(
    livekit_server: ServerAddress, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise rtc.participant.PublishTrackError("no response received from the server")

    room = await agent_room(livekit_server, room_name, can_publish=True, sources=[])
    session: AgentSession[None] = AgentSession(vad=None)
    monkeypatch.setattr(rtc.LocalParticipant, "publish_track", refuse)
    try:
        with no_new_tasks(), pytest.raises(RoomError, match="avatar_audio: no response"):
            await AvatarSession(engine=MarkerEngine((128, 96))).start(session, room=room)
        assert session.output.audio is None
    finally:
        await session.aclose()
        await room.disconnect()


async def test_a_muted_voice_is_spoken_unheard_and_comes_back_in_step(
    stage_of: StageOf, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "livekit_bithuman")
    first, second = marker_voice(1, 2 * RATE, RATE), marker_voice(2, RATE, RATE)
    async with stage_of() as stage, Departures(stage, monkeypatch) as left, viewer_of() as viewer:
        told = Told(tail(stage))
        changes: list[str] = []
        viewer.room.on("track_muted", lambda _, publication: changes.append(f"muted {publication.name}"))
        viewer.room.on("track_unmuted", lambda _, publication: changes.append(f"unmuted {publication.name}"))
        track = next(p.track for p in stage.room.local_participant.track_publications.values() if "audio" in p.name)
        assert isinstance(track, rtc.LocalAudioTrack)
        await viewer.until(lambda: marks(viewer))
        reply = stage.say(first, RATE)
        await viewer.until(lambda: max(slots(viewer, 0), default=0) >= 10)
        track.mute()
        await viewer.until(lambda: max(slots(viewer, 0)) >= 28)
        track.unmute()
        await reply
        await viewer.until(lambda: resting_after(viewer, 0))
        await stage.say(second, RATE)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(2.0, False), (1.0, False)]
        assert told.started == 2
        assert changes == ["muted avatar_audio", "unmuted avatar_audio"]
        heard = [sample // SLOT for _, _, sample in viewer.heard(VoiceLocator({1: first}))]
        assert min(heard) < 5
        assert max(heard) > 42
        assert sum(15 <= slot < 25 for slot in heard) < 10, "of forty: not heard while muted"
        assert left.in_step(0, first, from_slot=33)
        assert left.in_step(1, second)
    said = [record.getMessage() for record in caplog.records if "avatar_audio" in record.getMessage()]
    assert said == [
        "the avatar's track avatar_audio is muted in the room; replies go on",
        "the avatar's track avatar_audio is no longer muted",
    ]


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_a_track_that_the_server_mutes_holds_no_reply_up(
    livekit_server: ServerAddress,
    room_name: str,
    stage_of: StageOf,
    viewer_of: ViewerOf,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, voice = livekit_server, marker_voice(2, RATE, RATE)
    name = f"avatar_{kind}"
    async with stage_of() as stage, Departures(stage, monkeypatch) as left, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        reply = stage.say(marker_voice(1, 2 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 10)
        publication = next(p for p in stage.room.local_participant.track_publications.values() if p.name == name)
        muted = asyncio.Event()
        stage.room.on("track_muted", lambda *_: muted.set())
        async with api.LiveKitAPI(server.http_url, server.api_key, server.api_secret) as admin:
            request = api.MuteRoomTrackRequest(room=room_name, identity="agent", track_sid=publication.sid, muted=True)
            await admin.room.mute_published_track(request)
        await asyncio.wait_for(muted.wait(), 20)
        await asyncio.wait_for(reply.wait_for_playout(), 20)
        assert publication.track is not None
        publication.track.unmute()
        seen = len(viewer.pictures)
        await viewer.until(lambda: len(marks(viewer, seen)) > 5)
        await stage.say(voice, RATE)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(2.0, False), (1.0, False)]
        assert len(slots(viewer, 1)) > 12
        assert left.in_step(1, voice)
    assert log_lines(caplog) == [(logging.WARNING, f"the avatar's track {name} is muted in the room; replies go on")]
