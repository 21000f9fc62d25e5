"""Avatars that join by themselves, in a real room: asked for, spoken through, lost, missed and found again."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from livekit import api, rtc
from livekit.agents import Agent, AgentSession, APIConnectOptions
from livekit.agents.voice.room_io import RoomOptions
from numpy.typing import NDArray
from PIL import Image

from livekit_bithuman.adapters.errors import (
    AccountStatusError,
    BitHumanException,
    InvalidAvatar,
    NotAuthorised,
    NotSupported,
    TokenRequestError,
    TokenValidationError,
)
from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.rtc import compat
from livekit_bithuman.rtc.cloud import CloudFace
from livekit_bithuman.rtc.cloud.minting import token_claims
from livekit_bithuman.rtc.in_process import InProcessFace, InProcessOptions
from livekit_bithuman.rtc.remote import VoiceFace
from livekit_bithuman.rtc.remote import output as remote_output
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import agent_token, agent_with_avatar, frames
from tests.cloud_service import MINT_PATH, REQUEST_PATH, Answer, Asked, CloudService, jwt, refusal

from .remote_avatar import RemoteAvatar
from .rooms import Told, ViewerOf, bare_agent, no_new_tasks

pytestmark = pytest.mark.server

RATE = 24_000
SECRET = "account-secret-of-a-cloud-test"
QUICK = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=5.0)


@dataclass
class Play:
    """An agent in a room, and the face that was started for it."""

    session: AgentSession[None]
    room: rtc.Room
    face: CloudFace
    told: Told
    taken: asyncio.Event = field(default_factory=asyncio.Event)  # rung when the agent speaks into its output

    def say(self, voice: NDArray[np.int16]) -> Any:
        return self.session.say("(marker)", audio=self._frames(voice), allow_interruptions=True)

    async def _frames(self, voice: NDArray[np.int16]) -> AsyncIterator[rtc.AudioFrame]:
        async for frame in frames(voice, RATE):
            yield frame
            self.taken.set()


@pytest_asyncio.fixture
async def cloud(keep_secret: Callable[..., None]) -> AsyncIterator[CloudService]:
    keep_secret(SECRET)
    async with CloudService() as running:
        yield running


@pytest.fixture
def play_of(livekit_server: ServerAddress, room_name: str, cloud: CloudService) -> Callable[..., Any]:
    @asynccontextmanager
    async def playing(**options: Any) -> AsyncIterator[Play]:
        face = CloudFace(
            **{"avatar_id": "A1", "api_url": cloud.url, "api_secret": SECRET, "conn_options": QUICK, **options}
        )
        server = livekit_server
        room = rtc.Room()
        await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
        session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "manual"})
        try:
            with no_cloud_tasks():
                await _start(face, session, room, server)
                output = compat.audio_tail(session.output)
                assert output is not None
                told = Told(output)
                await session.start(
                    Agent(instructions=""),
                    room=room,
                    room_options=RoomOptions(audio_input=False, close_on_disconnect=False),
                )
                try:
                    yield Play(session, room, face, told)
                finally:
                    await session.aclose()
                    await face.aclose()
        finally:
            await room.disconnect()

    return playing


async def _start(face: CloudFace, session: AgentSession[None], room: rtc.Room, server: ServerAddress) -> None:
    await face.start(
        session,
        room,
        livekit_url=server.url,
        livekit_api_key=server.api_key,
        livekit_api_secret=server.api_secret,
    )


@contextmanager
def no_cloud_tasks() -> Iterator[None]:
    """Fails if a task of the face is left; those of a remote avatar are its own."""
    yield
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("avatar remote")]


@asynccontextmanager
async def joining(cloud: CloudService, **options: Any) -> AsyncIterator[RemoteAvatar]:
    """A remote avatar that comes when it is asked for."""
    avatar = RemoteAvatar(**options)
    tasks = []

    async def come(asked: Asked) -> None:
        tasks.append(asyncio.create_task(avatar.join(asked), name="remote avatar joining"))

    cloud.on_request = come
    try:
        yield avatar
    finally:
        await asyncio.gather(*tasks)
        await avatar.leave()


async def ended(handle: Any) -> None:
    await asyncio.wait_for(handle, 60)


async def heard_for(viewer: Viewer, seconds: float) -> None:
    """Return when so much voice was heard."""
    seen = loud = 0

    def enough() -> bool:
        nonlocal seen, loud
        new = viewer.hearing.frames[seen:]  # each once: a busy loop has no time for all of them every time
        seen, loud = seen + len(new), loud + sum(_is_loud(samples) for _, samples in new)
        return loud > 100 * seconds

    await viewer.until(enough)


def _is_loud(samples: NDArray[np.int16]) -> bool:
    return len(samples) > 0 and int(np.abs(samples.astype(np.int32)).max()) > 1000


async def heard_out(viewer: Viewer, locator: VoiceLocator) -> list[tuple[float, int, int]]:
    """What was heard, once the voice that is on its way to the viewer has arrived."""
    await viewer.until(lambda: not any(_is_loud(samples) for _, samples in viewer.hearing.frames[-20:]))
    return viewer.heard(locator)


def continuous(heard: list[tuple[float, int, int]], voice: int) -> list[int]:
    """The samples of a voice in the order in which they were heard."""
    return [sample for _, name, sample in heard if name == voice]


# how it is received


async def test_an_agent_is_announced_to_its_avatar_and_takes_none_of_its_tracks(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    async with joining(cloud), viewer_of() as viewer, play_of() as play:
        await ended(play.say(marker_voice(0, RATE, RATE)))
        (avatar,) = [each for each in play.room.remote_participants.values() if each.identity == play.face.identity]
        await viewer.until(lambda: len(avatar.track_publications) == 2)
        await viewer.until(lambda: not any(each.subscribed for each in avatar.track_publications.values()))
        agent = viewer.room.remote_participants["agent"]
        await viewer.until(lambda: "lkb.here" in agent.attributes)


# what is sent


async def test_the_avatar_is_asked_for_as_the_official_plugin_does_but_for_the_secret(
    play_of: Callable[..., Any], cloud: CloudService, room_name: str, livekit_server: ServerAddress
) -> None:
    async with play_of(model="expression-2", avatar_participant_name="Ada"):
        (minted,) = cloud.requests(MINT_PATH)
        (asked,) = cloud.requests()
        assert minted.headers["api-secret"] == SECRET
        assert minted.fields["room_name"] == room_name
        assert asked.by_form, "an expression model on an address of one's own"
        assert asked.headers["authorization"] == f"Bearer {cloud.minted}"
        token = asked.fields.pop("livekit_token")
        assert asked.fields == {
            "livekit_url": livekit_server.url,
            "room_name": room_name,
            "model": "expression-2",
            "avatar_id": "A1",
        }
        assert not asked.files
    verifier = api.TokenVerifier(livekit_server.api_key, livekit_server.api_secret)
    claims = verifier.verify(token)
    assert (claims.identity, claims.name, claims.kind) == ("bithuman-avatar-agent", "Ada", "agent")
    assert claims.attributes == {
        "lk.publish_on_behalf": "agent",
        "api_secret": cloud.minted,
        "agent_id": "A1",
    }
    assert claims.video is not None
    assert (claims.video.room_join, claims.video.room) == (True, room_name)


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {"mode": "cpu", "agent_id": "A1"}),
        ({"model": "essence"}, {"mode": "cpu", "agent_id": "A1", "model": "essence"}),
        ({"model": "essence-2"}, {"mode": "cpu", "agent_id": "A1", "model": "essence-2"}),
        (
            {"avatar_image": "https://example.invalid/face.jpg"},
            {"mode": "gpu", "agent_id": "A1", "image": "https://example.invalid/face.jpg"},
        ),
        (
            {"avatar_image": "https://example.invalid/face.jpg", "avatar_id": None},
            {"mode": "gpu", "image": "https://example.invalid/face.jpg"},
        ),
    ],
)
async def test_the_json_request_field_by_field(
    play_of: Callable[..., Any], cloud: CloudService, options: dict[str, Any], fields: dict[str, str]
) -> None:
    async with play_of(**options):
        (asked,) = cloud.requests()
    assert not asked.by_form
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["api-secret"] == cloud.minted
    assert "authorization" not in asked.headers
    for shared in ("livekit_url", "livekit_token", "room_name"):
        assert asked.fields.pop(shared)
    assert asked.fields == fields


def _png() -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 20)).save(encoded, "PNG")
    return encoded.getvalue()


@pytest.mark.parametrize("form", ["pil", "path", "base64", "link"])
async def test_a_portrait_in_every_form_in_both_formats(
    play_of: Callable[..., Any], cloud: CloudService, tmp_path: Any, form: str
) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(_png())
    image: Any = {
        "pil": Image.new("RGB", (64, 48), (200, 30, 20)),
        "path": str(path),
        "base64": base64.b64encode(_png()).decode(),
        "link": "https://example.invalid/face.jpg",
    }[form]
    async with play_of(avatar_image=image, avatar_id=None):
        (by_json,) = cloud.requests()
    cloud.asked.clear()
    async with play_of(avatar_image=image, avatar_id=None, model="expression"):
        (by_form,) = cloud.requests()
    assert by_json.fields["mode"] == "gpu"
    assert by_form.by_form
    if form == "link":
        assert by_json.fields["image"] == by_form.fields["avatar_image_url"] == image
        assert not by_form.files
        return
    name, kind, data = by_form.files["avatar_image"]
    assert (name, kind) == ("avatar.jpg", "image/jpeg")
    assert base64.b64decode(by_json.fields["image"]) == data
    assert data == _png() if form == "base64" else data.startswith(b"\xff\xd8")


@pytest.mark.parametrize(("query", "mode"), [("?async=true", "true"), ("?async=false", "false"), ("", None)])
async def test_whether_a_worker_waits_for_the_avatar_is_passed_on(
    play_of: Callable[..., Any], cloud: CloudService, query: str, mode: str | None
) -> None:
    async with play_of(model="expression", api_url=cloud.url + query, api_token="token of the worker"):
        (asked,) = cloud.requests()
    assert asked.fields.get("async_mode") == mode
    assert asked.headers["authorization"] == "Bearer token of the worker"


async def test_a_form_is_made_anew_for_each_attempt(play_of: Callable[..., Any], cloud: CloudService) -> None:
    cloud.say(REQUEST_PATH, Answer(503, "busy"), Answer(200, {}))
    async with play_of(model="expression", avatar_image=Image.new("RGB", (64, 48))):
        first, second = cloud.requests()
    assert first.files == second.files
    assert first.fields == second.fields


async def test_a_worker_that_knows_a_token_needs_no_secret(
    play_of: Callable[..., Any], cloud: CloudService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITHUMAN_API_SECRET", raising=False)
    async with play_of(model="expression", api_secret=None, api_token="token of the worker"):
        (asked,) = cloud.asked
    claims = token_claims(asked.fields["livekit_token"])
    assert claims is not None
    assert "api_secret" not in claims["attributes"]


async def test_a_minted_token_is_used_as_it_is(play_of: Callable[..., Any], cloud: CloudService) -> None:
    token = jwt({"scope": "livekit-cloud", "exp": 99_999_999_999})
    async with play_of(api_secret=token):
        (asked,) = cloud.asked
    claims = token_claims(asked.fields["livekit_token"])
    assert claims is not None
    assert asked.headers["api-secret"] == claims["attributes"]["api_secret"] == token


async def test_the_secret_goes_into_the_attributes_only_where_that_is_allowed(
    play_of: Callable[..., Any], cloud: CloudService, caplog: pytest.LogCaptureFixture
) -> None:
    allowed = "a-secret-for-all-to-read"  # not kept: here it is meant to come out
    async with play_of(api_secret=allowed, allow_secret_in_attributes=True):
        (asked,) = cloud.asked
    claims = token_claims(asked.fields["livekit_token"])
    assert claims is not None
    assert asked.path == REQUEST_PATH, "nothing was minted"
    assert claims["attributes"]["api_secret"] == allowed
    assert "everybody in the room can read it" in caplog.text


# what goes wrong before


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"avatar_id": None}, BitHumanException),
        ({"model": "essence-3"}, NotSupported),
        ({"avatar_image": "nobody.jpg"}, InvalidAvatar),
        ({"api_secret": None}, NotAuthorised),
        ({"api_url": "nowhere"}, BitHumanException),
    ],
)
def test_what_cannot_be_asked_for_is_one_error_at_once(
    options: dict[str, Any], kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BITHUMAN_API_SECRET", "BITHUMAN_API_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(kind):
        CloudFace(**{"avatar_id": "A1", "api_secret": SECRET, **options})


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        (MINT_PATH, refusal(401, "UNAUTHORIZED", "Invalid API secret"), TokenValidationError),
        (REQUEST_PATH, refusal(402, "INSUFFICIENT_BALANCE", "Insufficient credits"), AccountStatusError),
        (REQUEST_PATH, Answer(500, "out"), TokenRequestError),
    ],
)
async def test_a_refusal_leaves_everything_as_it_was(
    livekit_server: ServerAddress,
    room_name: str,
    cloud: CloudService,
    path: str,
    answer: Answer,
    kind: type[Exception],
) -> None:
    cloud.say(path, answer)
    face = CloudFace(avatar_id="A1", api_url=cloud.url, api_secret=SECRET, conn_options=QUICK)
    async with bare_agent(livekit_server, room_name) as (session, room):
        with no_new_tasks():
            with pytest.raises(kind):
                await _start(face, session, room, livekit_server)
            assert session.output.audio is None
            assert not room.local_participant._rpc_handlers
            cloud.answers.clear()
            await _start(face, session, room, livekit_server)  # it may be tried again
            assert session.output.audio is not None
            with pytest.raises(InvalidStateError):
                await _start(face, session, room, livekit_server)
            assert len(cloud.requests()) <= 3
            await face.aclose()
            await face.aclose()
            assert session.output.audio is None
            with pytest.raises(InvalidStateError):
                await _start(face, session, room, livekit_server)


async def test_a_start_that_is_cancelled_or_takes_too_long_is_undone(
    livekit_server: ServerAddress, room_name: str, cloud: CloudService
) -> None:
    cloud.say(REQUEST_PATH, Answer(hang=True))
    async with bare_agent(livekit_server, room_name) as (session, room):
        with no_new_tasks():
            face = CloudFace(avatar_id="A1", api_url=cloud.url, api_secret=SECRET)
            starting = asyncio.create_task(_start(face, session, room, livekit_server))
            await asyncio.wait_for(cloud.hung.wait(), 20)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            await asyncio.wait_for(cloud.given_up.wait(), 20)
            slow = CloudFace(avatar_id="A1", api_url=cloud.url, api_secret=SECRET, start_timeout=0.3)
            with pytest.raises(TokenRequestError, match=r"within 0\.3 s"):
                await _start(slow, session, room, livekit_server)
            assert session.output.audio is None


async def test_livekits_key_is_needed(
    livekit_server: ServerAddress, room_name: str, cloud: CloudService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    face = CloudFace(avatar_id="A1", api_url=cloud.url, api_secret=SECRET)
    async with bare_agent(livekit_server, room_name) as (session, room):
        with pytest.raises(BitHumanException, match="livekit_api_secret"):
            await face.start(session, room, livekit_url=livekit_server.url)
        with pytest.raises(InvalidStateError, match="connect the room"):
            await _start(face, session, rtc.Room(), livekit_server)
        for name, value in zip(
            ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"),
            (livekit_server.url, livekit_server.api_key, livekit_server.api_secret),
            strict=True,
        ):
            monkeypatch.setenv(name, value)
        await face.start(session, room)
        assert cloud.requests()[0].fields["livekit_url"] == livekit_server.url
        await face.aclose()


# what is seen and heard


async def test_replies_are_seen_and_heard_through_the_avatar(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    voices = {1: marker_voice(1, 2 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    async with joining(cloud) as avatar, viewer_of() as viewer, play_of() as play:
        for voice in voices.values():
            await ended(play.say(voice))
        assert play.told.finished == [(2.0, False), (1.0, False)]
        assert play.told.started == 2
        assert avatar.segments == 2
        heard = await heard_out(viewer, VoiceLocator(voices))
        assert max(continuous(heard, 1)) > 1.8 * RATE
        assert max(continuous(heard, 2)) > 0.8 * RATE
        assert any(picture.mark is not None and not picture.mark.rest for picture in viewer.pictures)
        assert play.face.speaks_by_avatar
        assert play.face.identity == "bithuman-avatar-agent"


async def test_words_wait_for_an_avatar_that_takes_its_time(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    voice = marker_voice(1, RATE, RATE)
    avatar = RemoteAvatar()
    async with viewer_of() as viewer, play_of() as play:
        reply = play.say(voice)
        await asyncio.wait_for(play.taken.wait(), 20)
        assert play.told.started == 0
        await avatar.join(cloud.requests()[0])
        await ended(reply)
        assert play.told.finished == [(1.0, False)]
        assert min(continuous(await heard_out(viewer, VoiceLocator({1: voice})), 1)) < 0.1 * RATE, "from the beginning"
        await avatar.leave()


async def test_an_interruption_silences_the_avatar_and_the_next_reply_is_spoken(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    voices = {1: marker_voice(1, 6 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    async with joining(cloud) as avatar, viewer_of() as viewer, play_of() as play:
        reply = play.say(voices[1])
        await play.told.until_started(1)
        await heard_for(viewer, 1.0)
        play.session.interrupt()
        await ended(reply)
        await ended(play.say(voices[2]))
        assert play.told.finished == [(avatar.finished[0][0], True), (1.0, False)]
        assert 0.3 < play.told.finished[0][0] < 5
        assert avatar.cleared == 1
        heard = await heard_out(viewer, VoiceLocator(voices))
        assert continuous(heard, 2)
        first_of_second = next(at for at, name, _ in heard if name == 2)
        assert not [at for at, name, _ in heard if name == 1 and at > first_of_second]


async def test_an_interruption_before_the_avatar_is_there_ends_the_reply(
    play_of: Callable[..., Any], cloud: CloudService
) -> None:
    async with play_of() as play:
        reply = play.say(marker_voice(1, 3 * RATE, RATE))
        await asyncio.wait_for(play.taken.wait(), 20)
        play.session.interrupt()
        await ended(reply)
        assert play.told.finished == [(0.0, True)]
        assert play.told.started == 0


@pytest.mark.parametrize("tells_starts", [True, False])
async def test_an_avatar_that_never_says_that_it_finished_holds_nobody_up(
    play_of: Callable[..., Any],
    cloud: CloudService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tells_starts: bool,
) -> None:
    monkeypatch.setattr(remote_output, "FINISH_GRACE_S", 0.5)
    async with joining(cloud, tells_ends=False, tells_starts=tells_starts), play_of() as play:
        await ended(play.say(marker_voice(1, RATE, RATE)))
        await ended(play.say(marker_voice(2, RATE, RATE)))
        assert play.told.finished == [(1.0, False), (1.0, False)]
        assert play.told.started == 2
        reply = play.say(marker_voice(3, 5 * RATE, RATE))
        await play.told.until_started(3)
        play.session.interrupt()
        await ended(reply)
        assert play.told.finished[2][1]
        assert play.told.finished[2][0] < 5
    assert caplog.text.count("did not say that it had finished") == 2


async def test_an_avatar_that_does_not_come_is_spoken_for_and_takes_over_when_it_does(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "livekit_bithuman")
    voices = {1: marker_voice(1, 2 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    avatar = RemoteAvatar()
    async with viewer_of() as viewer, play_of(join_timeout=0.5, fallback=VoiceFace) as play:
        reply = play.say(voices[1])
        await play.told.until_started(1)
        assert not play.face.speaks_by_avatar
        assert play.face.identity == "agent"
        await avatar.join(cloud.requests()[0])  # in mid-reply: it waits for the next
        await ended(reply)
        await viewer.until(lambda: "agent_audio" in viewer.unpublished)
        await ended(play.say(voices[2]))
        assert play.told.finished == [(2.0, False), (1.0, False)]
        assert play.told.started == 2
        assert avatar.segments == 1
        heard = await heard_out(viewer, VoiceLocator(voices))
        assert min(continuous(heard, 1)) < 0.15 * RATE, "from its first word"
        assert max(continuous(heard, 1)) > 1.8 * RATE
        assert max(continuous(heard, 2)) > 0.8 * RATE
        await avatar.leave()
    assert caplog.text.count("did not join the room within 0.5 s") == 1
    assert caplog.text.count("the avatar is back in the room") == 1


async def test_a_reply_goes_on_where_the_avatar_was_killed_and_it_may_come_back(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    voices = {1: marker_voice(1, 6 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    back = RemoteAvatar()
    async with joining(cloud) as avatar, viewer_of() as viewer, play_of(fallback=VoiceFace) as play:
        reply = play.say(voices[1])
        await heard_for(viewer, 1.0)
        await avatar.leave()
        await ended(reply)
        assert play.told.finished == [(6.0, False)]
        assert play.told.started == 1
        order = continuous(await heard_out(viewer, VoiceLocator(voices)), 1)
        assert max(order) > 5.8 * RATE
        backwards = [a - b for a, b in itertools.pairwise(order) if b < a]
        assert all(step < 1.0 * RATE for step in backwards), "no second is said twice"

        await back.join(cloud.requests()[0])
        await viewer.until(lambda: "agent_audio" in viewer.unpublished)
        await ended(play.say(voices[2]))
        assert back.segments == 1
        assert play.told.finished[1:] == [(1.0, False)]
        assert caplog.text.count("the avatar left the room; the agent speaks without it") == 1
        await back.leave()


async def test_an_avatar_whose_process_is_killed_costs_no_later_reply(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    """A killed process says no goodbye: the server keeps its participant for a while, and nobody answers for it."""
    voices = {1: marker_voice(1, 4 * RATE, RATE), 2: marker_voice(2, 2 * RATE, RATE), 3: marker_voice(3, RATE, RATE)}
    async with viewer_of() as viewer, play_of(fallback=VoiceFace) as play:
        fields = cloud.requests()[0].fields
        command = ["-m", "tests.integration.remote_avatar", fields["livekit_url"], fields["livekit_token"]]
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
        try:
            reply = play.say(voices[1])
            await heard_for(viewer, 1.0)
        finally:
            process.kill()
            await process.wait()
        await ended(reply)
        await ended(play.say(voices[2]))
        await ended(play.say(voices[3]))
        assert len(play.told.finished) == 3
        assert play.told.finished[1:] == [(2.0, False), (1.0, False)]
        assert play.told.started == 3
        heard = await heard_out(viewer, VoiceLocator(voices))
        for name, seconds in ((2, 2.0), (3, 1.0)):
            assert max(continuous(heard, name)) > (seconds - 0.2) * RATE
            assert min(continuous(heard, name)) < 0.15 * RATE


async def test_without_a_fallback_replies_end_where_the_listener_was(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    async with joining(cloud) as avatar, viewer_of() as viewer, play_of() as play:
        voice = marker_voice(1, 6 * RATE, RATE)
        reply = play.say(voice)
        await heard_for(viewer, 1.0)
        await avatar.leave()
        await ended(reply)
        (position, interrupted) = play.told.finished[0]
        assert interrupted
        assert 0.5 < position < 5.5
        await ended(play.say(marker_voice(2, RATE, RATE)))
        assert play.told.finished[1:] == [(0.0, True)]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (MINT_PATH, refusal(401, "UNAUTHORIZED", "Invalid API secret")),
        (REQUEST_PATH, refusal(403, "RUNTIME_SUSPENDED", "Suspended")),
        (REQUEST_PATH, Answer(500, "out")),
    ],
)
async def test_with_a_fallback_a_refusal_costs_the_face_and_not_the_voice(
    play_of: Callable[..., Any],
    cloud: CloudService,
    viewer_of: ViewerOf,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: Answer,
) -> None:
    cloud.say(path, answer)
    voice = marker_voice(1, RATE, RATE)
    async with viewer_of() as viewer, play_of(fallback=VoiceFace) as play:
        await ended(play.say(voice))
        assert play.told.finished == [(1.0, False)]
        assert max(continuous(await heard_out(viewer, VoiceLocator({1: voice})), 1)) > 0.8 * RATE
    assert caplog.text.count("the agent speaks without it") == 1


async def test_a_fallback_that_fails_holds_nobody_up(play_of: Callable[..., Any], cloud: CloudService) -> None:
    def none() -> VoiceFace:
        raise RuntimeError("no voice either")

    async with play_of(join_timeout=0.1, fallback=none) as play:
        await ended(play.say(marker_voice(1, RATE, RATE)))
        assert play.told.finished == [(0.0, True)]


async def test_an_interruption_while_the_fallback_speaks(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    voices = {1: marker_voice(1, 6 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    async with viewer_of() as viewer, play_of(join_timeout=0.1, fallback=VoiceFace) as play:
        reply = play.say(voices[1])
        await play.told.until_started(1)
        await heard_for(viewer, 0.5)
        play.session.interrupt()
        await ended(reply)
        await ended(play.say(voices[2]))
        assert play.told.finished[0][1]
        assert 0 < play.told.finished[0][0] < 5
        assert play.told.finished[1:] == [(1.0, False)]
        assert max(continuous(await heard_out(viewer, VoiceLocator(voices)), 2)) > 0.8 * RATE


async def test_an_avatar_that_answers_nothing_is_removed_and_spoken_for(
    play_of: Callable[..., Any],
    cloud: CloudService,
    viewer_of: ViewerOf,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(remote_output, "FINISH_GRACE_S", 0.3)
    async with (
        joining(cloud, tells_ends=False) as avatar,
        viewer_of() as viewer,
        play_of(fallback=VoiceFace) as play,
    ):
        await ended(play.say(marker_voice(1, RATE // 2, RATE)))
        assert play.face.speaks_by_avatar, "it answers calls: one report may get lost"
        await ended(play.say(marker_voice(2, RATE // 2, RATE)))
        gone = asyncio.Event()
        avatar.room.on("disconnected", lambda _: gone.set())
        await asyncio.wait_for(gone.wait(), 20)
        voice = marker_voice(3, RATE, RATE)
        await ended(play.say(voice))
        assert play.told.finished[2] == (1.0, False)
        assert continuous(await heard_out(viewer, VoiceLocator({3: voice})), 3)
    assert "the avatar does not answer: it is removed from the room" in caplog.text


async def test_a_fallback_with_a_face_is_seen_until_the_avatar_is_there(
    play_of: Callable[..., Any], cloud: CloudService, viewer_of: ViewerOf
) -> None:
    def marked() -> InProcessFace:
        return InProcessFace(MarkerEngine(), InProcessOptions(), embedded=False, on_engine=lambda _: None)

    def sizes() -> set[tuple[int, int]]:
        return {picture.size for picture in viewer.pictures}

    avatar = RemoteAvatar()
    async with viewer_of() as viewer, play_of(join_timeout=0.1, fallback=marked) as play:
        await ended(play.say(marker_voice(1, RATE, RATE)))
        assert play.told.finished == [(1.0, False)]
        assert sizes() == {(512, 512)}, "the fallback's"
        await avatar.join(cloud.requests()[0])
        await viewer.until(lambda: "avatar_video" in viewer.unpublished and (128, 128) in sizes())
        await ended(play.say(marker_voice(2, RATE, RATE)))
        assert play.told.finished[1:] == [(1.0, False)]
        assert avatar.segments == 1
        await avatar.leave()


async def test_three_lines_give_an_agent_an_avatar_of_the_cloud(
    livekit_server: ServerAddress,
    room_name: str,
    cloud: CloudService,
    viewer_of: ViewerOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BITHUMAN_API_SECRET", SECRET)
    monkeypatch.setenv("BITHUMAN_API_URL", cloud.url)
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit_server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit_server.api_secret)
    voice = marker_voice(1, RATE, RATE)
    session_avatar = AvatarSession(avatar_id="A1", fallback="voice")
    server = livekit_server
    stage = agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, session_avatar)
    removed = asyncio.Event()
    async with joining(cloud) as avatar, viewer_of() as viewer:
        avatar.room.on("disconnected", lambda _: removed.set())
        async with stage as on:
            await session_avatar.wait_for_join(timeout=20)
            assert session_avatar.avatar_identity == "bithuman-avatar-agent"
            await ended(on.say(voice, RATE))
            assert avatar.segments == 1
            assert max(continuous(await heard_out(viewer, VoiceLocator({1: voice})), 1)) > 0.8 * RATE
        await asyncio.wait_for(removed.wait(), 20)


async def test_closing_in_mid_reply_ends_it(play_of: Callable[..., Any], cloud: CloudService) -> None:
    async with joining(cloud) as avatar, play_of() as play:
        play.say(marker_voice(1, 6 * RATE, RATE))
        await play.told.until_started(1)
        await play.face.aclose()
        assert [interrupted for _, interrupted in play.told.finished] == [True]
        assert avatar.cleared == 1
