"""A local service that stands in for bitHuman's cloud: it takes the same requests, and refuses as that one does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

REQUEST_PATH = "/v1/runtime-tokens/request"
MINT_PATH = "/v1/runtime-tokens/mint"


@dataclass
class Asked:
    """One request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    fields: dict[str, Any]  # of a JSON body, or the texts of a form
    files: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)  # name, type and content, by field
    by_form: bool = False


@dataclass
class Answer:
    """What is answered: a status and a body; `hang`: nothing, until the client gives up."""

    status: int = 200
    body: Any = None
    hang: bool = False
    location: str | None = None


def refusal(status: int, code: str, message: str) -> Answer:
    """An error as bitHuman's service words it."""
    error = {"code": code, "message": message, "httpStatus": status}
    return Answer(status, {"error": error, "status": "error", "status_code": status})


class CloudService:
    """Answers what a test tells it to, in order, the last answer for ever. Use as an async context manager.

    Attributes:
        asked: Every request, in order.
        minted: The token that minting gives.
        on_request: Told of each request for an avatar that is accepted.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, list[Answer]] = {}
        self.minted = jwt({"scope": "livekit-cloud"})
        self.on_request: Callable[[Asked], Awaitable[None]] | None = None
        self.hung = asyncio.Event()  # rung when a request hangs
        self.given_up = asyncio.Event()  # rung when the client of a hanging request went away

    async def __aenter__(self) -> CloudService:
        app = web.Application(client_max_size=64_000_000)
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Where avatars are asked for."""
        return f"http://127.0.0.1:{self._port}{REQUEST_PATH}"

    def say(self, path: str, *answers: Answer) -> None:
        """Answer requests to `path` with these, one after the other."""
        self.answers[path] = list(answers)

    def requests(self, path: str = REQUEST_PATH) -> list[Asked]:
        """Those to one path."""
        return [asked for asked in self.asked if asked.path == path]

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        self.asked.append(asked)
        waiting = self.answers.get(asked.path, [])
        answer = waiting.pop(0) if len(waiting) > 1 else (waiting[0] if waiting else None)
        if answer is None:
            answer = Answer(body={"scoped_token": self.minted} if asked.path == MINT_PATH else {"success": True})
        if answer.hang:
            self.hung.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        if answer.status < 300 and asked.path == REQUEST_PATH and self.on_request is not None:
            await self.on_request(asked)
        headers = {"Location": answer.location} if answer.location else None
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        return web.Response(status=answer.status, text=body, headers=headers)


async def _asked(request: web.Request) -> Asked:
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = dict(request.query)
    if request.content_type == "application/json":
        return Asked(request.path, query, headers, await request.json())
    asked = Asked(request.path, query, headers, {}, by_form=True)
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            asked.files[name] = (value.filename, value.content_type, value.file.read())
        else:
            asked.fields[name] = value
    return asked


def jwt(claims: dict[str, Any]) -> str:
    """A token that says so, signed by nobody."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])
