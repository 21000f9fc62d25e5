"""`AvatarSession`: gives an agent a face with three lines."""

from __future__ import annotations

import asyncio
import logging
import os

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession as BaseAvatarSession
from livekit.agents.voice.io import AudioOutput

from ..engine.protocol import Engine
from ..errors import InvalidStateError
from ..face.idle import IdleMotion
from ..playout import PlayoutOptions
from . import compat
from .options import PublishOptions
from .output import AvatarAudioOutput
from .player import AvatarPlayer
from .plugin import register

logger = logging.getLogger("livekit_bithuman")

#: Resampled to, where the TTS speaks at a rate that livekit's 10 ms ticks do not divide (22050 Hz, say).
FALLBACK_RATE = 48_000


class AvatarSession(BaseAvatarSession[str]):
    """A face for an agent, rendered in the agent's own process.

        session = AgentSession(tts=…, llm=…, stt=…)
        avatar = AvatarSession()
        await avatar.start(session, room=ctx.room)
        await session.start(agent=…, room=ctx.room)

    The agent's voice then goes through the avatar: both tracks are published by the agent's own participant, at once
    and whether or not anybody is there. Interruptions, pauses and positions are those of the room.

    Args:
        avatar: A built-in character's name or the path of a `.avatar` bundle; None: the default character.
        engine: An engine to use instead of the embedded one; it is closed with the session.
        seed: Of the idle motion and of everything else that chance decides.
        size: (width, height) of the picture in pixels, both even; None: the avatar's own (built-in: 512x512).
        publish: How the tracks are published.
        playout: Timing; measured defaults.

    Raises:
        ValueError: `avatar` and `engine` are both given, or `size` is odd or out of range.
    """

    def __init__(
        self,
        avatar: str | os.PathLike[str] | None = None,
        *,
        engine: Engine | None = None,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        publish: PublishOptions | None = None,
        playout: PlayoutOptions | None = None,
    ) -> None:
        super().__init__()
        register()  # once more: this package may have been imported first on another thread
        if engine is not None and avatar is not None:
            raise ValueError("Pass avatar= or engine=, not both: an engine brings its own avatar.")
        self._avatar = avatar
        self._engine = engine
        self._seed = seed
        self._size = size
        self._publish = publish or PublishOptions()
        self._playout = playout
        self._player: AvatarPlayer | None = None
        self._output: AvatarAudioOutput | None = None
        self._previous_tail: AudioOutput | None = None  # what the agent spoke through before
        self._publishing: asyncio.Task[None] | None = None
        self._started = False

    @property
    def avatar_identity(self) -> str:
        """The agent's own identity: in this mode the agent publishes its avatar."""
        return self._room.local_participant.identity if self._room is not None else ""

    @property
    def provider(self) -> str:
        """For metrics."""
        return "livekit_bithuman"

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
        """
        if self._started:
            raise InvalidStateError("This AvatarSession was started already: create a new one.")
        tail = compat.audio_tail(agent_session.output)
        if isinstance(tail, AvatarAudioOutput):
            raise InvalidStateError("This agent has an avatar already: close that one first, with aclose().")
        self._started = True
        self._player = player = await self._make_player(self._voice_rate(agent_session))
        try:
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
            raise

    async def aclose(self) -> None:
        """Take the face away; the agent stays in the room. Idempotent.

        Pending speech ends as interrupted, both tracks are unpublished, the previous audio output is restored.
        """
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
        await super().aclose()

    # inside

    def _voice_rate(self, agent_session: AgentSession) -> int:  # type: ignore[type-arg]
        rate = self._publish.sample_rate or compat.voice_rate(agent_session)
        return rate if rate % 100 == 0 else FALLBACK_RATE

    async def _make_player(self, rate: int) -> AvatarPlayer:
        engine = self._engine or await asyncio.to_thread(self._open_embedded)
        motion = IdleMotion(self._seed, engine.info.fps)
        return AvatarPlayer(engine, motion, rate=rate, options=self._publish, playout=self._playout)

    def _open_embedded(self) -> Engine:
        # imported at first use: the net and the avatar load here, in a worker thread
        from ..engine.embedded import EmbeddedEngine

        return EmbeddedEngine(self._avatar, seed=self._seed, size=self._size)

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
