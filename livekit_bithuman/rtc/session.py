"""`AvatarSession`: gives an agent a face with three lines."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Literal

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession
from livekit.agents.voice.io import AudioOutput

from ..engine.protocol import Engine
from ..errors import InvalidStateError
from ..face.idle import IdleMotion
from ..playout import Playout, PlayoutOptions
from ..trace import Header, TracedPlayout
from . import compat
from .options import PublishOptions
from .output import AvatarAudioOutput
from .player import AvatarPlayer
from .plugin import register
from .recording import TraceFile
from .statistics import AvatarStatistics

logger = logging.getLogger("livekit_bithuman")

#: Resampled to, where the TTS speaks at a rate that livekit's 10 ms ticks do not divide (22050 Hz, say).
FALLBACK_RATE = 48_000
MAX_FPS = 60


class AvatarSession(BaseAvatarSession[Literal["engine_failed", "engine_recovered"]]):
    """A face for an agent, rendered in the agent's own process.

        session = AgentSession(tts=…, llm=…, stt=…)
        avatar = AvatarSession()
        await avatar.start(session, room=ctx.room)
        await session.start(agent=…, room=ctx.room)

    The agent's voice then goes through the avatar: both tracks are published by the agent's own participant, at once
    and whether or not anybody is there. Interruptions, pauses and positions are those of the room.

    Events, for `on()`: "engine_failed" with the exception when the engine fails: the voice goes on and the last picture
    stays; "engine_recovered" when pictures are drawn again; "metrics_collected" as of every avatar.

    Args:
        avatar: A built-in character's name or the path of a `.avatar` bundle; None: the default character.
        engine: An engine to use instead of the embedded one, or a function that makes one, called in a worker thread:
            then the avatar can be made anew should its engine fail. It is closed with the session.
        seed: Of the idle motion and of everything else that chance decides.
        size: (width, height) of the picture in pixels, both even; None: the avatar's own (built-in: 512x512).
        fps: Pictures per second, 1..60. An engine that is passed has its own.
        publish: How the tracks are published.
        playout: Timing; measured defaults.
        record: A file to write the session's playout to, for `livekit-bithuman replay`: what happened when, not what
            was said. What is there already is replaced.
        record_voice: Record the voice and the poses too, so that a replay shows the same mouths.

    Raises:
        ValueError: `avatar` and `engine` are both given, or `fps` is out of range.
    """

    def __init__(
        self,
        avatar: str | os.PathLike[str] | None = None,
        *,
        engine: Engine | Callable[[], Engine] | None = None,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        fps: int = 25,
        publish: PublishOptions | None = None,
        playout: PlayoutOptions | None = None,
        record: str | os.PathLike[str] | None = None,
        record_voice: bool = False,
    ) -> None:
        super().__init__()
        register()  # once more: this package may have been imported first on another thread
        self._seed = seed
        self._size = size
        if not 1 <= fps <= MAX_FPS:
            raise ValueError(f"fps is {fps}. Use 1 to {MAX_FPS}; 25 is what the engine is made for.")
        self._fps = fps
        self._engine = self._choose(avatar, engine)
        self._publish = publish or PublishOptions()
        self._playout = playout
        self._embedded = engine is None
        self._record = record
        self._record_voice = record_voice
        self._recording: TraceFile | None = None
        self._player: AvatarPlayer | None = None
        self._output: AvatarAudioOutput | None = None
        self._previous_tail: AudioOutput | None = None  # what the agent spoke through before
        self._publishing: asyncio.Task[None] | None = None
        self._started = False
        self._closed = False

    @property
    def avatar_identity(self) -> str:
        """The agent's own identity: in this mode the agent publishes its avatar."""
        return self._room.local_participant.identity if self._room is not None else ""

    @property
    def provider(self) -> str:
        """For metrics."""
        return "livekit_bithuman"

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since the start: under-runs, skipped pictures, interruptions, engine failures."""
        return AvatarStatistics() if self._player is None or self._output is None else self._player.statistics

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        """Give the agent its face. Call before `agent_session.start()`.

        Returns when the avatar can speak and, if the room is connected, both tracks are published; otherwise they are
        published as soon as it is.

        Args:
            agent_session: Its audio output is replaced until `aclose`.
            room: The agent's.

        Raises:
            InvalidStateError: This avatar was started before, or the agent has one already.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
        TraceError: The recording cannot be written.
        """
        if self._started:
            raise InvalidStateError("This AvatarSession was started already: create a new one.")
        tail = compat.audio_tail(agent_session.output)
        if isinstance(tail, AvatarAudioOutput):
            raise InvalidStateError("This agent has an avatar already: close that one first, with aclose().")
        self._started = True
        self._player = player = await self._make_player(self._voice_rate(agent_session))
        try:
            if self._record is not None:
                self._recording = TraceFile(self._record)
            player.on_engine = self._on_engine
            await player.prepare()
            self._output = AvatarAudioOutput(player)
            self._previous_tail = tail
            compat.replace_audio_tail(agent_session.output, self._output)
            if room.isconnected():
                await player.publish(room)
            else:
                room.on("connection_state_changed", self._publish_when_connected)
            await super().start(agent_session, room)
        except BaseException:
            room.off("connection_state_changed", self._publish_when_connected)
            self._detach(agent_session)
            await player.aclose()
            await self._end_recording()
            raise

    async def swap(
        self,
        avatar: str | os.PathLike[str] | None = None,
        *,
        engine: Engine | Callable[[], Engine] | None = None,
    ) -> None:
        """Show another avatar on the same tracks; a reply that is being spoken goes on with the new face.

        The face before is shown until the new one is loaded; if that fails it stays.

        Args:
            avatar: As for the constructor.
            engine: As for the constructor.

        Raises:
            InvalidStateError: The avatar is not started, or closed.
            ValueError: `avatar` and `engine` are both given, or the engine has another frame rate.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
        """
        player = self._running()
        chosen = self._choose(avatar, engine)
        opened = await _opened(chosen)
        try:
            player.replace_engine(opened, chosen if callable(chosen) else None)
        except ValueError:
            opened.close()
            raise

    async def set_video_enabled(self, enabled: bool) -> None:
        """Take the face away for a while, or bring it back; the voice is the avatar's throughout.

        Raises:
            InvalidStateError: The avatar is not started, or closed.
        """
        await self._running().set_video_enabled(enabled)

    async def aclose(self) -> None:
        """Take the face away; the agent stays in the room. Idempotent.

        Pending speech ends as interrupted, both tracks are unpublished, the previous audio output is restored.
        """
        self._closed = True
        room, self._room = self._room, None
        if room is not None:
            room.off("connection_state_changed", self._on_connection_state_changed)
            room.off("connection_state_changed", self._publish_when_connected)
        if self._publishing is not None:
            await asyncio.gather(self._publishing, return_exceptions=True)
        if self._agent_session is not None:
            self._detach(self._agent_session)
        if self._player is not None:
            await self._player.aclose()
        await self._end_recording()
        await super().aclose()

    # inside

    async def _end_recording(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            await asyncio.to_thread(recording.close)

    def _on_engine(self, error: Exception | None) -> None:
        if error is None:
            self.emit("engine_recovered")
        else:
            self.emit("engine_failed", error)

    def _voice_rate(self, agent_session: AgentSession) -> int:  # type: ignore[type-arg]
        rate = self._publish.sample_rate or compat.voice_rate(agent_session)
        return rate if rate % 100 == 0 else FALLBACK_RATE

    async def _make_player(self, rate: int) -> AvatarPlayer:
        engine = await _opened(self._engine)
        return AvatarPlayer(
            engine,
            IdleMotion(self._seed, engine.info.fps),
            rate=rate,
            make_engine=self._engine if callable(self._engine) else None,
            options=self._publish,
            playout=self._playout,
            trace=None if self._record is None else self._traced,
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
            self._playout or PlayoutOptions(),
            seed=self._seed,
            embedded=self._embedded,
            samples=self._record_voice,
            recorded=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        return TracedPlayout(playout, header, self._recording.write)

    def _choose(
        self, avatar: str | os.PathLike[str] | None, engine: Engine | Callable[[], Engine] | None
    ) -> Engine | Callable[[], Engine]:
        """What was asked for, as an engine or something that makes one."""
        if engine is not None:
            if avatar is not None:
                raise ValueError("Pass avatar= or engine=, not both: an engine brings its own avatar.")
            return engine

        def open_embedded() -> Engine:
            # imported at first use: the net and the avatar load here, in a worker thread
            from ..engine.embedded import EmbeddedEngine

            return EmbeddedEngine(avatar, seed=self._seed, size=self._size, fps=self._fps)

        return open_embedded

    def _running(self) -> AvatarPlayer:
        if self._player is None or self._closed:
            raise InvalidStateError("This avatar is not running: call start() first, and not after aclose().")
        return self._player

    def _detach(self, agent_session: AgentSession) -> None:  # type: ignore[type-arg]
        """Give the agent the output back that it had, unless somebody else replaced ours meanwhile."""
        output = agent_session.output
        if self._output is not None and compat.audio_tail(output) is self._output:
            compat.replace_audio_tail(output, self._previous_tail)

    def _publish_when_connected(self, state: rtc.ConnectionState.ValueType) -> None:
        if state == rtc.ConnectionState.CONN_CONNECTED and self._publishing is None and self._room is not None:
            self._publishing = asyncio.create_task(self._publish_late(self._room), name="avatar publish")

    async def _publish_late(self, room: rtc.Room) -> None:
        assert self._player is not None
        try:
            await self._player.publish(room)
        except Exception:
            logger.exception("the avatar could not be published: nobody will see or hear it")


async def _opened(chosen: Engine | Callable[[], Engine]) -> Engine:
    """The engine, made in a worker thread if it is to be made."""
    return await asyncio.to_thread(chosen) if callable(chosen) else chosen
