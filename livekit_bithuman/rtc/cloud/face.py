"""A face that bitHuman's cloud draws: it joins the room as a participant and is given the agent's voice."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
from typing import TYPE_CHECKING

import aiohttp
from livekit import api, rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, AgentSession, APIConnectOptions, get_job_context
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF
from livekit.agents.voice.io import AudioOutput

from ...adapters.errors import BitHumanException, NotSupported, TokenRequestError
from ...errors import InvalidStateError
from .. import compat
from ..alarm import Alarm
from .account import Account
from .attendance import Attendance
from .minting import mint
from .output import CloudAudioOutput, Route
from .portrait import Portrait
from .request import AvatarRequest, is_expression
from .service import Service
from .understudy import MakeFace, Understudy

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger("livekit_bithuman")

MODELS = ("expression", "essence", "expression-2", "essence-2")
#: Identity and name of the avatar's participant, as livekit-plugins-bithuman has them.
PARTICIPANT = "bithuman-avatar-agent"
#: The avatar has to join by then; minted tokens live as long.
ROOM_TOKEN_TTL = datetime.timedelta(hours=1)
#: A server that is asked to remove the avatar may be gone.
REMOVAL_TIMEOUT_S = 5.0
#: Ends in a row that an avatar that answers may keep to itself.
MOST_UNANSWERED = 2
AFTER_ERROR_S = 0.5


class CloudFace:
    """An avatar from bitHuman's cloud, or from an avatar worker of one's own that takes the same requests.

    `start()` returns when the service has accepted; the avatar joins the room some seconds later. What the agent says
    until then waits. If the avatar does not come in time, or leaves, `fallback` speaks, in mid-reply too, and hands
    back between two replies when the avatar is there again.

    Args:
        avatar_id: The code of an agent at bitHuman.
        avatar_image: A portrait to animate: a PIL image, a path, an http(s) link or base64.
        model: "expression", "essence", "expression-2" or "essence-2"; None: the service chooses.
        api_url: Asked for the avatar; None: `BITHUMAN_API_URL`, else bitHuman's own.
        api_secret: The account's, or a token minted from it; None: `BITHUMAN_API_SECRET`. It is sent to the service and
            to nobody else.
        api_token: For expression models on an `api_url` of one's own; None: `BITHUMAN_API_TOKEN`.
        conn_options: Attempts beyond the first, the longest wait between two, and the time for each.
        avatar_participant_identity: Of the avatar in the room.
        avatar_participant_name: Of the avatar in the room.
        allow_secret_in_attributes: Do not mint: `api_secret` itself goes into the avatar's attributes, where everybody
            in the room reads it.
        start_timeout: Seconds that the service may take to accept, all attempts together.
        join_timeout: Seconds that the avatar may take to join after that.
        fallback: Makes the face that speaks where the avatar does not; None: the agent is silent then.

    Raises:
        InvalidAvatar: The portrait cannot be read, or is too large.
        NotAuthorised: No secret is given.
        NotSupported: There is no such model.
        BitHumanException: Neither an avatar nor a portrait is given, or `api_url` is no address.
    """

    def __init__(
        self,
        *,
        avatar_id: str | None = None,
        avatar_image: str | os.PathLike[str] | Image.Image | None = None,
        model: str | None = None,
        api_url: str | None = None,
        api_secret: str | None = None,
        api_token: str | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        avatar_participant_identity: str | None = None,
        avatar_participant_name: str | None = None,
        allow_secret_in_attributes: bool = False,
        start_timeout: float = 60.0,
        join_timeout: float = 30.0,
        fallback: MakeFace | None = None,
    ) -> None:
        if not avatar_id and avatar_image is None:
            raise BitHumanException("A cloud avatar needs a face: pass avatar_id or avatar_image.")
        if model is not None and model not in MODELS:
            raise NotSupported(f"There is no model {model!r}: use {', '.join(MODELS)}, or leave it out.")
        self._avatar_id = avatar_id
        self._model = model
        self._account = Account.found(api_url=api_url, api_secret=api_secret, api_token=api_token)
        self._by_form = self._account.is_custom and is_expression(model)
        self._account.require_secret(or_token=self._by_form)
        self._portrait = None if avatar_image is None else Portrait.of(avatar_image)
        self._options = conn_options
        self._identity = avatar_participant_identity or PARTICIPANT
        self._name = avatar_participant_name or PARTICIPANT
        self._allow_secret = allow_secret_in_attributes
        self._start_timeout = start_timeout
        self._join_timeout = join_timeout
        self._fallback = fallback
        self._alarm = Alarm()
        self._accepted = False  # by the service
        self._output: CloudAudioOutput | None = None
        self._previous: AudioOutput | None = None  # what the agent spoke through before
        self._session: AgentSession | None = None  # type: ignore[type-arg]  # from the moment that start() was called
        self._room: rtc.Room | None = None
        self._attendance: Attendance | None = None
        self._conducting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._understudy: Understudy | None = None  # while it is in the room
        self._speaking_with: str | None = None  # sid of the avatar that speaks
        self._seen = False  # the avatar has spoken, or could have
        self._join_by = 0.0
        self._gave_up = False  # nobody but the fallback is left to speak, as far as is known now
        self._unanswered = 0  # ends in a row that the avatar did not report
        self._doubts: asyncio.Task[None] | None = None  # finds out whether it is alive

    @property
    def identity(self) -> str:
        """Of the participant that publishes: the avatar's, or that of who speaks in its place."""
        return self._identity if self._understudy is None else self._understudy.face.identity

    @property
    def speaks_by_avatar(self) -> bool:
        """Whether the avatar is in the room and is given the agent's voice."""
        return self._output is not None and self._output.route is Route.REMOTE

    async def start(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        *,
        livekit_url: str | None = None,
        livekit_api_key: str | None = None,
        livekit_api_secret: str | None = None,
    ) -> None:
        """Ask for the avatar and give it the agent's voice. On failure or cancellation everything is as before.

        With a fallback, a service that refuses or does not answer is no failure: it is logged, and the fallback speaks.

        Args:
            agent_session: Its audio output is replaced until `aclose`.
            room: The agent's; connected, or that of the job this runs in.
            livekit_url: Where the avatar finds the room; None: `LIVEKIT_URL`.
            livekit_api_key: Signs the avatar's token; None: `LIVEKIT_API_KEY`.
            livekit_api_secret: Signs the avatar's token; None: `LIVEKIT_API_SECRET`.

        Raises:
            InvalidStateError: It was started or closed before, or the room is not known yet.
            BitHumanException: LiveKit's address or key is missing.
            TokenValidationError, TokenExpiredError, AccountStatusError, BithumanError: The service refuses.
            TokenRequestError: The service cannot be reached, fails, or does not answer in time.
        """
        if self._session is not None or self._closing is not None:
            raise InvalidStateError("This cloud avatar was started already, or closed: create a new one.")
        self._livekit = _livekit(livekit_url, livekit_api_key, livekit_api_secret)
        agent, room_name = _whereabouts(room)
        self._session, self._room, self._room_name = agent_session, room, room_name
        self._accepted = True
        try:
            await self._ask(agent, room_name)
        except BitHumanException as error:
            if self._fallback is None:
                self._session = None
                raise
            self._accepted = False
            logger.error("the avatar cannot be had from bitHuman, the agent speaks without it: %s", error)
        except BaseException:
            self._session = None
            raise
        if self._closing is not None:
            raise InvalidStateError("This cloud avatar was closed while it was starting.")
        self._take_the_voice(agent_session, room, asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Take the avatar out of the room and give the agent the output back that it had. Idempotent.

        Pending speech ends as interrupted.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar cloud close")
        await asyncio.shield(self._closing)

    # asking

    async def _ask(self, agent: str, room_name: str) -> None:
        try:
            await asyncio.wait_for(self._request(agent, room_name), self._start_timeout)
        except asyncio.TimeoutError as error:
            raise TokenRequestError(
                f"bitHuman's service did not accept the avatar within {self._start_timeout:g} s. "
                "Check the network and api_url, or try again later."
            ) from error

    async def _request(self, agent: str, room_name: str) -> None:
        url, key, secret = self._livekit
        account = self._account
        # this process's proxies are the agent's
        async with aiohttp.ClientSession(trust_env=True) as http:
            service = Service(http, self._options, (account.api_secret, account.api_token, secret))
            known_by = account.api_secret
            if known_by and self._allow_secret:
                logger.warning("api_secret is in the avatar's attributes: everybody in the room can read it")
            elif known_by:
                known_by = await mint(service, account, avatar_id=self._avatar_id, room_name=room_name, livekit_url=url)
            attributes = {ATTRIBUTE_PUBLISH_ON_BEHALF: agent}
            if known_by:
                attributes["api_secret"] = known_by
            if self._avatar_id:
                attributes["agent_id"] = self._avatar_id
            token = (
                api.AccessToken(key, secret)
                .with_kind("agent")
                .with_identity(self._identity)
                .with_name(self._name)
                .with_grants(api.VideoGrants(room_join=True, room=room_name))
                .with_attributes(attributes)
                .with_ttl(ROOM_TOKEN_TTL)
                .to_jwt()
            )
            service.hide(known_by, token)
            wanted = AvatarRequest(url, token, room_name, self._model, self._avatar_id, self._portrait)
            if self._by_form:
                await service.post(
                    account.api_url,
                    headers={"Authorization": f"Bearer {account.api_token or known_by}"},
                    form=lambda: wanted.form(wants_async=account.wants_async),
                    patient=True,  # it may have to start a GPU before it answers
                )
            else:
                await service.post(account.api_url, headers={"api-secret": known_by}, json=wanted.json())

    # speaking

    def _take_the_voice(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        now: float,
    ) -> None:
        """Put our output under the agent; within the call, so that a start is undone by not getting here."""
        rate = compat.published_rate(agent_session)
        self._output = CloudAudioOutput(room, self._identity, rate)
        self._output.on_idle = self._alarm.ring
        self._output.on_unanswered = self._miss
        self._output.on_silent = self._doubt
        self._output.on_answered = self._trust
        self._output.hold()
        self._previous = compat.audio_tail(agent_session.output)
        compat.replace_audio_tail(agent_session.output, self._output)
        self._join_by = now + self._join_timeout if self._accepted else now
        self._seen = not self._accepted  # one line in the log says enough
        self._attendance = Attendance(room, self._identity, self._alarm.ring)
        self._attendance.start()
        self._conducting = asyncio.create_task(self._conduct(), name="avatar cloud")

    async def _conduct(self) -> None:
        """Decide who speaks, whenever that may have changed. It must not fail: the agent would wait for ever."""
        # a cancellation may get lost where something else ends in the same moment
        while self._closing is None:
            try:
                while self._closing is None:
                    await self._alarm.wait(await self._decide())
            except Exception:
                logger.exception("an error in the cloud avatar; it goes on")
            await asyncio.sleep(AFTER_ERROR_S)

    async def _decide(self) -> float | None:
        """Let the right one speak, and return when to look again."""
        assert self._output is not None
        assert self._attendance is not None
        now = asyncio.get_running_loop().time()
        here, ready_at = self._attendance.present, self._attendance.ready_at(now)
        if self._speaking_with is not None:
            if here == self._speaking_with:
                return None
            self._speaking_with = None
            self._output.hold()
            logger.warning("the avatar left the room%s", "; the agent speaks without it" if self._fallback else "")
            self._join_by = now
        if ready_at is not None and ready_at <= now:
            if self._gave_up and not self._output.idle:
                return None  # told when it is
            await self._let_avatar_speak(here)
        elif not self._gave_up and now >= self._join_by:
            if not self._seen:
                logger.warning(
                    "the avatar did not join the room within %g s%s",
                    self._join_timeout,
                    "; the agent speaks without it" if self._fallback else ": the agent is not heard until it does",
                )
            self._gave_up = True
            await self._let_understudy_speak()
        return ready_at if ready_at is not None or self._gave_up else self._join_by

    async def _let_avatar_speak(self, sid: str | None) -> None:
        assert self._output is not None
        self._output.listen()
        self._output.stream()
        logger.info("the avatar is %s", "back in the room" if self._gave_up else "in the room")
        self._speaking_with, self._seen, self._gave_up, self._unanswered = sid, True, False, 0
        understudy, self._understudy = self._understudy, None
        if understudy is not None:
            await understudy.aclose()

    async def _let_understudy_speak(self) -> None:
        assert self._output is not None
        assert self._session is not None
        assert self._room is not None
        if self._fallback is None:
            self._output.drop()
            return
        try:
            understudy = Understudy(self._fallback(), self._session, self._room)
            self._understudy = understudy
            self._output.speak_through(await understudy.start())
        except Exception:
            self._understudy = None
            self._output.drop()
            logger.exception("the avatar's fallback cannot speak either: the agent is not heard")

    def _trust(self) -> None:
        self._unanswered = 0

    def _miss(self) -> None:
        self._unanswered += 1
        self._doubt()

    def _doubt(self) -> None:
        """The avatar keeps the beginning or the end of a reply to itself: see whether it is there at all."""
        if self._fallback is not None and (self._doubts is None or self._doubts.done()):
            self._doubts = asyncio.create_task(self._remove_if_lost(), name="avatar cloud doubts")

    async def _remove_if_lost(self) -> None:
        assert self._output is not None
        if self._unanswered < MOST_UNANSWERED and await self._output.is_peer_alive():
            return
        logger.warning("the avatar does not answer: it is removed from the room")
        await self._remove()  # and then it has left

    async def _remove(self) -> None:
        assert self._room is not None
        url, key, secret = self._livekit
        try:
            async with api.LiveKitAPI(url, key, secret, timeout=aiohttp.ClientTimeout(REMOVAL_TIMEOUT_S)) as server:
                wanted = api.RoomParticipantIdentity(room=self._room_name, identity=self._identity)
                await server.room.remove_participant(wanted)
        except api.TwirpError as error:
            if error.code != "not_found":
                logger.warning("the avatar could not be removed from the room: %s", error)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            logger.warning(
                "the avatar could not be removed from the room: %s", str(error) or "the server does not answer"
            )

    async def _close(self) -> None:
        if self._attendance is not None:
            self._attendance.stop()
        tasks = [task for task in (self._conducting, self._doubts) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._output is not None and self._session is not None:
            if compat.audio_tail(self._session.output) is self._output:
                compat.replace_audio_tail(self._session.output, self._previous)
            await self._output.aclose()
            if self._understudy is not None:
                with contextlib.suppress(Exception):
                    await self._understudy.aclose()
            if self._accepted:
                await self._remove()


def _livekit(url: str | None, key: str | None, secret: str | None) -> tuple[str, str, str]:
    """Address, key and secret of the LiveKit server, as passed or from the environment."""
    given = (
        url or os.getenv("LIVEKIT_URL"),
        key or os.getenv("LIVEKIT_API_KEY"),
        secret or os.getenv("LIVEKIT_API_SECRET"),
    )
    names = ("livekit_url", "livekit_api_key", "livekit_api_secret")
    missing = [name for name, value in zip(names, given, strict=True) if not value]
    if missing:
        raise BitHumanException(
            f"The avatar needs a token for the room, and {', '.join(missing)} is not given: "
            "pass it to start(), or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
        )
    return tuple(str(value) for value in given)  # type: ignore[return-value]


def _whereabouts(room: rtc.Room) -> tuple[str, str]:
    """The agent's identity, and the room's name."""
    if room.isconnected():
        return room.local_participant.identity, room.name
    job = get_job_context(required=False)
    if job is None:
        raise InvalidStateError("The avatar must be told its room: connect the room before start().")
    return job.local_participant_identity, job.job.room.name
