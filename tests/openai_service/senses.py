"""What the service hears and speaks with: this machine's own models, in threads, one job at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions
from numpy.typing import NDArray

from livekit_bithuman.local import LocalHearing, LocalVoice

#: A busy machine takes its time.
PATIENT = APIConnectOptions(max_retry=0, timeout=60.0)
RATE = 24_000  # Hz, of OpenAI's audio and of hibari's voice


@dataclass
class Senses:
    """Models that are loaded once for several services."""

    hearing: LocalHearing = field(default_factory=LocalHearing)
    voice: LocalVoice = field(default_factory=LocalVoice)
    _turn: threading.Lock = field(
        default_factory=threading.Lock
    )  # a thread goes on when who waited for it was cancelled

    async def heard(self, pcm: bytes, rate: int) -> str:
        """The words in int16 mono PCM."""
        frame = rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2)
        event = await self.hearing.recognize([frame], conn_options=PATIENT)
        return event.alternatives[0].text if event.alternatives else ""

    async def sentences(self, text: str) -> AsyncIterator[tuple[str, bytes]]:
        """Each sentence of a text, and its voice: int16 mono PCM at `RATE`."""
        for sentence in sentences_of(text):
            yield sentence, await asyncio.to_thread(self.spoken, sentence)

    def spoken(self, text: str) -> bytes:
        """A text's voice: int16 mono PCM at `RATE`. Blocks while it is made."""
        with self._turn:
            return b"".join(self.voice.sentences(text))

    def samples(self, text: str) -> NDArray[np.int16]:
        """The same as an array."""
        return np.frombuffer(self.spoken(text), np.int16)


def sentences_of(text: str) -> list[str]:
    """A text cut behind its full stops, question and exclamation marks."""
    sentences = [""]
    for word in text.split():
        sentences[-1] = f"{sentences[-1]} {word}".strip()
        if word[-1] in ".?!":
            sentences.append("")
    return [sentence for sentence in sentences if sentence]
