"""`AvatarWorker`: takes dispatches, and shows an avatar for each, all in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from livekit.agents import AgentServer, AutoSubscribe, JobContext, JobExecutorType, JobProcess, JobRequest
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF

from ..engine.protocol import Engine
from ..engine.timed import TimedEngine
from ..errors import AvatarError, ServerError
from ..rtc.dispatch.call import AGENT_NAME, CALL_ATTRIBUTE, Call, CallError
from ..rtc.options import PublishOptions
from ..rtc.spans import doing
from ..rtc.stepping import Step
from .capacity import Strain
from .engagement import Engagement
from .meters import AvatarMeter, WorkerMeters

logger = logging.getLogger("livekit_bithuman")

#: What a full worker reports as its load: the default threshold of livekit-agents and of livekit-server.
FULL = 0.7
#: So long an accepted call counts as an avatar before its job has begun.
ACCEPTED_S = 10.0
#: Runners that wait for a job: a call is answered at once.
IDLE_RUNNERS = 1


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker is told. The secrets are not shown by `repr`.

    Attributes:
        url: Of the LiveKit server.
        api_key: Registers the worker.
        api_secret: Registers the worker.
        agent_name: Dispatches name it.
        capacity: Avatars at once.
        publish: How their tracks are published.
        drain_timeout: Seconds that avatars may stay after `drain()`.
    """

    url: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    agent_name: str = AGENT_NAME
    capacity: int = 1
    publish: PublishOptions = field(default_factory=PublishOptions)
    drain_timeout: int = 3600


class AvatarWorker:
    """An ordinary livekit-agents worker whose jobs are avatars.

    They share a process, each with a thread and an event loop of its own: models and bundles are loaded once, and
    drawing and encoding release the interpreter's lock.

    Args:
        options: Where, and how much.
        make_engine: Makes the engine for a call, in a worker thread.
        knows: Whether there is an avatar of a call's name.
    """

    def __init__(
        self, options: WorkerOptions, make_engine: Callable[[Call], Engine], knows: Callable[[str | None], bool]
    ) -> None:
        self._options = options
        self._make_engine = make_engine
        self._knows = knows
        self.on_left: Callable[[], None] | None = None  # told in an avatar's thread that it has left
        self._lock = threading.Lock()  # jobs run in threads of their own
        self._playing: dict[str, tuple[asyncio.AbstractEventLoop, Engagement]] = {}  # by job
        self._accepted: dict[str, float] = {}  # jobs that have not begun, and when they were accepted
        self._draining = False
        self._strain = Strain()
        self._strained = False  # and it was said
        self.meters = WorkerMeters(self.load, options.capacity)
        self._server = AgentServer(
            job_executor_type=JobExecutorType.THREAD,
            ws_url=options.url,
            api_key=options.api_key,
            api_secret=options.api_secret,
            host="127.0.0.1",
            port=0,
            load_fnc=self.load,
            load_threshold=FULL,
            drain_timeout=options.drain_timeout,
            num_idle_processes=IDLE_RUNNERS,
            job_memory_warn_mb=0,  # of all avatars together, in one process
            setup_fnc=_nothing_to_set_up,
        )
        self._server.rtc_session(self._perform, agent_name=options.agent_name, on_request=self._answer)
        self.registered = asyncio.Event()  # set while the server knows of the worker
        self._server.on("worker_registered", lambda *_: self.registered.set())

    @property
    def avatars(self) -> int:
        """Those that are there, and those that were accepted and are about to be."""
        with self._lock:
            return len(self._playing) + len(self._accepted)

    def load(self) -> float:
        """As LiveKit is told: 0 with no avatar, `FULL` with as many as this machine serves."""
        if self._draining or self._is_strained():
            return 1.0
        return FULL * min(1.0, self.avatars / max(1, self._options.capacity))

    @property
    def takes_calls(self) -> bool:
        """Whether it is registered, and neither draining nor full."""
        return self.registered.is_set() and not self._draining and self.load() < FULL

    async def run(self) -> None:
        """Serve until `aclose`.

        Raises:
            ServerError: The LiveKit server cannot be reached, or does not let the worker in.
        """
        try:
            await self._server.run(devmode=False)
        except RuntimeError as error:
            raise ServerError(
                f"The LiveKit server at {self._options.url} did not take the worker: {error}. "
                "Check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
            ) from error

    async def drain(self) -> None:
        """Take no more calls, and let each avatar leave when it has said its sentence."""
        self._draining = True
        with self._lock:
            playing = list(self._playing.values())
        for loop, engagement in playing:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(engagement.retire)
        with contextlib.suppress(asyncio.TimeoutError):
            await self._server.drain()

    async def aclose(self) -> None:
        """Leave all rooms now. Idempotent."""
        await self._server.aclose()

    def _is_strained(self) -> bool:
        """Whether the machine draws too few pictures in time, whatever its capacity was thought to be."""
        with self._lock:
            skips = self._strain.look(time.monotonic(), *self.meters.pictures)
            strained = skips or self.meters.step >= Step.SMALL
            said, self._strained = self._strained, strained
        if strained and not said:
            logger.warning("pictures are skipped or made smaller: this worker takes no more avatars until none are")
        return strained

    # what LiveKit asks

    async def _answer(self, request: JobRequest) -> None:
        why = reason = None
        try:
            call = Call.from_metadata(request.job.metadata)
            if not self._knows(call.avatar):
                reason, why = "avatar", f"there is no avatar {call.avatar!r} here"
        except CallError as error:
            reason, why = "metadata", f"the dispatch's metadata is no call: {error}"
        if reason is None and not self._reserve(request.id):
            reason, why = "capacity", f"it has {self._options.capacity} avatars, all that it serves"
        fields = {"job": request.id, "room": request.room.name}
        if reason is not None:
            self.meters.refused(reason)
            logger.warning("a call was refused: %s", why, extra=fields)
            await request.reject(terminate=False)  # another worker may know better
            return
        attributes = {ATTRIBUTE_PUBLISH_ON_BEHALF: call.agent}
        if call.call is not None:
            attributes[CALL_ATTRIBUTE] = call.call
        try:
            await request.accept(identity=call.identity, name=call.name, attributes=attributes)
        except BaseException:
            self._release(request.id)
            raise

    async def _perform(self, job: JobContext) -> None:
        call = Call.from_metadata(job.job.metadata)
        fields = {"job": job.job.id, "room": job.job.room.name, "session": call.call}
        meter = self.meters.avatar()

        def make_engine() -> Engine:
            return TimedEngine(self._make_engine(call), meter.drew)

        engagement = Engagement(job.room, call, make_engine, self._options.publish, [meter])
        with self._lock:
            called_at = self._accepted.pop(job.job.id, time.monotonic())
            self._playing[job.job.id] = asyncio.get_running_loop(), engagement
        logger.info("an avatar joins", extra=fields)
        try:
            with doing("avatar_start", call.session):
                player = await engagement.start(lambda: job.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE))
        except BaseException as error:
            self._forget(job, meter)
            if not isinstance(error, AvatarError):
                raise
            logger.error("an avatar could not be shown: %s", error, extra=fields)
            job.shutdown("the avatar could not be shown")
            return
        meter.player = player
        self.meters.joined(time.monotonic() - called_at)
        if self._draining:
            engagement.retire()
        attending = asyncio.create_task(self._attend(job, engagement, meter, fields), name="avatar engagement")

        async def ended() -> None:
            engagement.end("its job was ended")
            await attending

        job.add_shutdown_callback(ended)

    async def _attend(
        self, job: JobContext, engagement: Engagement, meter: AvatarMeter, fields: dict[str, str | None]
    ) -> None:
        """Be there until the engagement ends, and end the job with it."""
        reason = await engagement.ended()
        await engagement.aclose()
        self._forget(job, meter)
        await engagement.until_alone()
        logger.info("an avatar left: %s", reason, extra=fields)
        job.shutdown(reason)
        if self.on_left is not None:
            self.on_left()

    def _forget(self, job: JobContext, meter: AvatarMeter) -> None:
        self.meters.leave(meter)
        self._release(job.job.id)

    def _reserve(self, job: str) -> bool:
        now = time.monotonic()
        with self._lock:
            # an accepted call may never be assigned
            self._accepted = {id: at for id, at in self._accepted.items() if now - at < ACCEPTED_S}
            if self._draining or len(self._playing) + len(self._accepted) >= self._options.capacity:
                return False
            self._accepted[job] = now
            return True

    def _release(self, job: str) -> None:
        with self._lock:
            self._accepted.pop(job, None)
            self._playing.pop(job, None)


def _nothing_to_set_up(_: JobProcess) -> None:
    """What avatars share is loaded once for the process, not once for each runner."""
