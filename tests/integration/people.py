"""Who an agent talks with: a person with a microphone, and models that say what a test tells them to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import numpy as np
from livekit import api, rtc
from livekit.agents import APIConnectOptions, llm, stt
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import aio
from numpy.typing import NDArray

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.stage import frames


class Person:
    """A participant that speaks into a microphone of its own, without pause: silence where nothing is said."""

    def __init__(self, room: rtc.Room, rate: int) -> None:
        self.room = room
        self._rate = rate
        self._source = rtc.AudioSource(rate, 1, queue_size_ms=100)
        self._said: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue()
        self._quiet = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def joining(cls, server: ServerAddress, room: str, rate: int) -> AsyncIterator[Person]:
        """A person in `room`, whose microphone is published."""
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(server.api_key, server.api_secret).with_identity("person").with_grants(grants).to_jwt()
        joined = rtc.Room()
        await joined.connect(server.url, token)
        try:
            async with cls.speaking_in(joined, rate) as person:
                yield person
        finally:
            await joined.disconnect()

    @classmethod
    @asynccontextmanager
    async def speaking_in(cls, joined: rtc.Room, rate: int) -> AsyncIterator[Person]:
        """A person who is in a room already, and whose microphone is published."""
        person = cls(joined, rate)
        speaking = asyncio.create_task(person._speak(), name="person speaking")
        try:
            track = rtc.LocalAudioTrack.create_audio_track("microphone", person._source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            await joined.local_participant.publish_track(track, options)
            yield person
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            await person._source.aclose()

    def say(self, speech: NDArray[np.int16]) -> None:
        """Say samples, int16 mono at the person's rate, next."""
        self._said.put_nowait(speech)

    async def _speak(self) -> None:
        silence = np.zeros(self._rate // 50, np.int16)
        while True:
            speech = silence if self._said.empty() else self._said.get_nowait()
            async for frame in frames(speech, self._rate):
                await self._source.capture_frame(frame)


class ToldSTT(stt.STT[None]):
    """Hears what a test tells it."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self._streams: list[_ToldStream] = []

    def hear(self, text: str) -> None:
        """Report a final transcript."""
        for stream in self._streams:
            stream.report(text)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        stream = _ToldStream(stt=self, conn_options=conn_options)
        self._streams.append(stream)
        return stream

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise NotImplementedError("it streams")


class _ToldStream(stt.RecognizeStream):
    def report(self, text: str) -> None:
        data = stt.SpeechData(language="en", text=text)  # type: ignore[arg-type]
        self._event_ch.send_nowait(stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data]))

    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass


class SpeakingModel(llm.RealtimeModel):
    """A realtime model whose every reply is one voice and its text, given at once, and that notes how it is cut."""

    def __init__(self, voice: NDArray[np.int16], rate: int, text: str) -> None:
        super().__init__(
            capabilities=llm.RealtimeCapabilities(
                message_truncation=True,
                turn_detection=False,
                user_transcription=False,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=False,
            )
        )
        self.voice, self.rate, self.text = voice, rate, text
        self.truncations: list[dict[str, Any]] = []

    def session(self, *, turn_detection_disabled: bool = False) -> llm.RealtimeSession[Any]:
        return _SpeakingSession(self)

    async def aclose(self) -> None:
        pass


class _SpeakingSession(llm.RealtimeSession[Any]):
    def __init__(self, model: SpeakingModel) -> None:
        super().__init__(model)
        self._model = model
        self._chat = llm.ChatContext.empty()
        self._tools = llm.ToolContext.empty()

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return self._chat

    @property
    def tools(self) -> llm.ToolContext:
        return self._tools

    async def update_instructions(self, instructions: str) -> None: ...

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        self._chat = chat_ctx

    async def update_tools(self, tools: list[Any]) -> None: ...

    def update_options(self, **_: Any) -> None: ...

    def push_audio(self, frame: rtc.AudioFrame) -> None: ...

    def push_video(self, frame: rtc.VideoFrame) -> None: ...

    def generate_reply(self, **_: Any) -> asyncio.Future[llm.GenerationCreatedEvent]:
        messages = aio.Chan[llm.MessageGeneration]()
        functions = aio.Chan[llm.FunctionCall]()
        functions.close()
        modalities: asyncio.Future[list[Literal["text", "audio"]]] = asyncio.Future()
        modalities.set_result(["text", "audio"])
        messages.send_nowait(
            llm.MessageGeneration(
                message_id=f"message-{uuid.uuid4().hex[:8]}",
                text_stream=self._text(),
                audio_stream=frames(self._model.voice, self._model.rate),
                modalities=modalities,
            )
        )
        messages.close()
        created: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.Future()
        created.set_result(
            llm.GenerationCreatedEvent(message_stream=messages, function_stream=functions, user_initiated=True)
        )
        return created

    async def _text(self) -> AsyncIterator[str]:
        for word in self._model.text.split():
            yield word + " "

    def commit_audio(self) -> None: ...

    def clear_audio(self) -> None: ...

    def interrupt(self) -> None: ...

    def truncate(self, **cut: Any) -> None:
        self._model.truncations.append(cut)

    async def aclose(self) -> None: ...
