"""The face does what a real `AgentSession` says that agent and user are about."""

from __future__ import annotations

from livekit.agents import AgentSession, AgentStateChangedEvent, UserStateChangedEvent

from livekit_bithuman.cues import Attend, Attitude, Cue, Paused
from livekit_bithuman.rtc.states import AgentStates


def agent(session: AgentSession[None], new: str, old: str = "listening") -> None:
    session.emit("agent_state_changed", AgentStateChangedEvent(old_state=old, new_state=new))  # type: ignore[arg-type]


def user(session: AgentSession[None], new: str, old: str = "listening") -> None:
    session.emit("user_state_changed", UserStateChangedEvent(old_state=old, new_state=new))  # type: ignore[arg-type]


async def test_a_conversation_is_followed() -> None:
    session: AgentSession[None] = AgentSession()
    told: list[Cue] = []
    states = AgentStates(session, told.append)
    assert told == [Attend(Attitude.IDLE)], "not begun"
    agent(session, "listening")
    user(session, "speaking")
    user(session, "listening", old="speaking")
    agent(session, "thinking")
    agent(session, "thinking")
    agent(session, "speaking")
    user(session, "speaking")
    user(session, "listening", old="speaking")  # who speaks does not nod to who speaks in between
    agent(session, "listening")
    user(session, "away")
    user(session, "speaking", old="away")
    names = [cue.attitude.value if isinstance(cue, Attend) else "paused" for cue in told]
    assert names == [
        "idle", "listening", "paused", "thinking", "speaking", "listening", "idle", "listening",
    ]  # fmt: skip
    assert told.count(Paused()) == 1

    states.close()
    states.close()
    agent(session, "thinking")
    assert len(told) == 8
