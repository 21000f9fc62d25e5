"""Transcriptions, chat completions and speech: https://platform.openai.com/docs/api-reference."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import uuid
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .senses import RATE
from .trouble import Trouble, refusal

if TYPE_CHECKING:
    from .service import OpenAIService

Handler = Callable[["OpenAIService", web.Request], Awaitable[web.StreamResponse]]
#: Audio is sent in pieces of this many bytes: 100 ms.
PIECE = 2 * RATE // 10


async def transcription(service: OpenAIService, request: web.Request) -> web.StreamResponse:
    """POST /audio/transcriptions: a form with a WAV file."""
    form = await request.post()
    upload = form["file"]
    assert isinstance(upload, web.FileField)
    fields: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
    service.note(request.path, fields)
    trouble = service.next_trouble("audio/transcriptions")
    refused = await trouble.before()
    if refused is not None:
        return refused
    if fields.get("response_format", "json") != "json":
        return refusal(400, "The stand-in knows the format json alone.")
    with wave.open(io.BytesIO(upload.file.read())) as file:
        seconds = file.getnframes() / file.getframerate()
        text = await service.senses.heard(file.readframes(file.getnframes()), file.getframerate())
    text = text if trouble.hears is None else trouble.hears
    service.heard.append(text)
    return web.json_response({"text": text, "usage": {"type": "duration", "seconds": seconds}})


async def completion(service: OpenAIService, request: web.Request) -> web.StreamResponse:
    """POST /chat/completions with `stream`: a word at a time."""
    fields = await request.json()
    service.note(request.path, fields)
    trouble = service.next_trouble("chat/completions")
    refused = await trouble.before()
    if refused is not None:
        return refused
    if not fields.get("stream"):
        return refusal(400, "The stand-in streams.")
    said = [text_of(message) for message in fields["messages"] if message["role"] == "user"]
    return await _streamed(request, trouble, _chunks(service.reply(said), fields))


async def speech(service: OpenAIService, request: web.Request) -> web.StreamResponse:
    """POST /audio/speech: PCM, as it is made, bare or in server-sent events."""
    fields = await request.json()
    service.note(request.path, fields)
    trouble = service.next_trouble("audio/speech")
    refused = await trouble.before()
    if refused is not None:
        return refused
    if fields.get("response_format") != "pcm":
        return refusal(400, "The stand-in speaks pcm alone.")
    if fields.get("stream_format") == "sse":
        return await _streamed(request, trouble, _speech_events(_audio(service, fields["input"])))
    return await _streamed(request, trouble, _audio(service, fields["input"]), "audio/pcm")


def text_of(message: dict[str, Any]) -> str:
    """A message's text, whichever of its two forms it has."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


async def _audio(service: OpenAIService, text: str) -> AsyncIterator[bytes]:
    async for _, pcm in service.senses.sentences(text):
        for at in range(0, len(pcm), PIECE):
            yield pcm[at : at + PIECE]


async def _speech_events(audio: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for pcm in audio:
        yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(pcm).decode()})
    usage = {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}
    yield _event({"type": "speech.audio.done", "usage": usage})


async def _chunks(text: str, asked: dict[str, Any]) -> AsyncIterator[bytes]:
    same = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": asked["model"],
    }

    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        return _event({**same, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    yield chunk({"role": "assistant", "content": ""})
    for word in text.split():
        yield chunk({"content": f"{word} "})
        await asyncio.sleep(0.005)
    yield chunk({}, "stop")
    if asked.get("stream_options", {}).get("include_usage"):
        usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 10 + len(text.split())}
        yield _event({**same, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


async def _streamed(
    request: web.Request, trouble: Trouble, pieces: AsyncIterator[bytes], kind: str = "text/event-stream"
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": kind, "x-request-id": f"req_{uuid.uuid4().hex}"})
    await response.prepare(request)
    number = 0
    async for piece in pieces:
        if trouble.breaks_at(number):
            assert request.transport is not None
            request.transport.close()  # without the end that chunked encoding needs
            return response
        await response.write(piece)
        number += 1
    await response.write_eof()
    return response


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
