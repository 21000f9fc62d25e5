"""A face that is none: the agent's voice alone, published by the agent."""

from __future__ import annotations

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from ...engine.counting import CountingEngine
from ...engine.protocol import EngineInfo
from ...errors import InvalidStateError
from ...face.idle import IdleMotion
from .. import compat
from ..options import PublishOptions
from ..output import AvatarAudioOutput
from ..player import AvatarPlayer
from ..presence import Presence

#: The player counts its time in pictures, which nobody sees.
_UNSEEN = EngineInfo(fps=10, size=(16, 16), lookahead_s=0.0)


class VoiceFace:
    """The agent's own voice track, with the interruptions, pauses and positions of an avatar.

    Args:
        publish: How the track is published.
    """

    def __init__(self, publish: PublishOptions | None = None) -> None:
        self._publish = publish or PublishOptions(audio_track_name="agent_audio", stream=None)
        self._output: AvatarAudioOutput | None = None
        self._previous: AudioOutput | None = None  # what the agent spoke through before
        self._player: AvatarPlayer | None = None
        self._presence: Presence | None = None
        self._session: AgentSession | None = None  # type: ignore[type-arg]
        self._room: rtc.Room | None = None

    @property
    def identity(self) -> str:
        """The agent's own."""
        return self._room.local_participant.identity if self._room is not None else ""

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        """Speak for the agent from now on; on failure or cancellation everything is as before.

        Raises:
            InvalidStateError: It was started before.
            RoomError: The agent may not publish its voice in this room.
        """
        if self._player is not None:
            raise InvalidStateError("This voice was started already: create a new one.")
        rate = compat.published_rate(agent_session, self._publish.sample_rate)
        engine = CountingEngine(_UNSEEN)
        self._player = AvatarPlayer(engine, IdleMotion(0, _UNSEEN.fps), rate=rate, options=self._publish)
        self._session, self._room = agent_session, room
        try:
            await self._player.prepare()
            await self._player.set_video_enabled(False)
            self._output = AvatarAudioOutput(self._player)
            self._previous = compat.audio_tail(agent_session.output)
            compat.replace_audio_tail(agent_session.output, self._output)
            self._presence = Presence(self._player, room)
            await self._presence.start()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Take the voice away and give the agent the output back that it had. Idempotent."""
        if self._presence is not None:
            await self._presence.aclose()
        if self._session is not None and self._output is not None:
            output, self._output = self._output, None
            if compat.audio_tail(self._session.output) is output:
                compat.replace_audio_tail(self._session.output, self._previous)
        if self._player is not None:
            await self._player.aclose()
