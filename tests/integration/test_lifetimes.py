"""Avatars that come, go, collide and are cancelled half-way: nothing is left behind, and the next one starts."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer, marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar, frames

from .rooms import RATE, StageOf, Told, ViewerOf, bare_agent, marks, no_new_tasks, resting_after, slots, tail

pytestmark = pytest.mark.server


class Counted(MarkerEngine):
    """Knows whether it was closed, and lets tests in before its first picture."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        super().__init__((128, 96))
        self.closed = threading.Event()
        self.drawing = threading.Event()  # the first picture was asked for
        self._gate = gate

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        self.drawing.set()
        if self._gate is not None:
            self._gate.wait(20)
        return super().draw(frame, presentation)

    def close(self) -> None:
        self.closed.set()


def watch_publishing(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the first track is handed to the room."""
    begun = asyncio.Event()
    publish_track = rtc.LocalParticipant.publish_track

    async def watched(*args: Any) -> rtc.LocalTrackPublication:
        begun.set()
        return await publish_track(*args)

    monkeypatch.setattr(rtc.LocalParticipant, "publish_track", watched)
    return begun


async def until_no_tracks(room: rtc.Room) -> None:
    """Wait until the agent has no track in the room; livekit says so a moment after it was told."""
    gone = asyncio.Event()
    listener = lambda *_: gone.set()  # noqa: E731 - the same object is taken off again
    room.on("local_track_unpublished", listener)
    try:
        while room.local_participant.track_publications:
            gone.clear()
            await asyncio.wait_for(gone.wait(), 20)
    finally:
        room.off("local_track_unpublished", listener)


async def speaks(avatar: AvatarSession, session: AgentSession[None], room: rtc.Room) -> None:
    """Whether a new avatar starts where another one failed, and its voice ends as it should."""
    await avatar.start(session, room=room)
    try:
        output = session.output.audio
        assert output is not None
        told = Told(output)
        async for frame in frames(marker_voice(1, RATE // 2, RATE), RATE):
            await output.capture_frame(frame)
        output.flush()
        await asyncio.wait_for(output.wait_for_playout(), 20)
        assert told.finished == [(0.5, False)]
        assert sorted(p.name for p in room.local_participant.track_publications.values()) == [
            "avatar_audio",
            "avatar_video",
        ]
    finally:
        await avatar.aclose()


async def test_of_two_avatars_that_start_at_once_one_wins(livekit_server: ServerAddress, room_name: str) -> None:
    async with bare_agent(livekit_server, room_name) as (session, room):
        with no_new_tasks():
            engines = [Counted(), Counted()]
            avatars = [AvatarSession(engine=engine) for engine in engines]
            results = await asyncio.gather(*(a.start(session, room=room) for a in avatars), return_exceptions=True)
            assert results[0] is None
            assert isinstance(results[1], InvalidStateError)
            assert len(room.local_participant.track_publications) == 2
            await avatars[1].aclose()
            assert session.output.audio is not None, "closing the one that was refused takes nothing from the other"
            assert not engines[0].closed.is_set()
            await avatars[0].aclose()
            await until_no_tracks(room)
        await speaks(AvatarSession(engine=Counted()), session, room)


async def test_two_agents_in_two_rooms_are_independent(livekit_server: ServerAddress) -> None:
    server = livekit_server
    names = [f"room-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    keys = (server.url, server.api_key, server.api_secret)
    avatars = [AvatarSession(engine=MarkerEngine((256, 256))) for _ in names]
    async with (
        agent_with_avatar(*keys, names[0], avatars[0]) as first,
        agent_with_avatar(*keys, names[1], avatars[1]) as second,
        Viewer.joining(*keys, names[0]) as viewer,
        Viewer.joining(*keys, names[1]) as other,
    ):
        told = [Told(tail(stage)) for stage in (first, second)]
        await viewer.until(lambda: marks(viewer))
        await other.until(lambda: marks(other))
        long = first.say(marker_voice(1, 4 * RATE, RATE), RATE)
        await second.say(marker_voice(2, RATE, RATE), RATE)
        await other.until(lambda: resting_after(other, 0))
        await second.avatar.aclose()
        assert told[1].finished == [(1.0, False)]
        await long
        assert told[0].finished == [(4.0, False)]
        await viewer.until(lambda: resting_after(viewer, 0) and max(slots(viewer, 0)) > 90)


@pytest.mark.parametrize("moment", ["at once", "loading", "drawing", "publishing"])
@pytest.mark.parametrize("how", ["cancelled", "closed"])
async def test_a_start_that_is_given_up_is_undone(
    livekit_server: ServerAddress, room_name: str, moment: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing = watch_publishing(monkeypatch)
    loading, gate = threading.Event(), threading.Event()
    engines: list[Counted] = []

    def make() -> Counted:
        engines.append(Counted(gate))
        loading.set()
        if moment == "loading":
            gate.wait(20)
        return engines[0]

    async with bare_agent(livekit_server, room_name) as (session, room):
        with no_new_tasks():
            avatar = AvatarSession(engine=make)
            starting = asyncio.create_task(avatar.start(session, room=room))
            if moment == "loading":
                await asyncio.to_thread(loading.wait, 20)
            elif moment == "drawing":
                await asyncio.to_thread(loading.wait, 20)
                await asyncio.to_thread(engines[0].drawing.wait, 20)
            elif moment == "publishing":
                gate.set()
                await asyncio.wait_for(publishing.wait(), 20)
            elif how == "closed":
                await asyncio.sleep(0)  # a call that has not begun is not there to be closed
            if how == "cancelled":
                starting.cancel()
            else:
                closing = asyncio.create_task(avatar.aclose())
                await asyncio.sleep(0)
                closing.cancel()  # a close that is cancelled goes on too
            gate.set()
            with pytest.raises(asyncio.CancelledError if how == "cancelled" else InvalidStateError):
                await asyncio.wait_for(starting, 20)
            await avatar.aclose()
            assert session.output.audio is None
            await until_no_tracks(room)
        for engine in engines:
            assert await asyncio.to_thread(engine.closed.wait, 20)
        with pytest.raises(InvalidStateError):
            await avatar.start(session, room=room)
        await speaks(AvatarSession(engine=Counted()), session, room)


async def test_a_second_avatar_after_the_first_on_a_running_agent(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        await stage.avatar.aclose()
        await viewer.until(lambda: sorted(viewer.unpublished) == ["avatar_audio", "avatar_video"])
        seen = len(viewer.pictures)
        second = AvatarSession(engine=MarkerEngine((256, 256)))
        await second.start(stage.session, room=stage.room)
        try:
            told = Told(tail(stage))
            await viewer.until(lambda: marks(viewer, seen))
            await stage.say(marker_voice(2, RATE, RATE), RATE)
            assert told.finished == [(1.0, False)]
            await viewer.until(lambda: len(slots(viewer, 0, seen)) > 12)
            assert viewer.pictures[-1].size == (256, 256)
        finally:
            await second.aclose()


async def test_agents_one_after_another_in_one_room(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf
) -> None:
    async with bare_agent(livekit_server, room_name) as (_, room), viewer_of() as viewer:
        for number in range(2):
            seen = len(viewer.pictures)
            session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "manual"})
            avatar = AvatarSession(engine=MarkerEngine((256, 256)))
            await avatar.start(session, room=room)
            await session.start(Agent(instructions=""), room=room, room_options=RoomOptions(audio_input=False))
            output = session.output.audio
            assert output is not None
            told = Told(output)
            await viewer.until(lambda seen=seen: marks(viewer, seen))
            await session.say("(marker)", audio=frames(marker_voice(number, RATE, RATE), RATE))
            assert told.finished == [(1.0, False)]
            await viewer.until(lambda seen=seen: len(slots(viewer, 0, seen)) > 12)
            await session.aclose()
            await avatar.aclose()
            await viewer.until(lambda number=number: len(viewer.unpublished) == 2 * (number + 1))
