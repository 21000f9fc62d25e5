"""`AvatarSession`: gives an agent a face with three lines."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Callable
from typing import Literal

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession

from ..engine.protocol import Engine
from ..errors import InvalidStateError
from ..playout import PlayoutOptions
from .in_process import InProcessFace, InProcessOptions
from .options import PublishOptions
from .plugin import register
from .statistics import AvatarStatistics

logger = logging.getLogger("livekit_bithuman")

MAX_FPS = 60
#: Agents that have an avatar, from the moment that one begins to start.
_with_avatar: weakref.WeakSet[AgentSession] = weakref.WeakSet()  # type: ignore[type-arg]


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
        visemes: Send each picture's viseme weights as a data packet too (`VisemePacket`), for a face that the viewer's
            own program draws; also while the video is taken away by `set_video_enabled(False)`.

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
        visemes: bool = False,
    ) -> None:
        super().__init__()
        register()  # once more: this package may have been imported first on another thread
        self._seed = seed
        self._size = size
        if not 1 <= fps <= MAX_FPS:
            raise ValueError(f"fps is {fps}. Use 1 to {MAX_FPS}; 25 is what the engine is made for.")
        self._fps = fps
        self._face = InProcessFace(
            self._choose(avatar, engine),
            InProcessOptions(
                seed=seed,
                publish=publish or PublishOptions(),
                playout=playout,
                record=record,
                record_voice=record_voice,
                visemes=visemes,
            ),
            embedded=engine is None,
            on_engine=self._on_engine,
        )
        self._agent: AgentSession | None = None  # type: ignore[type-arg]  # from the moment that start() was called
        self._starting: asyncio.Task[None] | None = None  # once start() was called
        self._closing: asyncio.Task[None] | None = None  # once aclose() was

    @property
    def avatar_identity(self) -> str:
        """The agent's own identity: in this mode the agent publishes its avatar."""
        return self._face.identity

    @property
    def provider(self) -> str:
        """For metrics."""
        return "livekit_bithuman"

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since the start: under-runs, skipped pictures, interruptions, engine failures."""
        return self._face.statistics

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        """Give the agent its face. Call before `agent_session.start()`.

        Returns when the avatar can speak and, if the room is connected, both tracks are published; otherwise they are
        published as soon as it is. If it fails or is cancelled, everything is as it was before.

        Args:
            agent_session: Its audio output is replaced until `aclose`.
            room: The agent's.

        Raises:
            InvalidStateError: This avatar was started or closed before or is closed meanwhile, or the agent has one
                already.
            AvatarNotFoundError, AvatarFormatError: The avatar cannot be loaded.
            RoomError: The agent may not publish its voice in this room.
            TraceError: The recording cannot be written.
        """
        if self._starting is not None or self._closing is not None:
            raise InvalidStateError("This AvatarSession was started already, or closed: create a new one.")
        if agent_session in _with_avatar:
            raise InvalidStateError("This agent has an avatar already: close that one first, with aclose().")
        _with_avatar.add(agent_session)
        self._agent = agent_session
        self._starting = asyncio.create_task(self._set_up(agent_session, room), name="avatar start")
        try:
            await self._starting
        except BaseException as error:
            await asyncio.shield(asyncio.create_task(self._take_away(), name="avatar start undone"))
            if self._closing is not None and isinstance(error, asyncio.CancelledError):
                raise InvalidStateError("This AvatarSession was closed while it was starting.") from None
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
        await self._running().swap(self._choose(avatar, engine))

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
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar session close")
        await asyncio.shield(self._closing)

    # inside

    def _on_engine(self, error: Exception | None) -> None:
        if error is None:
            self.emit("engine_recovered")
        else:
            self.emit("engine_failed", error)

    async def _set_up(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        await self._face.start(agent_session, room)
        await super().start(agent_session, room)

    async def _close(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        joining = self._wait_avatar_join_task
        if self._room is not None:
            self._room.off("connection_state_changed", self._on_connection_state_changed)
            self._room = None  # the agent stays in the room
        await self._take_away()
        await super().aclose()
        if joining is not None:
            await asyncio.gather(joining, return_exceptions=True)  # it may have failed with the room

    async def _take_away(self) -> None:
        """Undo what a start has done so far. Idempotent, also for two callers at once."""
        if self._agent is None:
            return
        try:
            await self._face.aclose()
        finally:
            _with_avatar.discard(self._agent)

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

    def _running(self) -> InProcessFace:
        if self._closing is not None:
            raise InvalidStateError("This avatar is not running: call start() first, and not after aclose().")
        return self._face
