"""Names of livekit-agents that are not public: the one place to look when a new version moves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar._datastream_io import (
    AUDIO_STREAM_TOPIC,
    RPC_CLEAR_BUFFER,
    RPC_PLAYBACK_FINISHED,
    RPC_PLAYBACK_STARTED,
)
from livekit.agents.voice.io import AgentOutput, AudioOutput

__all__ = [
    "AUDIO_STREAM_TOPIC",
    "DEFAULT_RATE",
    "RPC_CLEAR_BUFFER",
    "RPC_PLAYBACK_FINISHED",
    "RPC_PLAYBACK_STARTED",
    "audio_socket",
    "audio_tail",
    "listen_to_calls",
    "published_rate",
    "replace_audio_tail",
    "voice_rate",
]

#: livekit-agents' own default for text-to-speech, in Hz; used where nothing says the voice's rate.
DEFAULT_RATE = 24_000
#: Resampled to, where the TTS speaks at a rate that livekit's 10 ms ticks do not divide (22050 Hz, say).
FALLBACK_RATE = 48_000


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


def published_rate(session: AgentSession, chosen: int | None = None) -> int:  # type: ignore[type-arg]
    """The rate to publish a session's voice at, in Hz: the one chosen, else its own, if livekit's ticks divide it."""
    rate = chosen or voice_rate(session)
    return rate if rate % 100 == 0 else FALLBACK_RATE


def listen_to_calls(room: rtc.Room, method: str, caller: str, listener: Callable[[str], None]) -> Callable[[], None]:
    """Let `listener` be told the payload of one participant's calls of a method; other callers' go where they went.

    livekit-agents keeps its own listeners by the caller's identity alone, for all rooms of a process; this one is the
    room's.

    Returns:
        Undoes it.
    """
    participant = room.local_participant
    before = participant._rpc_handlers.get(method)
    listening = True

    def handle(data: rtc.RpcInvocationData) -> Any:
        if listening and data.caller_identity == caller:
            listener(data.payload)
            return "ok"
        return before(data) if before is not None else "reject"

    def undo() -> None:
        nonlocal listening
        listening = False
        if participant._rpc_handlers.get(method) is handle and room.isconnected():
            if before is not None:
                participant.register_rpc_method(method, before)
            else:
                participant.unregister_rpc_method(method)

    participant.register_rpc_method(method, handle)
    return undo


def take_no_calls(room: rtc.Room, method: str) -> None:
    """Undo the registration of a method, if there is one, whether the room is still connected or not.

    livekit's client (1.1.21) keeps a room, and with it its whole connection, while a method of it is registered.
    """
    try:
        participant = room.local_participant
    except Exception:  # it was never connected
        return
    if method in participant._rpc_handlers:
        participant.unregister_rpc_method(method)


def audio_socket() -> AgentOutput:
    """Somewhere to plug an audio output in, with nobody behind it."""
    return AgentOutput(_nothing, _nothing, _nothing)


def _nothing() -> None:
    pass
