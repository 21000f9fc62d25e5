"""What an agent and its user are about, told to the face: it listens, thinks, speaks and waits with them."""

from __future__ import annotations

from collections.abc import Callable

from livekit.agents import AgentSession, AgentStateChangedEvent, UserStateChangedEvent

from ..cues import Attend, Attitude, Cue, Paused

#: The agent's states, as a face shows them. While nobody is there who could speak, listening is idle.
_ATTITUDES = {
    "initializing": Attitude.IDLE,
    "idle": Attitude.IDLE,
    "listening": Attitude.LISTENING,
    "thinking": Attitude.THINKING,
    "speaking": Attitude.SPEAKING,
}


class AgentStates:
    """Follows a session's `agent_state_changed` and `user_state_changed` from now on.

    Args:
        session: The agent's.
        cue: Takes what the face is told.
    """

    def __init__(self, session: AgentSession, cue: Callable[[Cue], None]) -> None:  # type: ignore[type-arg]
        self._session = session
        self._cue = cue
        self._agent: str = session.agent_state
        self._user: str = session.user_state
        self._shown: Attitude | None = None
        session.on("agent_state_changed", self._on_agent)
        session.on("user_state_changed", self._on_user)
        self._show()

    def close(self) -> None:
        """Follow no more. Idempotent."""
        self._session.off("agent_state_changed", self._on_agent)
        self._session.off("user_state_changed", self._on_user)

    def _on_agent(self, event: AgentStateChangedEvent) -> None:
        self._agent = event.new_state
        self._show()

    def _on_user(self, event: UserStateChangedEvent) -> None:
        self._user = event.new_state
        if event.old_state == "speaking" and self._agent == "listening":
            self._cue(Paused())
        self._show()

    def _show(self) -> None:
        attitude = _ATTITUDES.get(self._agent, Attitude.LISTENING)
        if attitude is Attitude.LISTENING and self._user == "away":
            attitude = Attitude.IDLE
        if attitude is not self._shown:
            self._shown = attitude
            self._cue(Attend(attitude))
