"""A face that an avatar worker draws: LiveKit's dispatch brings it into the room."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable

import aiohttp
from livekit import api, rtc

from ...errors import RoomError
from .. import compat
from ..remote.face import Place, RemoteFace
from ..remote.understudy import MakeFace
from ..reply_metrics import ReplyMetrics
from ..watch import until
from .call import AGENT_NAME, CALL_ATTRIBUTE, LEAVE_METHOD, MAX_BYTES, METRICS_TOPIC, PROGRESS_TOPIC, Call
from .pulse import Progress, Pulse
from .redial import Redial

logger = logging.getLogger("livekit_bithuman")

#: The avatar's identity in the room begins with this; a call's own letters follow.
IDENTITY = "livekit-bithuman-avatar"
DISPATCH_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 1.0
#: So long an avatar that was asked to leave, or whose job is ended, may take before the server removes it.
GOING_TIMEOUT_S = 2.0
#: An avatar that fell silent and answers within this was busy, and is kept; another one is called after it.
DOUBTED_S = 0.5
#: Its last words on the reply that it lost have come by then, after it answered that it is silent.
LAST_WORDS_S = 0.3
#: A worker that has one ready needs less than a second.
JOIN_TIMEOUT_S = 5.0
#: Calls whose avatars may still come, and are sent away.
MOST_PAST_CALLS = 32


class WorkerFace(RemoteFace):
    """An avatar from whichever worker takes the call.

    Each call has an identity of its own, so an avatar that was given up and comes back is nobody's: it gets no voice,
    and is sent away. Where the avatar says how far it is, as this package's workers do, it is lost when it falls
    silent, and `fallback`, which is in the room already, goes on at the position that was told last; another call is
    made.

    The next avatar goes on with the reply at a pause of the voice.

    Args:
        agent_name: Of the workers.
        avatar: A character that they have; None: their default.
        size: (width, height) of the pictures in pixels; None: the avatar's own.
        fps: Pictures per second.
        seed: Of the idle motion.
        identity: The avatar's begins with it.
        name: Shown for the avatar's participant.
        join_timeout: Seconds that it may take to join.
        fallback: Makes the face that speaks where the avatar does not.
        on_reply: Told what the avatar measured of each reply that it played.

    Raises:
        ValueError: No worker does what is asked for.
    """

    def __init__(
        self,
        *,
        fallback: MakeFace,
        agent_name: str = AGENT_NAME,
        avatar: str | None = None,
        size: tuple[int, int] | None = None,
        fps: int = 25,
        seed: int = 0,
        identity: str | None = None,
        name: str | None = None,
        join_timeout: float = JOIN_TIMEOUT_S,
        on_reply: Callable[[ReplyMetrics], None] | None = None,
    ) -> None:
        self._agent_name = agent_name
        self._wanted = {"avatar": avatar, "size": size, "fps": fps, "seed": seed, "name": name or "Avatar"}
        self._base = identity or IDENTITY
        Call("agent", f"{self._base}-of-a-call", **self._wanted)  # type: ignore[arg-type]  # as a worker would judge it
        self._call_id = ""
        self._dispatch: tuple[str, str] | None = None  # its id, and its room
        self._on_reply = on_reply
        self._pulse = Pulse()
        self._leaves = False  # the avatar said that it is to go
        self._doubted_since: float | None = None  # it fell silent, and nobody else was called yet
        self._silent_from: float | None = None  # it was doubted, and has answered that it is silent
        self._redial = Redial()
        self._calling = False
        self._refused = False  # LiveKit did not take the last call
        self._past_calls: dict[str, str] = {}  # identities that nobody may have any more, by their call
        super().__init__(self._next_identity(), join_timeout=join_timeout, fallback=fallback, standby=True, pause=True)

    # calling

    @property
    def call_id(self) -> str:
        """The present call's, which the worker logs as its session."""
        return self._call_id

    def _next_identity(self) -> str:
        self._call_id = secrets.token_hex(8)
        return f"{self._base}-{self._call_id[:8]}"

    async def _call(self, place: Place) -> None:
        assert self._session is not None
        rate = compat.published_rate(self._session)
        call = Call(place.agent, self._identity, self._call_id, rate=rate, **self._wanted)  # type: ignore[arg-type]
        self._listen()
        try:
            async with _server_of(place) as server:
                request = api.CreateAgentDispatchRequest(
                    agent_name=self._agent_name, room=place.room, metadata=call.metadata()
                )
                dispatch = await server.agent_dispatch.create_dispatch(request)
        except (api.TwirpError, aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise RoomError(
                f"LiveKit did not take the call for an avatar worker {self._agent_name!r}: "
                f"{str(error) or 'no answer'}. Check LIVEKIT_URL, and that the key may dispatch agents."
            ) from error
        self._dispatch = dispatch.id, place.room
        logger.info("an avatar worker is called", extra={"session": self._call_id, "agent_name": self._agent_name})

    def _listen(self) -> None:
        assert self._room is not None
        self._unlisten()
        self._room.on("data_received", self._on_data)
        self._room.on("participant_connected", self._on_connected)

    def _unlisten(self) -> None:
        if self._room is not None:
            self._room.off("data_received", self._on_data)
            self._room.off("participant_connected", self._on_connected)

    async def _call_again(self) -> None:
        """Ask for another avatar, under another identity."""
        before, self._dispatch = self._dispatch, None
        try:
            await self._call(self._place)
            self._called, self._refused = True, False
            await self._hang_up(before)
        except RoomError as error:
            # each time that no avatar is left says it once
            logger.log(logging.DEBUG if self._refused else logging.WARNING, "no other avatar can be called: %s", error)
            self._refused = True
        finally:
            self._calling = False
            self._alarm.ring()

    async def _hang_up(self, dispatch: tuple[str, str] | None) -> None:
        """A call is not to be answered any more."""
        if dispatch is None:
            return
        with contextlib.suppress(api.TwirpError, aiohttp.ClientError, asyncio.TimeoutError):
            async with _server_of(self._place) as server:
                await server.agent_dispatch.delete_dispatch(*dispatch)

    # who speaks

    async def _decide(self) -> float | None:
        wake = await super()._decide()
        assert self._attendance is not None
        if self.speaks_by_avatar:
            self._redial.answered()
            return wake
        now = asyncio.get_running_loop().time()
        if self._doubted_since is not None:
            if now < self._doubted_since + DOUBTED_S:
                return self._doubted_since + DOUBTED_S
            self._turn_to_another()
        if self._gave_up:
            self._redial.unanswered(now)
        if not self._is_connected:
            self._redial.cut_off(now)
        elif self._calling or self._attendance.present is not None:
            self._redial.put_off(now)
        elif self._redial.is_due(now):
            self._turn_to_another()
        return min(self._redial.at, float("inf") if wake is None else wake)

    @property
    def _is_connected(self) -> bool:
        assert self._room is not None
        return self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED

    def _lost_at(self, now: float) -> float | None:
        assert self._output is not None
        if not self._is_connected:
            self._pulse.beat(now)  # it is this agent that hears nothing
        return self._pulse.lost_at(now, self._output.awaits_progress)

    @property
    def _is_leaving(self) -> bool:
        return self._leaves

    def _ready_at(self, now: float) -> float | None:
        if self._doubted_since is not None:
            return None
        ready_at = super()._ready_at(now)
        if ready_at is None or self._silent_from is None:
            return ready_at
        return max(ready_at, self._silent_from + LAST_WORDS_S)

    @property
    def _may_take_over(self) -> bool:
        return self._silent_from is None  # one that was only busy may be so again

    def _on_parted(self) -> None:
        assert self._attendance is not None
        if self._leaves or self._attendance.present is None:
            self._turn_to_another()
            return
        # it may only be busy: the fallback goes on at once, and the avatar is kept if it can say that it is silent
        self._doubted_since = asyncio.get_running_loop().time()
        self._aside(self._silence(), "avatar remote silenced")

    async def _silence(self) -> None:
        assert self._output is not None
        call = self._call_id
        if await self._output.silence_peer() and call == self._call_id:
            self._doubted_since, self._silent_from = None, asyncio.get_running_loop().time()
            self._pulse.beat(self._silent_from)
            self._pulse.was_wrong()
            self._alarm.ring()

    def _turn_to_another(self) -> None:
        assert self._output is not None
        assert self._attendance is not None
        past, self._past_calls[self._call_id] = self._identity, self._identity
        while len(self._past_calls) > MOST_PAST_CALLS:
            self._past_calls.pop(next(iter(self._past_calls)))
        self._identity = self._next_identity()
        self._attendance.watch(self._identity)
        self._pulse.begin()
        self._output.turn_to(self._identity)
        self._doubted_since = self._silent_from = None
        leaves, self._leaves = self._leaves, False
        if leaves:
            self._dispatch = None  # it ends by itself
        self._calling = True
        if not leaves:
            self._aside(self._remove(past), "avatar remote sent away")
        self._aside(self._call_again(), "avatar remote call")

    async def _remove(self, identity: str | None = None) -> None:
        """Let an avatar go: it leaves by itself if it can, and its worker ends its job if that does not.

        livekit's client, when it is removed by the server, keeps a thread of its audio source for ever (1.1.21): a
        worker would grow by one with each avatar. One that was called after has its call ended by `_call_again`.
        """
        assert self._room is not None
        identity = identity or self._identity
        if identity not in self._room.remote_participants:
            return
        try:
            await self._ask_to_leave(identity)
        except rtc.RpcError as error:
            if error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:  # a worker of another make
                await super()._remove(identity)
                return
            if identity == self._identity:
                await self._hang_up(self._dispatch)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._until_gone(identity), GOING_TIMEOUT_S)
            return
        await super()._remove(identity)

    async def _ask_to_leave(self, identity: str) -> None:
        """Return when the avatar has said that it goes.

        Raises:
            RpcError: It did not answer, or knows of no such call.
        """
        assert self._room is not None
        asking = self._room.local_participant.perform_rpc(
            destination_identity=identity, method=LEAVE_METHOD, payload="", response_timeout=LEAVE_TIMEOUT_S
        )
        try:
            await asyncio.wait_for(asking, 2 * LEAVE_TIMEOUT_S)
        except asyncio.TimeoutError as error:
            raise rtc.RpcError(rtc.RpcError.ErrorCode.RESPONSE_TIMEOUT, "no answer") from error

    async def _until_gone(self, identity: str) -> None:
        room = self._room
        assert room is not None
        await until(room, lambda: identity not in room.remote_participants, "participant_disconnected")

    # what comes from the room

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.participant is None:
            return
        if packet.topic == PROGRESS_TOPIC:
            self._on_progress(packet.participant.identity, packet.data)
        elif packet.topic == METRICS_TOPIC:
            self._on_metrics(packet.participant.identity, packet.data)

    def _on_metrics(self, sender: str, data: bytes) -> None:
        if self._on_reply is None or sender != self._identity or len(data) > MAX_BYTES:
            return
        try:
            metrics = ReplyMetrics.model_validate_json(data)
        except ValueError as error:
            logger.debug("metrics of the avatar that cannot be read: %s", error)
            return
        if metrics.session_id == self._call_id:
            self._on_reply(metrics)

    def _on_progress(self, sender: str, data: bytes) -> None:
        word = Progress.read(data)
        if word is None or (sender, word.call) != (self._identity, self._call_id):
            if word is not None and self._past_calls.get(word.call) == sender:
                self._past_calls[word.call] = ""  # one word is enough
                self._pulse.was_wrong()
            elif sender != self._identity and sender not in self._past_calls.values():
                logger.debug("%.64r, who is not the avatar, says how far it is: ignored", sender)
            return
        assert self._output is not None
        if self._pulse.beat(asyncio.get_running_loop().time()):
            self._alarm.ring()  # nobody looks for what was not due
        if word.segment is not None:
            self._output.tell_progress(word.segment, word.heard)
        if word.leaving and not self._leaves:
            self._leaves = True
            self._alarm.ring()

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        call = participant.attributes.get(CALL_ATTRIBUTE)
        if call in self._past_calls and participant.identity != self._identity:
            logger.info("an avatar that was given up came back, and is sent away", extra={"session": call})
            self._aside(self._remove(participant.identity), "avatar remote sent away")

    async def _close(self) -> None:
        self._unlisten()
        await super()._close()
        if self._called:
            await self._hang_up(self._dispatch)


def _server_of(place: Place) -> api.LiveKitAPI:
    timeout = aiohttp.ClientTimeout(DISPATCH_TIMEOUT_S)
    return api.LiveKitAPI(place.url, place.api_key, place.api_secret, timeout=timeout)
