"""A face that somebody else draws: it joins the room as a participant of its own and is given the agent's voice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import ClassVar

import aiohttp
from livekit import api, rtc
from livekit.agents import AgentSession, get_job_context
from livekit.agents.voice.io import AudioOutput
from opentelemetry.trace import Span

from ...errors import AvatarError, InvalidStateError, RoomError
from .. import compat
from ..alarm import Alarm
from ..spans import start
from .attendance import Attendance
from .output import RemoteAudioOutput, Route
from .reception import Reception
from .understudy import MakeFace, Understudy

logger = logging.getLogger("livekit_bithuman")

#: A server that is asked to remove the avatar may be gone.
REMOVAL_TIMEOUT_S = 5.0
#: Ends in a row that an avatar that answers may keep to itself.
MOST_UNANSWERED = 2
AFTER_ERROR_S = 0.5
#: A fallback that cannot speak is tried again after so long: the server may have been the reason.
FALLBACK_AGAIN_S = 10.0
#: For an avatar that may go on with a reply a pause is looked for as often.
PAUSE_LOOKED_FOR_S = 0.04
#: So long a reply waits for the next avatar, where one leaves in good order.
HANDOVER_S = 1.0


@dataclass(frozen=True)
class Place:
    """Where an avatar is to join, and whom it speaks for. The secret is not shown by `repr`."""

    url: str
    api_key: str
    api_secret: str = field(repr=False)
    room: str  # its name
    agent: str  # identity of the agent's participant


class RemoteFace(ABC):
    """An avatar that is asked for, joins the room, and plays what it is sent. Implements `Face`.

    `start()` returns when it was asked for; it may join some seconds later. What the agent says until then waits. If it
    does not come in time, or leaves, `fallback` speaks, in mid-reply too, and hands back when the avatar is
    there again: between two replies, or at a pause of one, as the kind of face has it.

    Args:
        identity: Of the avatar in the room.
        join_timeout: Seconds that it may take to join, from when it was asked for.
        fallback: Makes the face that speaks where the avatar does not; None: the agent is silent then.
        standby: The fallback is in the room from the start, so that it can speak at once; it is seen when it speaks.
        pause: The agent may pause the avatar.
    """

    def __init__(
        self,
        identity: str,
        *,
        join_timeout: float,
        fallback: MakeFace | None,
        standby: bool = False,
        pause: bool = False,
    ) -> None:
        self._identity = identity
        self._join_timeout = join_timeout
        self._fallback = fallback
        self._stands_by = standby and fallback is not None
        self._pause = pause
        self._alarm = Alarm()
        self._called = False  # it was asked for, and is to come
        self._output: RemoteAudioOutput | None = None
        self._previous: AudioOutput | None = None  # what the agent spoke through before
        self._session: AgentSession | None = None  # type: ignore[type-arg]  # from the moment that start() was called
        self._room: rtc.Room | None = None
        self._attendance: Attendance | None = None
        self._reception: Reception | None = None
        self._conducting: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._understudy: Understudy | None = None  # while it speaks
        self._standby: Understudy | None = None  # the one that is in the room all the time
        self._standing_by: asyncio.Task[AudioOutput] | None = None  # its output, once it is
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._speaking_with: str | None = None  # sid of the avatar that speaks
        self._seen = False  # the avatar has spoken, or could have
        self._join_by = 0.0
        self._gave_up = False  # nobody but the fallback is left to speak, as far as is known now
        self._changing: Span | None = None  # while one that spoke is gone and nobody speaks yet
        self._fallback_at = float("inf")  # when a fallback that could not speak is tried again
        self._unanswered = 0  # ends in a row that the avatar did not report
        self._doubts: asyncio.Task[None] | None = None  # finds out whether it is alive

    #: Raised where LiveKit's address or key is missing.
    credentials_error: ClassVar[type[AvatarError]] = RoomError

    @abstractmethod
    async def _call(self, place: Place) -> None:
        """Ask for the avatar; return when it is on its way.

        Raises:
            AvatarError: It will not come.
        """

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

        With a fallback, an avatar that cannot be had is no failure: it is logged, and the fallback speaks.

        Args:
            agent_session: Its audio output is replaced until `aclose`.
            room: The agent's; connected, or that of the job this runs in.
            livekit_url: Where the avatar finds the room; None: `LIVEKIT_URL`.
            livekit_api_key: Lets the avatar in; None: `LIVEKIT_API_KEY`.
            livekit_api_secret: Lets the avatar in; None: `LIVEKIT_API_SECRET`.

        Raises:
            InvalidStateError: It was started or closed before, or the room is not known yet.
            RoomError: LiveKit's address or key is missing.
            AvatarError: The avatar cannot be had.
        """
        if self._session is not None or self._closing is not None:
            raise InvalidStateError("This avatar was started already, or closed: create a new one.")
        server = _server(livekit_url, livekit_api_key, livekit_api_secret, self.credentials_error)
        self._place = Place(*server, *_whereabouts(room))
        self._session, self._room = agent_session, room
        self._called = True
        try:
            await self._call(self._place)
        except AvatarError as error:
            if self._fallback is None:
                self._session = None
                raise
            self._called = False
            logger.error("the avatar cannot be had, the agent speaks without it: %s", error)
        except BaseException:
            self._session = None
            raise
        if self._closing is not None:
            raise InvalidStateError("This avatar was closed while it was starting.")
        self._take_the_voice(agent_session, room, asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Take the avatar out of the room and give the agent the output back that it had. Idempotent.

        Pending speech ends as interrupted.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar remote close")
        await asyncio.shield(self._closing)

    # speaking

    def _take_the_voice(
        self,
        agent_session: AgentSession,  # type: ignore[type-arg]
        room: rtc.Room,
        now: float,
    ) -> None:
        """Put our output under the agent; within the call, so that a start is undone by not getting here."""
        rate = compat.published_rate(agent_session)
        self._output = RemoteAudioOutput(room, self._identity, rate, pause=self._pause)
        self._output.on_idle = self._alarm.ring
        self._output.on_unanswered = self._miss
        self._output.on_stream = self._alarm.ring
        self._output.on_silent = self._doubt
        self._output.on_answered = self._trust
        self._output.hold()
        self._previous = compat.audio_tail(agent_session.output)
        compat.replace_audio_tail(agent_session.output, self._output)
        self._join_by = now + self._join_timeout if self._called else now
        self._seen = not self._called  # one line in the log says enough
        self._attendance = Attendance(room, self._identity, self._alarm.ring)
        self._attendance.start()
        self._reception = Reception(room, lambda: self._identity)
        if self._stands_by:
            self._stand_by(agent_session, room)
        self._conducting = asyncio.create_task(self._conduct(), name="avatar remote")

    async def _conduct(self) -> None:
        """Decide who speaks, whenever that may have changed. It must not fail: the agent would wait for ever."""
        # a cancellation may get lost where something else ends in the same moment
        while self._closing is None:
            try:
                while self._closing is None:
                    await self._alarm.wait(await self._decide())
            except Exception:
                logger.exception("an error in the remote avatar; it goes on")
            await asyncio.sleep(AFTER_ERROR_S)

    async def _decide(self) -> float | None:
        """Let the right one speak, and return when to look again."""
        assert self._output is not None
        assert self._attendance is not None
        assert self._reception is not None
        now = asyncio.get_running_loop().time()
        if self._reception.is_due:
            self._aside(self._reception.announce(), "avatar remote announced")
        self._reception.refuse_tracks()
        if self._speaking_with is not None:
            lost_at = self._lost_at(now)
            left = self._attendance.present != self._speaking_with
            if left or (lost_at is not None and lost_at <= now):
                how = "left the room" if left else "gives no sign of life"
                logger.warning("the avatar %s%s", how, self._without_it)
                self._part(now, "left" if left else "silent")
            elif self._is_leaving and self._output.idle:
                logger.info("the avatar is leaving")
                self._part(now + HANDOVER_S, "leaving")
            else:
                return lost_at
        ready_at = self._ready_at(now)
        here = self._attendance.present
        if ready_at is not None and ready_at <= now:
            if self._output.route is Route.LOCAL and not self._output.idle:
                if not self._may_take_over:
                    return None  # told when it is idle
                pause_in = self._output.next_pause_in
                if pause_in != 0:
                    return now + min(PAUSE_LOOKED_FOR_S, pause_in or PAUSE_LOOKED_FOR_S)
                self._output.reclaim()
            await self._let_avatar_speak(here)
        elif not self._gave_up and now >= self._join_by:
            if not self._seen:
                logger.warning(
                    "the avatar did not join the room within %g s%s",
                    self._join_timeout,
                    self._without_it or ": the agent is not heard until it does",
                )
            self._gave_up = True
            await self._let_understudy_speak()
            self._changed("fallback" if self._understudy is not None else "nobody")
        elif self._gave_up and now >= self._fallback_at:
            await self._let_understudy_speak()
        if ready_at is None and not self._gave_up:
            return self._join_by
        times = [at for at in (ready_at, self._fallback_at) if at is not None and at < float("inf")]
        return min(times, default=None)

    @property
    def call_id(self) -> str:
        """Names the present call in logs and spans, here and where the avatar is drawn; "" if nobody told it to."""
        return ""

    def _part(self, join_by: float, reason: str) -> None:
        """Who spoke speaks no more; another one has until `join_by` before the fallback does."""
        assert self._output is not None
        self._changing = start("avatar_failover", self.call_id or self._identity, reason=reason)
        self._speaking_with = None
        self._join_by = join_by
        self._output.hold()
        self._on_parted()

    @property
    def _without_it(self) -> str:
        return "; the agent speaks without it" if self._fallback else ""

    def _ready_at(self, now: float) -> float | None:
        """When who is there can be spoken through, or is to be looked at again; None: nobody can."""
        assert self._attendance is not None
        return self._attendance.ready_at(now)

    def _lost_at(self, now: float) -> float | None:
        """When who speaks is lost unless it gives a sign of life before; None: only its leaving tells."""
        return None

    @property
    def _is_leaving(self) -> bool:
        """Whether who speaks asked to be let go after the present reply."""
        return False

    @property
    def _may_take_over(self) -> bool:
        """Whether an avatar that is there again goes on with a reply at its next pause; else it waits for its end."""
        return False

    def _on_parted(self) -> None:  # noqa: B027 - a face need do nothing
        """Who spoke is gone; nobody else speaks yet."""

    def _changed(self, to: str) -> None:
        """Somebody speaks for who is gone, or is known not to."""
        span, self._changing = self._changing, None
        if span is not None:
            span.set_attribute("livekit_bithuman.to", to)
            span.end()

    async def _let_avatar_speak(self, sid: str | None) -> None:
        assert self._output is not None
        self._output.listen()
        self._output.stream()
        logger.info("the avatar is %s", "back in the room" if self._gave_up else "in the room")
        self._speaking_with, self._seen, self._gave_up, self._unanswered = sid, True, False, 0
        self._changed("avatar")
        self._fallback_at = float("inf")
        understudy, self._understudy = self._understudy, None
        if understudy is None:
            return
        if understudy is self._standby:
            self._aside(understudy.show(False), "avatar remote standby")
        else:
            await understudy.aclose()

    async def _let_understudy_speak(self) -> None:
        assert self._output is not None
        assert self._session is not None
        assert self._room is not None
        if self._fallback is None:
            self._output.drop()
            return
        again, self._fallback_at = self._fallback_at < float("inf"), float("inf")
        try:
            if self._stands_by and self._standing_by is None:
                self._stand_by(self._session, self._room)
            if self._standing_by is not None and self._standby is not None:
                output = await self._standing_by
                self._understudy = self._standby
                self._output.speak_through(output)
                self._aside(self._standby.show(True), "avatar remote standby")
            else:
                self._understudy = Understudy(self._fallback(), self._session, self._room)
                self._output.speak_through(await self._understudy.start())
        except Exception:
            self._understudy = self._standby = self._standing_by = None
            self._output.drop()
            self._fallback_at = asyncio.get_running_loop().time() + FALLBACK_AGAIN_S
            if not again:  # one line in the log says enough
                logger.exception("the avatar's fallback cannot speak either: the agent is not heard")
            return
        if again:
            logger.info("the avatar's fallback speaks: the agent is heard again")

    def _stand_by(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        assert self._fallback is not None
        self._standby = Understudy(self._fallback(), agent_session, room)
        self._standing_by = asyncio.create_task(self._standby.start(), name="avatar remote standby")

    def _aside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Let something finish by itself; what it raises is logged."""
        task = asyncio.create_task(_logging(work), name=name)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    def _trust(self) -> None:
        self._unanswered = 0

    def _miss(self) -> None:
        self._unanswered += 1
        self._doubt()

    def _doubt(self) -> None:
        """The avatar keeps the beginning or the end of a reply to itself: see whether it is there at all."""
        if self._fallback is not None and (self._doubts is None or self._doubts.done()):
            self._doubts = asyncio.create_task(self._remove_if_lost(), name="avatar remote doubts")

    async def _remove_if_lost(self) -> None:
        assert self._output is not None
        if self._unanswered < MOST_UNANSWERED and await self._output.is_peer_alive():
            return
        logger.warning("the avatar does not answer: it is removed from the room")
        await self._remove()  # and then it has left

    async def _remove(self, identity: str | None = None) -> None:
        """Take the avatar, or another participant, out of the room."""
        assert self._room is not None
        place = self._place
        try:
            async with api.LiveKitAPI(
                place.url, place.api_key, place.api_secret, timeout=aiohttp.ClientTimeout(REMOVAL_TIMEOUT_S)
            ) as server:
                wanted = api.RoomParticipantIdentity(room=place.room, identity=identity or self._identity)
                await server.room.remove_participant(wanted)
        except api.TwirpError as error:
            if error.code != "not_found":
                logger.warning("the avatar could not be removed from the room: %s", error)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            logger.warning(
                "the avatar could not be removed from the room: %s", str(error) or "the server does not answer"
            )

    async def _close(self) -> None:
        self._changed("nobody")
        if self._attendance is not None:
            self._attendance.stop()
        tasks = [task for task in (self._conducting, self._doubts, self._standing_by) if task is not None]
        tasks += self._side_tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._output is not None and self._session is not None:
            if compat.audio_tail(self._session.output) is self._output:
                compat.replace_audio_tail(self._session.output, self._previous)
            await self._output.aclose()
            for understudy in {self._understudy, self._standby}:
                with contextlib.suppress(Exception):
                    if understudy is not None:
                        await understudy.aclose()
            if self._called:
                await self._remove()


async def _logging(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except Exception:
        logger.exception("an error beside the remote avatar; it goes on")


def _server(url: str | None, key: str | None, secret: str | None, error: type[AvatarError]) -> tuple[str, str, str]:
    """Address, key and secret of the LiveKit server, as passed or from the environment."""
    given = (
        url or os.getenv("LIVEKIT_URL"),
        key or os.getenv("LIVEKIT_API_KEY"),
        secret or os.getenv("LIVEKIT_API_SECRET"),
    )
    names = ("livekit_url", "livekit_api_key", "livekit_api_secret")
    missing = [name for name, value in zip(names, given, strict=True) if not value]
    if missing:
        raise error(
            f"The avatar is to join the room by itself, and {', '.join(missing)} is not given: "
            "pass it to start(), or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
        )
    return tuple(str(value) for value in given)  # type: ignore[return-value]


def _whereabouts(room: rtc.Room) -> tuple[str, str]:
    """The room's name, and the agent's identity."""
    if room.isconnected():
        return room.name, room.local_participant.identity
    job = get_job_context(required=False)
    if job is None:
        raise InvalidStateError("The avatar must be told its room: connect the room before start().")
    return job.job.room.name, job.local_participant_identity
