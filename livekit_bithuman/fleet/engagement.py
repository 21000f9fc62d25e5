"""One avatar in one agent's room, from the call to its leaving."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence

from livekit import rtc

from ..face.idle import IdleMotion
from ..playout.measures import Listener
from ..rtc import compat
from ..rtc.alarm import Alarm
from ..rtc.dispatch.call import LEAVE_METHOD, METRICS_TOPIC, PROGRESS_TOPIC, Call
from ..rtc.opening import EngineSource, opened, remaker
from ..rtc.options import PublishOptions
from ..rtc.output import AvatarAudioOutput
from ..rtc.player import AvatarPlayer
from ..rtc.presence import Presence
from ..rtc.reply_metrics import ReplyMetrics, ReplyReporter
from ..rtc.spans import Spans
from ..rtc.watch import until
from .receiver import VoiceReceiver

logger = logging.getLogger("livekit_bithuman")

#: How often the agent is told how far the avatar is, while something is pending and otherwise.
BEAT_S, IDLE_BEAT_S = 0.04, 0.5
#: So long the agent may take to come, or to come back.
AGENT_ABSENT_S = 20.0
#: So long after its agent was told an avatar that is to leave stays at least: a reply may be under way.
NOTICE_S = 1.0
#: The answer to a call to leave is on its way before the room is left.
ANSWERED_S = 0.05
#: What somebody still publishes when a room is left, livekit's client keeps (1.1.21), and with it its whole connection,
#: half a megabyte. Who lets an avatar go takes back its own tracks in the same moment: so long they may take.
OTHERS_S = 1.0


class Engagement:
    """Speaks and shows its face for one agent until that is gone, the room is closed, or it is asked to leave.

    `start()`, `ended()`, `aclose()`, in this order.

    Args:
        room: Not connected yet.
        call: What was asked for.
        engine: Opened and closed with the engagement; made anew should it fail.
        publish: How the tracks are published.
        listeners: Told what is measured of its voice and pictures.
    """

    def __init__(
        self,
        room: rtc.Room,
        call: Call,
        engine: EngineSource,
        publish: PublishOptions | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.call = call
        self._room = room
        self._engine = engine
        self._publish = publish or PublishOptions()
        self._receiver = VoiceReceiver(room, call.agent, call.call)
        self._spans = Spans(call.session, call.rate, lambda: self._receiver.segment)
        self._listeners = (*listeners, self._spans, *self._reporters())
        self._player: AvatarPlayer | None = None
        self._presence: Presence | None = None
        self._beating: asyncio.Task[None] | None = None
        self._ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._leaving = False  # it was asked to, and the agent is told
        self._closing = False
        self._alarm = Alarm()  # of the beat
        self._absence: asyncio.TimerHandle | None = None  # while the agent is not there
        self._side_tasks: set[asyncio.Task[None]] = set()

    async def start(self, connect: Callable[[], Coroutine[None, None, None]]) -> AvatarPlayer:
        """Join, and return when the avatar can speak and be seen. If it fails, everything is as before but the room.

        Args:
            connect: Connects the room.

        Raises:
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
            RoomError: The room does not take the avatar's voice.
        """
        self._receiver.on_voice = self._alarm.ring
        self._receiver.listen_for_streams()
        connecting = asyncio.create_task(connect(), name="avatar connect")
        try:
            self._player = await self._make_player()
            await connecting
            self._watch_room()
            self._receiver.start(AvatarAudioOutput(self._player))
            self._room.local_participant.register_rpc_method(LEAVE_METHOD, self._on_leave)
            self._presence = Presence(self._player, self._room, may_be_removed=True)
            await self._presence.start()
            self._beating = asyncio.create_task(self._beat(), name="avatar progress")
            return self._player
        except BaseException:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self.aclose()
            raise

    async def ended(self) -> str:
        """Wait until it is over; returns why."""
        return await asyncio.shield(self._ending)

    async def aclose(self) -> None:
        """Take the avatar out of the room, whose connection stays. Idempotent."""
        self._closing = True
        self._unwatch_room()
        compat.take_no_calls(self._room, LEAVE_METHOD)
        tasks = [task for task in (self._beating, *self._side_tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._receiver.aclose()
        if self._presence is not None:
            await self._presence.aclose()
        if self._player is not None:
            await self._player.aclose()
        self._spans.close()

    async def until_alone(self) -> None:
        """Return when nobody in the room publishes anything, or after a second; for an avatar that is out of sight."""

        def is_alone() -> bool:
            return not any(other.track_publications for other in self._room.remote_participants.values())

        leaving = until(self._room, is_alone, "track_unpublished", "participant_disconnected")
        try:
            await asyncio.wait_for(leaving, OTHERS_S)
        except asyncio.TimeoutError:
            logger.debug("the avatar leaves a room where others go on publishing")

    def end(self, reason: str) -> None:
        """Leave now. Idempotent."""
        if not self._ending.done():
            self._ending.set_result(reason)

    def retire(self) -> None:
        """Leave when nothing is being said, and after the agent knows. Idempotent.

        An agent that could not get another avatar keeps this one until its room ends.
        """
        if self.call.call is None or self._leaving:
            return
        self._leaving = True
        self._alarm.ring()
        self._aside(self._leave_silent(), "avatar leaving")

    # inside

    async def _make_player(self) -> AvatarPlayer:
        engine = await opened(self._engine)
        motion = IdleMotion(self.call.seed, engine.info.fps)
        player = AvatarPlayer(
            engine, motion, rate=self.call.rate, make_engine=remaker(self._engine), options=self._publish
        )
        player.measures.listeners.extend(self._listeners)
        player.on_engine = self._spans.engine
        try:
            await player.prepare()
        except BaseException:
            await player.aclose()
            raise
        return player

    async def _beat(self) -> None:
        """Tell the agent how far its voice was heard, so that it knows where to go on should nothing come any more."""
        if self.call.call is None:
            return
        while True:
            await self._tell_progress()
            now = asyncio.get_running_loop().time()
            await self._alarm.wait(now + (IDLE_BEAT_S if self._receiver.idle else BEAT_S))

    async def _tell_progress(self) -> None:
        assert self._player is not None
        told = {
            "call": self.call.call,
            "segment": self._receiver.segment,
            "heard": self._player.heard,
            "leaving": self._leaving,
        }
        # one that is late is worth nothing
        await self._tell(json.dumps(told, separators=(",", ":")), PROGRESS_TOPIC, reliable=False)

    def _reporters(self) -> tuple[Listener, ...]:
        """Who tells the agent of each reply that is over, if it is one that listens."""
        return () if self.call.call is None else (ReplyReporter(self.call.session, self.call.rate, self._tell_reply),)

    def _tell_reply(self, metrics: ReplyMetrics) -> None:
        if not self._closing:
            self._aside(self._tell(metrics.model_dump_json(), METRICS_TOPIC), "avatar metrics")

    async def _tell(self, told: str, topic: str, *, reliable: bool = True) -> None:
        try:
            await self._room.local_participant.publish_data(
                told, reliable=reliable, destination_identities=[self.call.agent], topic=topic
            )
        except Exception as error:  # a room that is down, or going down
            logger.debug("the agent could not be told by %s: %s", topic, error)

    async def _leave_silent(self) -> None:
        await asyncio.sleep(NOTICE_S)
        await self._receiver.until_idle()
        await self._receiver.all_told()
        self.end("the worker is shut down")

    # the room

    def _watch_room(self) -> None:
        self._room.on("participant_connected", self._on_connected)
        self._room.on("participant_disconnected", self._on_disconnected)
        self._room.on("disconnected", self._on_room_closed)
        self._room.on("reconnecting", self._on_cut_off)
        if self.call.agent not in self._room.remote_participants:
            self._await_agent()

    def _unwatch_room(self) -> None:
        self._room.off("participant_connected", self._on_connected)
        self._room.off("participant_disconnected", self._on_disconnected)
        self._room.off("disconnected", self._on_room_closed)
        self._room.off("reconnecting", self._on_cut_off)
        if self._absence is not None:
            self._absence.cancel()

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self.call.agent and self._absence is not None:
            self._absence.cancel()
            self._absence = None

    def _on_disconnected(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self.call.agent:
            self._receiver.clear()
            self._await_agent()

    def _await_agent(self) -> None:
        self._absence = asyncio.get_running_loop().call_later(AGENT_ABSENT_S, self.end, "the agent is gone")

    async def _on_leave(self, call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != self.call.agent:
            logger.warning("%.64r, who is not the avatar's agent, asked it to leave: ignored", call.caller_identity)
            return "reject"
        asyncio.get_running_loop().call_later(ANSWERED_S, self.end, "its agent let it go")
        return "ok"

    def _on_room_closed(self, *_: object) -> None:
        self.end("the room is closed")

    def _on_cut_off(self, *_: object) -> None:
        """The room is lost. An agent that is told of progress lets somebody else go on: not two at once."""
        if self.call.call is not None:
            self._receiver.clear()

    def _aside(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
