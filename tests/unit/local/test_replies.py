"""The replying model as livekit-agents uses it."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from aiohttp import web
from livekit.agents import APIConnectOptions, APIStatusError, llm

from livekit_bithuman.errors import MissingDependencyError
from livekit_bithuman.local import ScriptedReplies, local_replies


async def test_a_reply_is_streamed_word_by_word_to_the_last_message() -> None:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="Tell jokes only.")
    context.add_message(role="user", content="Hello!")
    context.add_message(role="assistant", content="Hi!")
    context.add_message(role="user", content="What time is it?")
    model = ScriptedReplies(clock=lambda: datetime(2026, 1, 1, 9, 5))
    async with model.chat(chat_ctx=context) as stream:
        words = [chunk.delta.content async for chunk in stream if chunk.delta and chunk.delta.content]
    assert words == ["It ", "is ", "9:05 ", "AM. "]


def test_without_a_server_the_script_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert isinstance(local_replies(), ScriptedReplies)


async def test_a_server_that_is_named_is_asked_for_the_model_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_MODEL", "small")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = local_replies()
    assert model.model == "small"
    await model.aclose()


@asynccontextmanager
async def model_server(words: list[str]) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """OpenAI's chat completions, streamed, as local servers offer them; its address, and what it was asked."""
    asked: list[dict[str, Any]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        if not words:
            return web.json_response({"error": {"message": "the model is not loaded"}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in words:
            choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [choice]}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", asked
    finally:
        await runner.cleanup()


def question() -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="Where are you?")
    return context


async def test_the_server_that_is_named_replies(monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_server(["In ", "your ", "cellar."]) as (address, asked):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        monkeypatch.setenv("OPENAI_MODEL", "small")
        model = local_replies()
        async with model.chat(chat_ctx=question()) as stream:
            words = [chunk.delta.content async for chunk in stream if chunk.delta and chunk.delta.content]
        await model.aclose()
    assert words == ["In ", "your ", "cellar."]
    assert asked[0]["model"] == "small"
    assert asked[0]["messages"] == [{"role": "user", "content": "Where are you?"}]


async def test_a_refusal_of_the_server_is_an_error_of_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_server([]) as (address, _):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        model = local_replies()
        async with model.chat(chat_ctx=question(), conn_options=APIConnectOptions(max_retry=0)) as stream:
            with pytest.raises(APIStatusError, match="not loaded"):
                await stream.__anext__()
        await model.aclose()


def test_a_server_needs_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setitem(sys.modules, "livekit.plugins", None)
    monkeypatch.setitem(sys.modules, "livekit.plugins.openai", None)
    with pytest.raises(MissingDependencyError, match=r"livekit-bithuman\[openai\]"):
        local_replies()
