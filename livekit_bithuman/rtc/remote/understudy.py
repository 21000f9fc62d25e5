"""Who speaks when the avatar does not: another face, plugged into the remote avatar's output instead of the agent's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput

from ...errors import RoomError
from .. import compat
from ..face import Face
from ..in_process import InProcessFace
from .voice import VoiceFace

#: A viewer takes a new voice within a tenth of a second or two; nobody may want it.
HEARD_TIMEOUT_S = 0.5


class Understudy:
    """A face in the room that is given its voice by somebody other than the agent.

    Args:
        face: Not started; owned from here on.
        agent_session: As the face sees it, but for the audio output.
        room: The agent's.
    """

    def __init__(self, face: Face, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        self.face = face
        self._room = room
        self._session = _Wing(agent_session)

    async def start(self) -> AudioOutput:
        """Be in the room, and return what to speak through.

        Raises:
            Exception: What the face raises; then it is not in the room.
        """
        before = set(self._room.local_participant.track_publications) if self._room.isconnected() else set()
        try:
            await self.face.start(cast(AgentSession, self._session), self._room)  # type: ignore[type-arg]
            await self._be_heard(before)
            output = compat.audio_tail(self._session.output)
            if output is None:
                raise RoomError("The fallback face has no audio output: it must replace the agent's in start().")
        except BaseException:
            await self.face.aclose()
            raise
        return output

    async def show(self, enabled: bool) -> None:
        """Let its face be seen, or not, if it has one."""
        if isinstance(self.face, InProcessFace) and not isinstance(self.face, VoiceFace):
            await self.face.set_video_enabled(enabled)

    async def aclose(self) -> None:
        """Leave the room."""
        await self.face.aclose()

    async def _be_heard(self, before: set[str]) -> None:
        """Wait a moment until somebody takes the voice that was just published: it would lose its first word."""
        if not self._room.isconnected() or not self._room.remote_participants:
            return
        publications = self._room.local_participant.track_publications.items()
        voices = [
            publication.wait_for_subscription()
            for sid, publication in publications
            if sid not in before and publication.kind == rtc.TrackKind.KIND_AUDIO
        ]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*voices), HEARD_TIMEOUT_S)


class _Wing:
    """An agent session whose audio output is a socket of its own."""

    def __init__(self, agent_session: AgentSession) -> None:  # type: ignore[type-arg]
        self._agent_session = agent_session
        self.output = compat.audio_socket()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._agent_session, name)


MakeFace = Callable[[], Face]
