"""How long a user waits for an answer, and for what: one `TurnTiming` for each reply of an agent.

The figures are livekit-agents' own, taken from the metrics of the two messages that make a turn, so they hold for any
agent: the user's speech ends where voice activity detection says so, and the reply begins with the first sample that
leaves the avatar (`playback_started`). Network and the viewer's jitter buffer come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent, llm

from .errors import InvalidStateError


@dataclass(frozen=True)
class TurnTiming:
    """One turn, in seconds. `total` is the sum of the parts.

    Attributes:
        recognition: From the end of the user's speech until its text was there.
        endpointing: From then until it was decided that the user had finished.
        reply: Until the model's first token.
        voice: From that until the first sample of speech synthesis.
        playout: Until that sample left the avatar.
        other: What is in none of these: callbacks, the wait for a whole sentence, the event loop.
        total: From the end of the user's speech until the reply was first heard; None where nothing was spoken (typed
            text), or it is not known when it ended.
    """

    recognition: float
    endpointing: float
    reply: float
    voice: float
    playout: float
    other: float
    total: float | None

    @classmethod
    def of(cls, user: Mapping[str, Any], assistant: Mapping[str, Any]) -> TurnTiming:
        """The timing of a turn from the metrics of its two messages.

        A model may begin before it is decided that the user has finished. Then only what it took after that counts.
        """
        recognition = float(user.get("transcription_delay", 0.0))
        endpointing = max(0.0, float(user.get("end_of_turn_delay", 0.0)) - recognition)
        reply, voice, playout = (
            float(assistant.get(name, 0.0)) for name in ("llm_node_ttft", "tts_node_ttfb", "playback_latency")
        )
        total = assistant.get("e2e_latency")
        if total is None:
            return cls(recognition, endpointing, reply, voice, playout, other=0.0, total=None)
        left = float(total)
        recognition, left = _taken(recognition, left)
        endpointing, left = _taken(endpointing, left)
        playout, left = _taken(playout, left)  # the latest of the rest, so the least of it was before
        voice, left = _taken(voice, left)
        reply, left = _taken(reply, left)
        return cls(recognition, endpointing, reply, voice, playout, other=left, total=float(total))

    def to_json(self) -> dict[str, float | None]:
        """In milliseconds, rounded; names end in `_ms`."""
        return {f"{name}_ms": None if value is None else round(1000 * value) for name, value in asdict(self).items()}


def _taken(part: float, left: float) -> tuple[float, float]:
    """As much of a part as is left, and what is left then."""
    taken = min(max(0.0, part), left)
    return taken, left - taken


class TurnTimings:
    """Tells of each reply of an agent, when it has ended, how long its user waited.

    Args:
        session: Watched until `close`.
        on_turn: Told of each turn.
    """

    def __init__(self, session: AgentSession[Any], on_turn: Callable[[TurnTiming], None]) -> None:
        self._session: AgentSession[Any] | None = session
        self._on_turn = on_turn
        self._user: Mapping[str, Any] | None = None  # metrics of the message that is being answered
        session.on("conversation_item_added", self._on_item)

    def close(self) -> None:
        """Watch no more.

        Raises:
            InvalidStateError: It was closed before.
        """
        if self._session is None:
            raise InvalidStateError("These turn timings were closed already.")
        self._session.off("conversation_item_added", self._on_item)
        self._session = None

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if not isinstance(event.item, llm.ChatMessage):
            return
        if event.item.role == "user":
            self._user = event.item.metrics
        elif event.item.role == "assistant" and self._user is not None:
            user, self._user = self._user, None
            self._on_turn(TurnTiming.of(user, event.item.metrics))
