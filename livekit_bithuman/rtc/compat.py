"""Names of livekit-agents that are not public: the one place to look when a new version moves them."""

from __future__ import annotations

from livekit.agents import AgentSession
from livekit.agents.voice.io import AgentOutput, AudioOutput

#: livekit-agents' own default for text-to-speech, in Hz; used where nothing says the voice's rate.
DEFAULT_RATE = 24_000


def audio_tail(output: AgentOutput) -> AudioOutput | None:
    """The sink at the bottom of an agent's audio chain, under its wrappers."""
    tail = output.audio
    while tail is not None and tail.next_in_chain is not None:
        tail = tail.next_in_chain
    return tail


def replace_audio_tail(output: AgentOutput, sink: AudioOutput | None) -> None:
    """Put `sink` at the bottom of an agent's audio chain, or take the chain away."""
    if sink is None:
        output.audio = None
    else:
        output.replace_audio_tail(sink)


def voice_rate(session: AgentSession) -> int:  # type: ignore[type-arg]
    """The rate of the voice that a session will speak with, in Hz."""
    for source in (session.tts, session.llm):
        rate = getattr(source, "sample_rate", None) or getattr(source, "_output_sample_rate", None)
        if isinstance(rate, int) and rate > 0:
            return rate
    return DEFAULT_RATE
