"""`InProcessFace`: an engine in the agent's own process, whose face the agent's own participant publishes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from os import PathLike

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from ..cues import Cue
from ..engine.protocol import Engine
from ..errors import InvalidStateError
from ..face.idle import IdleMotion
from ..playout import Playout, PlayoutOptions
from ..trace import Header, TracedPlayout
from . import compat
from .opening import EngineSource, close, opened, remaker
from .options import PublishOptions
from .output import AvatarAudioOutput
from .player import AvatarPlayer
from .presence import Presence
from .recording import TraceFile
from .reply_metrics import ReplyMetrics, ReplyReporter
from .spans import Spans, doing
from .states import AgentStates
from .statistics import AvatarStatistics


@dataclass(frozen=True)
class InProcessOptions:
    """What an `AvatarSession` was asked for that concerns a face in the agent's process; see there."""

    seed: int = 0
    publish: PublishOptions = field(default_factory=PublishOptions)
    playout: PlayoutOptions | None = None
    record: str | PathLike[str] | None = None
    record_voice: bool = False
    visemes: bool = False
    video: bool = True  # False: the voice alone
    follow_states: bool = True  # the face listens, thinks and speaks as the agent does
    session: str = ""  # names the session in metrics and spans
    on_reply: Callable[[ReplyMetrics], None] | None = None  # told of each reply that is over


class InProcessFace:
    """A face that is drawn in the agent's process. Implements `Face`.

    Args:
        engine: Closed with the face; made anew should it fail, where a function makes it.
        options: Of the session.
        embedded: The engine is the embedded one, whose poses a recording can tell.
        on_engine: Told of an engine's failure, and with None of its end.
    """

    def __init__(
        self,
        engine: EngineSource,
        options: InProcessOptions,
        *,
        embedded: bool,
        on_engine: Callable[[Exception | None], None],
    ) -> None:
        self._engine = engine
        self._options = options
        self._embedded = embedded
        self._on_engine = on_engine
        self._recording: TraceFile | None = None
        self._traced_playout: TracedPlayout | None = None
        self._agent: AgentSession | None = None  # type: ignore[type-arg]  # from the start
        self._room: rtc.Room | None = None
        self._player: AvatarPlayer | None = None
        self._output: AvatarAudioOutput | None = None
        self._previous_tail: AudioOutput | None = None  # what the agent spoke through before
        self._presence: Presence | None = None
        self._spans: Spans | None = None  # from the moment that it can speak
        self._states: AgentStates | None = None  # from the moment that the face follows the agent's states
        self._closed = False

    @property
    def identity(self) -> str:
        """The agent's own: it publishes its avatar itself."""
        return self._room.local_participant.identity if self._room is not None else ""

    @property
    def engine(self) -> Engine | None:
        """The one that is shown; None before the start."""
        return None if self._player is None else self._player.engine

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since the start."""
        return AvatarStatistics() if self._player is None or self._output is None else self._player.statistics

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        """Return when the avatar can speak and, if the room is connected, both tracks are published.

        Raises:
            InvalidStateError: It was started before.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
            RoomError: The agent may not publish its voice in this room.
            TraceError: The recording cannot be written.
        """
        if self._agent is not None:
            raise InvalidStateError("This face was started already: create a new one.")
        self._agent, self._room = agent_session, room
        try:
            await self._start(agent_session, room)
        except BaseException:
            await asyncio.shield(asyncio.create_task(self.aclose(), name="avatar start undone"))
            raise

    async def swap(self, chosen: EngineSource) -> None:
        """Show another engine's avatar on the same tracks; if it cannot be had the present one stays.

        Raises:
            InvalidStateError: The face is not started.
            ValueError: The engine has another frame rate.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
        """
        player = self._running()
        with doing("avatar_swap", self._options.session):
            new = await opened(chosen)
            try:
                self._running()  # it may have been closed meanwhile
                player.replace_engine(new, remaker(chosen))
            except BaseException:
                close(new)
                raise

    async def set_video_enabled(self, enabled: bool) -> None:
        """Take the pictures away for a while, or bring them back.

        Raises:
            InvalidStateError: The face is not started.
        """
        await self._running().set_video_enabled(enabled)

    def cue(self, cue: Cue, at_s: float | None = None) -> None:
        """Tell the face something, now or at a moment of the reply; see `Playout.cue`.

        Raises:
            InvalidStateError: The face is not started.
        """
        self._running().cue(cue, at_s)

    async def aclose(self) -> None:
        """Undo what a start has done so far, the newest first. Idempotent, also for two callers at once."""
        self._closed = True
        if self._states is not None:
            self._states.close()
        try:
            if self._presence is not None:
                await self._presence.aclose()
            self._detach()
            if self._player is not None:
                await self._player.aclose()
        finally:
            if self._spans is not None:
                self._spans.close()
            recording, self._recording = self._recording, None
            if recording is not None:
                if self._traced_playout is not None:
                    self._traced_playout.end()
                await asyncio.to_thread(recording.close)

    # inside

    async def _start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        self._player = await self._make_player(compat.published_rate(agent_session, self._options.publish.sample_rate))
        self._player.on_engine = self._tell_of_engine
        self._spans = Spans(self._options.session, self._player.rate)
        self._player.measures.listeners.append(self._spans)
        if self._options.on_reply is not None:
            reporter = ReplyReporter(self._options.session, self._player.rate, self._options.on_reply)
            self._player.measures.listeners.append(reporter)
        if self._options.record is not None:
            self._recording = TraceFile(self._options.record)
        await self._player.prepare()
        if not self._options.video:
            await self._player.set_video_enabled(False)
        if self._options.follow_states:
            self._states = AgentStates(agent_session, self._player.cue)
        self._output = AvatarAudioOutput(self._player)
        self._previous_tail = compat.audio_tail(agent_session.output)
        compat.replace_audio_tail(agent_session.output, self._output)
        self._presence = Presence(self._player, room)
        await self._presence.start()

    def _tell_of_engine(self, error: Exception | None) -> None:
        assert self._spans is not None
        self._spans.engine(error)
        self._on_engine(error)

    def _running(self) -> AvatarPlayer:
        if self._player is None or self._output is None or self._closed:
            raise InvalidStateError("This avatar is not running: call start() first, and not after aclose().")
        return self._player

    async def _make_player(self, rate: int) -> AvatarPlayer:
        engine = await opened(self._engine)
        return AvatarPlayer(
            engine,
            IdleMotion(self._options.seed, engine.info.fps),
            rate=rate,
            seed=self._options.seed,
            make_engine=remaker(self._engine),
            options=self._options.publish,
            playout=self._options.playout,
            trace=None if self._options.record is None else self._traced,
            visemes=self._options.visemes,
        )

    def _traced(self, playout: Playout, origin: float, now: float) -> TracedPlayout:
        """The playout, recorded."""
        assert self._player is not None
        assert self._recording is not None
        header = Header(
            self._player.rate,
            origin,
            now,
            self._player.engine_info,
            self._options.playout or PlayoutOptions(),
            seed=self._options.seed,
            embedded=self._embedded,
            samples=self._options.record_voice,
            recorded=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        self._traced_playout = TracedPlayout(playout, header, self._recording.write)
        return self._traced_playout

    def _detach(self) -> None:
        """Give the agent the output back that it had, unless somebody else replaced ours meanwhile."""
        if self._output is None or self._agent is None:
            return
        output = self._agent.output
        if compat.audio_tail(output) is self._output:
            compat.replace_audio_tail(output, self._previous_tail)
