"""A server that dies, comes back, or lets the agent in no more: replies end, the tracks return, the log says so."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress, ServerBinary, ServerProcess, find_binary
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage

from .rooms import RATE, Departures, Told, marks, no_new_tasks, resting_after, slots, tail

pytestmark = pytest.mark.server

LOST = "the connection to the room is lost: the avatar speaks on unheard until it is back"
BACK = "the connection to the room is back, and the avatar with it"


class Server:
    """A livekit-server that a test kills and runs again."""

    def __init__(self, binary: ServerBinary) -> None:
        self._binary = binary
        self._process = ServerProcess(binary)
        self.address = self._process.start()

    async def kill(self) -> None:
        await asyncio.to_thread(self._process.stop)

    async def run_again(self, at: ServerAddress | None = None) -> None:
        """At the address it had, and with the key it had unless `at` has another."""
        self._process = ServerProcess(self._binary, at=at or self.address)
        await asyncio.to_thread(self._process.start)

    def stop(self) -> None:
        self._process.stop()


@pytest.fixture
def server() -> Iterator[Server]:
    binary = find_binary()
    if binary is None:
        pytest.skip("no livekit-server on PATH or in the cache: `python -m livekit_bithuman.server` builds one")
    server = Server(binary)
    try:
        yield server
    finally:
        server.stop()


@asynccontextmanager
async def stage_at(address: ServerAddress, ttl: datetime.timedelta | None = None) -> AsyncIterator[Stage]:
    """An agent with an avatar, closed whatever has become of its room."""
    room = rtc.Room()
    await room.connect(address.url, agent_token(address, ttl))
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "manual"})
    avatar = AvatarSession(engine=MarkerEngine((256, 256)))
    try:
        await avatar.start(session, room=room)
        await session.start(
            Agent(instructions=""),
            room=room,
            room_options=RoomOptions(audio_input=False, text_output=False, close_on_disconnect=False),
        )
        yield Stage(session, room, avatar)
    finally:
        await avatar.aclose()
        await session.aclose()
        await room.disconnect()


def agent_token(address: ServerAddress, ttl: datetime.timedelta | None = None) -> str:
    grants = api.VideoGrants(room_join=True, room="lobby", agent=True)
    token = api.AccessToken(address.api_key, address.api_secret).with_identity("agent").with_kind("agent")
    return (token.with_ttl(ttl) if ttl is not None else token).with_grants(grants).to_jwt()


def viewer_at(address: ServerAddress) -> Viewer:
    return Viewer.joining(address.url, address.api_key, address.api_secret, "lobby")


def heard_of(room: rtc.Room, event: str) -> asyncio.Event:
    """Set when the room says so."""
    happened = asyncio.Event()
    room.on(event, lambda *_: happened.set())  # type: ignore[arg-type]
    return happened


def log_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "livekit_bithuman"]


async def test_a_server_that_restarts_gets_both_tracks_back_and_the_reply_ends(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "livekit_bithuman")
    with no_new_tasks():
        async with (
            stage_at(server.address) as stage,
            Departures(stage, monkeypatch) as left,
            viewer_at(server.address) as viewer,
        ):
            told, voice = Told(tail(stage)), marker_voice(2, RATE, RATE)
            back = heard_of(stage.room, "reconnected")
            await viewer.until(lambda: marks(viewer))
            reply = stage.say(marker_voice(1, 4 * RATE, RATE), RATE)
            await viewer.until(lambda: len(slots(viewer, 0)) > 10)
            await server.kill()
            seen = len(viewer.pictures)
            await server.run_again()
            await asyncio.wait_for(reply.wait_for_playout(), 20)
            assert told.finished == [(4.0, False)]
            await asyncio.wait_for(back.wait(), 60)
            await viewer.until(lambda: marks(viewer, seen) and viewer.hearing.frames, 60)
            heard_before = len(viewer.hearing.frames)
            await viewer.until(lambda: len(viewer.hearing.frames) > heard_before + 20, 60)
            await stage.say(voice, RATE)
            await viewer.until(lambda: resting_after(viewer, 1))
            assert told.finished == [(4.0, False), (1.0, False)]
            assert len(slots(viewer, 1)) > 12, "of 25"
            assert len({sample for _, _, sample in viewer.heard(VoiceLocator({2: voice}))}) > 50, "of 100"
            assert left.in_step(1, voice)
            names = sorted(p.name for p in stage.room.local_participant.track_publications.values())
            assert names == ["avatar_audio", "avatar_video"]
    assert log_lines(caplog) == [LOST, BACK]


async def test_a_server_that_is_gone_for_good_holds_no_reply_and_no_close_up(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "livekit_bithuman")
    with no_new_tasks():
        async with stage_at(server.address) as stage:
            told = Told(tail(stage))
            lost = heard_of(stage.room, "reconnecting")
            first = stage.say(marker_voice(1, 2 * RATE, RATE), RATE)
            await told.until_started(1)
            await server.kill()
            await asyncio.wait_for(lost.wait(), 20)
            await asyncio.wait_for(first.wait_for_playout(), 20)
            await asyncio.wait_for(stage.say(marker_voice(2, RATE, RATE), RATE).wait_for_playout(), 20)
            third = stage.say(marker_voice(3, 5 * RATE, RATE), RATE)
            await told.until_started(3)
            third.interrupt()
            await asyncio.wait_for(third.wait_for_playout(), 20)
            assert [interrupted for _, interrupted in told.finished] == [False, False, True]
            stage.say(marker_voice(4, 5 * RATE, RATE), RATE)
            await told.until_started(4)
            await asyncio.wait_for(stage.avatar.aclose(), 20)
            assert told.finished[3][1]
    first_line, *given_up = log_lines(caplog)
    assert first_line == LOST
    assert all("the room is closed to the agent" in line for line in given_up), "livekit tries for 5 to 15 s"
    assert len(given_up) <= 1


async def test_an_avatar_that_starts_while_the_connection_is_lost_appears_once(server: Server) -> None:
    address = server.address
    room = rtc.Room()
    await room.connect(address.url, agent_token(address))
    session: AgentSession[None] = AgentSession(vad=None)
    avatar = AvatarSession(engine=MarkerEngine((256, 256)))
    lost, back = heard_of(room, "reconnecting"), heard_of(room, "reconnected")
    try:
        await server.kill()
        await asyncio.wait_for(lost.wait(), 20)
        await avatar.start(session, room=room)
        assert not room.local_participant.track_publications
        await server.run_again()
        await asyncio.wait_for(back.wait(), 60)
        async with viewer_at(address) as viewer:
            await viewer.until(lambda: len(marks(viewer)) > 10 and viewer.hearing.frames)
            published = [p.name for p in viewer.room.remote_participants["agent"].track_publications.values()]
            assert sorted(published) == ["avatar_audio", "avatar_video"]
            await avatar.aclose()
            await viewer.until(lambda: sorted(viewer.unpublished) == ["avatar_audio", "avatar_video"])
    finally:
        await avatar.aclose()
        await session.aclose()
        await room.disconnect()


async def test_a_token_that_ran_out_does_not_keep_a_connected_agent_from_coming_back(server: Server) -> None:
    ttl = datetime.timedelta(seconds=2)
    async with stage_at(server.address, ttl) as stage, viewer_at(server.address) as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, 3 * RATE, RATE), RATE)  # until after the token's end
        back = heard_of(stage.room, "reconnected")
        seen = len(viewer.pictures)
        await stage.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        await asyncio.wait_for(back.wait(), 60)
        await viewer.until(lambda: len(marks(viewer, seen)) > 25)
        await stage.say(marker_voice(2, RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 1)) > 12)
        assert told.finished == [(3.0, False), (1.0, False)]


async def test_an_agent_that_is_removed_ends_its_reply(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    address = server.address
    async with stage_at(address) as stage:
        told = Told(tail(stage))
        closed = heard_of(stage.room, "disconnected")
        reply = stage.say(marker_voice(1, 2 * RATE, RATE), RATE)
        await told.until_started(1)
        async with api.LiveKitAPI(address.http_url, address.api_key, address.api_secret) as admin:
            await admin.room.remove_participant(api.RoomParticipantIdentity(room="lobby", identity="agent"))
        await asyncio.wait_for(closed.wait(), 20)
        await asyncio.wait_for(reply.wait_for_playout(), 20)
        assert told.finished == [(2.0, False)]
    assert log_lines(caplog) == [
        "the room is closed to the agent (PARTICIPANT_REMOVED): nobody sees or hears the avatar any more"
    ]


async def test_an_agent_that_is_let_in_no_more_is_told_once_and_comes_back_when_it_connects_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "livekit_bithuman")
    other = ServerAddress(server.address.url, "APIother", "s" * 40)
    with no_new_tasks():
        async with stage_at(server.address) as stage:
            told = Told(tail(stage))
            closed = heard_of(stage.room, "disconnected")
            await server.kill()
            await server.run_again(other)
            await asyncio.wait_for(closed.wait(), 60)
            await asyncio.wait_for(stage.say(marker_voice(1, RATE, RATE), RATE).wait_for_playout(), 20)
            assert told.finished == [(1.0, False)]

            await stage.room.connect(other.url, agent_token(other))
            async with viewer_at(other) as viewer:
                await viewer.until(lambda: marks(viewer))
                await stage.say(marker_voice(2, RATE, RATE), RATE)
                await viewer.until(lambda: len(slots(viewer, 1)) > 12)
            assert told.finished == [(1.0, False), (1.0, False)]
    assert log_lines(caplog) == [
        LOST,
        "the room is closed to the agent (JOIN_FAILURE): nobody sees or hears the avatar any more",
    ]
