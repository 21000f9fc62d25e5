"""The service: routes, keys, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from . import http
from .realtime import RealtimeConversation
from .senses import Senses
from .trouble import Trouble, refusal

KEY = "sk-of-an-openai-test"
Reply = Callable[[list[str]], str]  # what is answered to what the user said, oldest first


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    fields: dict[str, Any]


@dataclass
class OpenAIService:
    """Answers on 127.0.0.1 as OpenAI does. Use as an async context manager.

    Args:
        senses: What it hears and speaks with.
        reply: What it answers.
        port: 0: any.
    """

    senses: Senses
    reply: Reply
    port: int = 0
    asked: list[Asked] = field(default_factory=list)  # every request over HTTP, in order
    heard: list[str] = field(default_factory=list)  # every utterance
    conversations: list[RealtimeConversation] = field(default_factory=list)  # every realtime connection
    _troubles: dict[str, list[Trouble]] = field(default_factory=dict)

    async def __aenter__(self) -> OpenAIService:
        app = web.Application(client_max_size=64_000_000)
        app.router.add_post("/v1/audio/transcriptions", self._guarded(http.transcription))
        app.router.add_post("/v1/chat/completions", self._guarded(http.completion))
        app.router.add_post("/v1/audio/speech", self._guarded(http.speech))
        app.router.add_get("/v1/realtime", self._guarded(self._converse))
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for conversation in self.conversations:
            await conversation.aclose()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self.port}/v1"

    def requests(self, path: str) -> list[dict[str, Any]]:
        """What was asked of one path, such as "chat/completions"."""
        return [asked.fields for asked in self.asked if asked.path.endswith(path)]

    def note(self, path: str, fields: dict[str, Any]) -> None:
        """Something was asked."""
        self.asked.append(Asked(path, fields))

    @contextmanager
    def trouble(self, path: str, *troubles: Trouble) -> Iterator[None]:
        """Within: the next answers of a path, or of "realtime", have these troubles, one each; all must have come."""
        self._troubles[path] = list(troubles)
        yield
        assert not self._troubles.pop(path), f"{path} was not asked as often as it would have failed"

    def next_trouble(self, path: str) -> Trouble:
        """The trouble of the answer that begins now."""
        waiting = self._troubles.get(path)
        return waiting.pop(0) if waiting else Trouble()

    async def _converse(self, _: OpenAIService, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert request.transport is not None
        conversation = RealtimeConversation(self, socket, request.transport, request.query["model"])
        self.conversations.append(conversation)
        await conversation.run()
        return socket

    def _guarded(self, handler: http.Handler) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bearer {KEY}":
                return refusal(401, "Incorrect API key provided.")
            return await handler(self, request)

        return handle
