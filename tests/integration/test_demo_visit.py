"""A demo visit in a real room: what the page's calls do, seen and heard by a visitor."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit import api, rtc

from livekit_bithuman.demo import visit as visit_module
from livekit_bithuman.demo.visit import AGENT_IDENTITY, GREETING, MAX_TEXT, Invitation, Visit, Visits
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.marker import MarkerEngine

pytest.importorskip("hibari", reason="hibari-tts is not installed")

from livekit_bithuman.demo.voice import LocalVoice

pytestmark = pytest.mark.server

SOON_S = 30.0  # how long a busy machine is given; nothing here waits for it in vain
LONG_TEXT = "This sentence is one of very many, and nobody will hear them all. " * 20


class Visitor:
    """Somebody at the page: joins by invitation, calls the agent, and remembers what came back."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.states: list[str] = []
        self.captions: list[str] = []
        self.tracks: set[str] = set()
        self.loud = False  # whether voice was heard since this was last set to False
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def joined(cls, invitation: Invitation) -> AsyncIterator[Visitor]:
        """A visitor who is in the room, and has both of the avatar's tracks."""
        visitor = cls()
        visitor.room.on("participant_attributes_changed", visitor._on_attributes)
        visitor.room.on("track_subscribed", visitor._on_track)
        visitor.room.register_text_stream_handler("lk.transcription", visitor._on_caption)
        await visitor.room.connect(invitation.url, invitation.token)
        await visitor.room.local_participant.set_attributes({"here": "yes"})
        try:
            await visitor.until(lambda: visitor.tracks == {"avatar_audio", "avatar_video"})
            yield visitor
        finally:
            for task in visitor._tasks:
                task.cancel()
            await asyncio.gather(*visitor._tasks, return_exceptions=True)
            await visitor.room.disconnect()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that arrived makes `condition` true."""

        async def wait() -> None:
            while not condition():
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), SOON_S)

    async def call(self, method: str, payload: str = "{}") -> str:
        """Call the agent, again if it was not there yet, as the page does."""
        while True:
            try:
                return await self.room.local_participant.perform_rpc(
                    destination_identity=AGENT_IDENTITY, method=method, payload=payload
                )
            except rtc.RpcError as error:
                if error.code != rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
                    raise
                await asyncio.sleep(0.05)

    async def say(self, text: str) -> None:
        """Send a text."""
        await self.call("say", json.dumps({"text": text}))

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if "lk.agent.state" in changed:
            self.states.append(changed["lk.agent.state"])
            self._changed.set()

    def _on_track(
        self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant
    ) -> None:
        self.tracks.add(publication.name)
        self._changed.set()
        if isinstance(track, rtc.RemoteAudioTrack):
            self._tasks.append(asyncio.create_task(self._listen(track)))

    def _on_caption(self, reader: rtc.TextStreamReader, _: str) -> None:
        self._tasks.append(asyncio.create_task(self._read(reader)))

    async def _listen(self, track: rtc.RemoteAudioTrack) -> None:
        async for event in rtc.AudioStream.from_track(track=track, sample_rate=24_000, num_channels=1):
            samples = np.frombuffer(event.frame.data, np.int16)
            if np.abs(samples.astype(np.int32)).max() > 1_000:
                self.loud = True
                self._changed.set()

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        index = len(self.captions)
        self.captions.append("")
        async for piece in reader:
            self.captions[index] += piece
            self._changed.set()


@pytest.fixture(scope="module")
def voice() -> LocalVoice:
    return LocalVoice()


@pytest.fixture
async def visitor(livekit_server: ServerAddress, voice: LocalVoice) -> AsyncIterator[Visitor]:
    """A visitor in a visit that has begun."""
    visit = Visit(livekit_server, voice, AvatarSession(engine=MarkerEngine((64, 48))))
    running = asyncio.create_task(visit.run())
    async with Visitor.joined(visit.invitation()) as visitor:
        yield visitor
    await asyncio.wait_for(running, SOON_S)


async def test_hello_is_answered_with_the_greeting(visitor: Visitor) -> None:
    await visitor.call("hello")
    await visitor.until(lambda: visitor.loud and "speaking" in visitor.states)
    await visitor.until(lambda: any(GREETING.startswith(text) for text in visitor.captions if text))
    await visitor.call("stop")
    await visitor.until(lambda: visitor.states[-1] == "listening")


async def test_a_text_is_said_to_its_end(visitor: Visitor) -> None:
    await visitor.say("Yes, of course.")
    await visitor.until(lambda: visitor.loud)
    await visitor.until(lambda: visitor.states[-2:] == ["speaking", "listening"])
    await visitor.until(lambda: "".join(visitor.captions).strip() == "Yes, of course.")


async def test_stop_ends_a_text_long_before_its_end(visitor: Visitor) -> None:
    await visitor.say(LONG_TEXT)  # more than a minute
    await visitor.until(lambda: visitor.loud)
    await visitor.call("stop")
    await visitor.until(lambda: visitor.states[-1] == "listening")
    # and it can be heard again
    visitor.loud = False
    await visitor.say("Back again.")
    await visitor.until(lambda: visitor.loud)
    await visitor.until(lambda: visitor.states[-1] == "listening")


async def test_a_new_text_takes_the_place_of_the_one_that_is_being_said(visitor: Visitor) -> None:
    await visitor.say(LONG_TEXT)
    await visitor.until(lambda: visitor.loud)
    await visitor.say(LONG_TEXT)
    await visitor.say("Only this is left.")
    await visitor.until(lambda: bool(visitor.captions) and visitor.captions[-1].strip() == "Only this is left.")
    await visitor.until(lambda: visitor.states[-1] == "listening")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("no JSON", "nothing to say"),
        ("[]", "nothing to say"),
        ('{"text": 5}', "nothing to say"),
        (json.dumps({"text": " …! "}), "nothing to say"),
        (json.dumps({"text": "a" * (MAX_TEXT + 1)}), f"at most {MAX_TEXT}"),
    ],
)
async def test_what_cannot_be_said_is_refused_with_a_reason(visitor: Visitor, payload: str, reason: str) -> None:
    assert reason in json.loads(await visitor.call("say", payload))["refused"]
    assert "speaking" not in visitor.states


async def test_an_invitation_lets_its_visitor_watch_and_call_but_not_publish(
    livekit_server: ServerAddress, voice: LocalVoice
) -> None:
    visit = Visit(livekit_server, voice, AvatarSession(engine=MarkerEngine((64, 48))))
    verifier = api.TokenVerifier(livekit_server.api_key, livekit_server.api_secret)
    grants = verifier.verify(visit.invitation().token).video
    assert grants is not None
    assert (grants.room_join, grants.can_subscribe, grants.can_publish_data) == (True, True, True)
    assert not grants.can_publish
    assert not grants.room_admin
    assert not grants.room_create


async def test_a_visit_ends_when_nobody_comes(
    livekit_server: ServerAddress, voice: LocalVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit_module, "JOIN_TIMEOUT_S", 0.1)
    visit = Visit(livekit_server, voice, AvatarSession(engine=MarkerEngine((64, 48))))
    await asyncio.wait_for(visit.run(), SOON_S)


async def test_visits_are_bounded_and_a_place_is_free_again_when_one_leaves(
    livekit_server: ServerAddress, voice: LocalVoice
) -> None:
    visits = Visits(livekit_server, voice, lambda: AvatarSession(engine=MarkerEngine((64, 48))), limit=1)
    try:
        invitation = visits.open()
        assert invitation is not None
        assert visits.open() is None
        async with Visitor.joined(invitation):
            pass

        await asyncio.wait_for(asyncio.gather(*visits._tasks), SOON_S)
        assert visits.open() is not None
    finally:
        await visits.aclose()


async def test_a_server_that_is_gone_ends_the_visit_without_a_traceback(
    voice: LocalVoice, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = ServerAddress("ws://127.0.0.1:9", "key", "s" * 40)
    visits = Visits(nowhere, voice, lambda: AvatarSession(engine=MarkerEngine((64, 48))), limit=1)
    assert visits.open() is not None
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*visits._tasks), SOON_S)
    await visits.aclose()
    ours = [record for record in caplog.records if record.name == "livekit_bithuman"]
    assert [record.exc_info for record in ours] == [None]
    assert "could not go on" in ours[0].getMessage()
