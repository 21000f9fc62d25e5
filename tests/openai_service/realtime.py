"""One realtime conversation over a WebSocket: https://platform.openai.com/docs/api-reference/realtime."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from .detection import Turn, TurnDetector
from .senses import RATE
from .trouble import error

if TYPE_CHECKING:
    from .service import OpenAIService

#: A reply is sent in pieces of 100 ms, so many times faster than it is spoken.
PIECE, HASTE = 2 * RATE // 10, 5.0


@dataclass
class Item:
    """One of the conversation."""

    id: str
    role: str
    text: str = ""
    audio: bytes = b""  # of the assistant's voice, what was sent
    heard_ms: int | None = None  # of the audio, where the client cut it
    cut_at: float = 0.0  # when it did, in seconds of the loop's clock


@dataclass
class RealtimeConversation:
    """The service's side: session, conversation and responses."""

    service: OpenAIService
    socket: web.WebSocketResponse
    transport: asyncio.Transport
    model: str
    items: list[Item] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)  # from the client, but for audio
    errors: list[str] = field(default_factory=list)  # messages of those that were sent
    cut: list[Item] = field(default_factory=list)  # in the order of their truncation
    config: dict[str, Any] = field(default_factory=dict)
    _detector: TurnDetector = field(default_factory=TurnDetector)
    _response: _Response | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Answer until the client goes."""
        self.config = {"type": "realtime", "model": self.model, "audio": {"input": {"turn_detection": None}}}
        await self._send("session.created", session=self.config)
        try:
            async for message in self.socket:
                if message.type == WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """End everything that goes on. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()

    # from the client

    async def _take(self, event: dict[str, Any]) -> None:
        kind: str = event["type"]
        if kind != "input_audio_buffer.append":
            self.events.append(event)
        handler: Callable[[dict[str, Any]], Any] | None = getattr(self, f"_on_{kind.replace('.', '_')}", None)
        if handler is None:
            await self._refuse(event, f"Invalid value: '{kind}'.")
        else:
            await handler(event)

    async def _on_session_update(self, event: dict[str, Any]) -> None:
        _merge(self.config, event["session"])
        await self._send("session.updated", session=self.config)

    async def _on_input_audio_buffer_append(self, event: dict[str, Any]) -> None:
        changes = self._detector.push(base64.b64decode(event["audio"]))
        detection = self.config["audio"]["input"]["turn_detection"]
        for change in changes if detection else []:
            if change.turn is Turn.BEGAN:
                self._speech = _name("item")
                await self._send("input_audio_buffer.speech_started", audio_start_ms=change.at_ms, item_id=self._speech)
                if detection.get("interrupt_response", True):
                    await self._cancel("turn_detected")
            else:
                await self._send("input_audio_buffer.speech_stopped", audio_end_ms=change.at_ms, item_id=self._speech)
                self._start(self._answered(self._speech, change.utterance, detection))

    async def _on_input_audio_buffer_commit(self, event: dict[str, Any]) -> None:
        self._start(self._answered(_name("item"), self._detector.take(), {"create_response": False}))

    async def _on_input_audio_buffer_clear(self, event: dict[str, Any]) -> None:
        self._detector.take()
        await self._send("input_audio_buffer.cleared")

    async def _on_conversation_item_create(self, event: dict[str, Any]) -> None:
        given = event["item"]
        text = "".join(part.get("text", "") for part in given.get("content", []))
        await self._add(Item(given.get("id") or _name("item"), given.get("role", ""), text), event["previous_item_id"])

    async def _on_conversation_item_delete(self, event: dict[str, Any]) -> None:
        item = self._item(event["item_id"])
        if item is None:
            await self._refuse(event, f"Item '{event['item_id']}' does not exist.")
            return
        self.items.remove(item)
        await self._send("conversation.item.deleted", item_id=item.id)

    async def _on_conversation_item_truncate(self, event: dict[str, Any]) -> None:
        item, end = self._item(event["item_id"]), event["audio_end_ms"]
        if item is None or item.role != "assistant":
            await self._refuse(event, "Only model output audio messages can be truncated.")
            return
        if end > (length := len(item.audio) * 500 // RATE):
            await self._refuse(event, f"Audio content of {length}ms is already shorter than {end}ms.")
            return
        item.heard_ms, item.text = end, ""  # the text goes: nobody knows how much of it was heard
        item.cut_at = asyncio.get_running_loop().time()
        self.cut.append(item)
        await self._send("conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=end)

    async def _on_response_create(self, event: dict[str, Any]) -> None:
        if self._response is not None and self._response.active:
            await self._refuse(event, "Conversation already has an active response in progress.")
            return
        self._respond(event.get("response", {}))

    async def _on_response_cancel(self, event: dict[str, Any]) -> None:
        if self._response is None or not self._response.active:
            await self._refuse(event, "Cancellation failed: no active response found.")
            return
        await self._cancel("client_cancelled")

    # answering

    async def _answered(self, name: str, pcm: bytes, detection: dict[str, Any]) -> None:
        item = Item(name, "user")
        await self._send("input_audio_buffer.committed", item_id=name, previous_item_id=self._last())
        await self._add(item, self._last())
        item.text = await self.service.senses.heard(pcm, RATE)
        self.service.heard.append(item.text)
        await self._send(
            "conversation.item.input_audio_transcription.completed",
            item_id=name,
            content_index=0,
            transcript=item.text,
            usage={"type": "duration", "seconds": len(pcm) / 2 / RATE},
        )
        if detection.get("create_response", True) and not self._detector.speaking:
            self._respond({})

    def _respond(self, asked: dict[str, Any]) -> None:
        self._response = _Response(self, asked)
        self._response.task = self._start(self._response.run())

    async def _cancel(self, reason: str) -> None:
        response = self._response
        if response is not None and response.active:
            assert response.task is not None
            response.reason = reason
            response.task.cancel()
            await asyncio.gather(response.task, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # the conversation

    def said(self) -> list[str]:
        """What the user said, oldest first."""
        return [item.text for item in self.items if item.role == "user"]

    def _item(self, name: str) -> Item | None:
        return next((item for item in self.items if item.id == name), None)

    def _last(self) -> str | None:
        return self.items[-1].id if self.items else None

    async def _add(self, item: Item, after: str | None) -> None:
        before = self._item(after) if after else None
        place = 0 if after == "root" else self.items.index(before) + 1 if before else len(self.items)
        previous = self.items[place - 1].id if place else None
        self.items.insert(place, item)
        for kind in ("conversation.item.added", "conversation.item.done"):
            await self._send(kind, previous_item_id=previous, item=_described(item))

    async def _refuse(self, event: dict[str, Any], message: str) -> None:
        self.errors.append(message)
        await self._send("error", error={**error(400, message), "event_id": event.get("event_id")})

    async def _send(self, kind: str, **fields: Any) -> None:
        if not self.socket.closed:
            await self.socket.send_str(json.dumps({"type": kind, "event_id": _name("event"), **fields}))


class _Response:
    """One reply: its message, its voice and its words, until it is done or cancelled."""

    def __init__(self, conversation: RealtimeConversation, asked: dict[str, Any]) -> None:
        self.task: asyncio.Task[None] | None = None
        self.reason = ""  # of its cancellation
        self._conversation, self._asked = conversation, asked
        self._item = Item(_name("item"), "assistant")
        self._id = _name("resp")
        self._pieces = 0
        self._place = {"response_id": self._id, "item_id": self._item.id, "output_index": 0, "content_index": 0}

    @property
    def active(self) -> bool:
        """Whether it is still being made."""
        return self.task is not None and not self.task.done()

    async def run(self) -> None:
        talk = self._conversation
        self._trouble = talk.service.next_trouble("realtime")
        if self._trouble.hang:
            await self._trouble.before()
        text = talk.service.reply(talk.said())
        await talk._send("response.created", response=self._described("in_progress"))
        if self._trouble.status is not None:
            details = {"type": "failed", "error": error(self._trouble.status, "The stand-in fails.")}
            await talk._send("response.done", response=self._described("failed", status_details=details))
            return
        await self._begin()
        try:
            async for sentence, pcm in talk.service.senses.sentences(text):
                await self._say(sentence, pcm)
        except asyncio.CancelledError:
            details = {"type": "cancelled", "reason": self.reason}
            await self._end("incomplete", self._described("cancelled", status_details=details))
            raise
        await self._end("completed", self._described("completed", usage={"input_tokens": 10, "output_tokens": 100}))

    async def _begin(self) -> None:
        talk, item = self._conversation, _described(self._item, status="in_progress")
        await talk._send("response.output_item.added", response_id=self._id, output_index=0, item=item)
        previous = talk._last()
        talk.items.append(self._item)
        await talk._send("conversation.item.added", previous_item_id=previous, item=item)
        await talk._send("response.content_part.added", **self._place, part={"type": "audio", "transcript": ""})

    async def _say(self, sentence: str, pcm: bytes) -> None:
        talk = self._conversation
        delta = f" {sentence}" if self._item.text else sentence
        self._item.text += delta
        await talk._send("response.output_audio_transcript.delta", **self._place, delta=delta)
        for at in range(0, len(pcm), PIECE):
            if self._trouble.breaks_at(self._pieces):
                talk.transport.close()  # without a word
                await asyncio.Event().wait()
            piece = pcm[at : at + PIECE]
            self._item.audio += piece
            await talk._send("response.output_audio.delta", **self._place, delta=base64.b64encode(piece).decode())
            self._pieces += 1
            await asyncio.sleep(len(piece) / 2 / RATE / HASTE)

    async def _end(self, status: str, response: dict[str, Any]) -> None:
        talk, item = self._conversation, _described(self._item, status=status)
        await talk._send("response.output_audio.done", **self._place)
        await talk._send("response.output_audio_transcript.done", **self._place, transcript=self._item.text)
        await talk._send("response.content_part.done", **self._place, part={"type": "audio"})
        await talk._send("response.output_item.done", response_id=self._id, output_index=0, item=item)
        await talk._send("conversation.item.done", previous_item_id=None, item=item)
        await talk._send("response.done", response=response)

    def _described(self, status: str, **more: Any) -> dict[str, Any]:
        metadata = self._asked.get("metadata")
        return {"id": self._id, "object": "realtime.response", "status": status, "metadata": metadata, **more}


def _described(item: Item, status: str = "completed") -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if item.text:
        content = [{"type": _CONTENT[item.role], "text": item.text}]
    elif item.role == "user":
        content = [{"type": "input_audio", "transcript": None}]
    known = {"id": item.id, "object": "realtime.item", "type": "message", "status": status, "role": item.role}
    return {**known, "content": content}


#: How each role's content is called.
_CONTENT = {"user": "input_text", "system": "input_text", "assistant": "output_text"}


def _merge(config: dict[str, Any], change: dict[str, Any]) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict) and name != "turn_detection":
            _merge(config[name], value)
        else:
            config[name] = value


def _name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:20]}"
