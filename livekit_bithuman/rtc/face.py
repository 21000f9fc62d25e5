"""What an `AvatarSession` gives its agent: somebody who publishes a face, and takes the agent's voice."""

from __future__ import annotations

from typing import Protocol

from livekit import rtc
from livekit.agents import AgentSession


class Face(Protocol):
    """A face for one agent, for once: it is started and closed one time."""

    @property
    def identity(self) -> str:
        """Of the participant that publishes the face; "" before the start."""

    async def start(self, agent_session: AgentSession, room: rtc.Room) -> None:  # type: ignore[type-arg]
        """Take the agent's voice, and be seen as soon as the room is connected.

        If it fails or is cancelled, everything is as it was before.
        """

    async def aclose(self) -> None:
        """End what is pending and give the agent its audio output back. Idempotent, and right before a start."""
