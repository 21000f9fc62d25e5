"""What a page is told of its conversation: text streams on the topic `demo`, each a JSON object with a `kind`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from typing import Any

from livekit import rtc
from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    ConversationItemAddedEvent,
    SpeechCreatedEvent,
    UserStateChangedEvent,
    llm,
)
from livekit.agents.voice import SpeechHandle

from ..turns import TurnTiming, TurnTimings

logger = logging.getLogger("livekit_bithuman")

TOPIC = "demo"
#: Reports that wait to be sent; more are those of a connection that is lost, and nobody misses them.
_MOST_WAITING = 64


class Reports:
    """Watches a visit's session until `aclose`, and tells its page.

        {"kind": "user", "state": …}    the visitor is "speaking", or no longer
        {"kind": "wait", "total_ms": …} a reply to what was heard begins: so long the visitor waited for it
        {"kind": "turn", …}             a reply has ended: its `TurnTiming`, in milliseconds
        {"kind": "interrupted"}         what was being said was interrupted

    Args:
        session: The visit's.
        room: Connected.
        visitor: The page's identity.
    """

    def __init__(self, session: AgentSession[None], room: rtc.Room, visitor: str) -> None:
        self._session = session
        self._participant = room.local_participant
        self._visitor = visitor
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_MOST_WAITING)
        self._asked: float | None = None  # when the visitor stopped speaking, until the answer is heard
        self._heard: SpeechHandle | None = None  # the last one that was heard
        self._timings = TurnTimings(session, self._on_turn)
        self._handlers = {
            "agent_state_changed": self._on_agent_state,
            "user_state_changed": self._on_user_state,
            "conversation_item_added": self._on_item,
            "speech_created": self._on_speech,
        }
        for event, handler in self._handlers.items():
            session.on(event, handler)  # type: ignore[arg-type]
        self._sending = asyncio.create_task(self._send(), name="demo reports")

    async def aclose(self) -> None:
        """Watch no more, and drop what was not sent."""
        self._timings.close()
        for event, handler in self._handlers.items():
            self._session.off(event, handler)  # type: ignore[arg-type]
        self._sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sending

    def tell(self, kind: str, **facts: Any) -> None:
        """Tell the page, after what it was told before."""
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait({"kind": kind, **facts})

    def _on_turn(self, timing: TurnTiming) -> None:
        self.tell("turn", **timing.to_json())

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        self.tell("user", state=event.new_state)

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state != "speaking":
            return
        self._heard = self._session.current_speech
        if self._asked is not None:
            self.tell("wait", total_ms=round(1000 * (time.time() - self._asked)))
            self._asked = None

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage) and event.item.role == "user":
            self._asked = event.item.metrics.get("stopped_speaking_at")

    def _on_speech(self, event: SpeechCreatedEvent) -> None:
        event.speech_handle.add_done_callback(self._on_spoken)

    def _on_spoken(self, speech: SpeechHandle) -> None:
        if speech.interrupted and speech is self._heard:
            self.tell("interrupted")

    async def _send(self) -> None:
        while True:
            report = json.dumps(await self._waiting.get())
            try:
                await self._participant.send_text(report, topic=TOPIC, destination_identities=[self._visitor])
            except Exception as error:  # the visitor left, or the room is being left
                logger.debug("a page could not be told: %s", error)
