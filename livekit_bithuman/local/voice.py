"""A local English voice for livekit-agents: hibari-tts, about a hundred times faster than real time on one core."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
from livekit.agents import tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from numpy.typing import NDArray

from ..errors import MissingDependencyError

#: The voice begins with about 0.3 s of silence, which its listener would wait for at each reply. So much stays.
_LEAD_S = 0.02
#: Louder than this, of full scale, is sound.
_SILENT = 0.002
#: Peak of the int16 range; hibari's samples are float32 in -1..1.
_FULL_SCALE = 32_767.0


class LocalVoice(tts.TTS[Any]):
    """hibari-tts's built-in American English voice: 24 kHz mono, no network, no key.

    It is loaded by the constructor, which takes about a second. The framework hands it one sentence at a time, so the
    first is heard while the later ones are still being made.

    Raises:
        MissingDependencyError: hibari-tts is not installed.
    """

    def __init__(self) -> None:
        try:
            import hibari
        except ImportError as error:
            raise MissingDependencyError(
                "hibari-tts",
                "The local voice, hibari-tts, is not installed. Run `pip install 'livekit-bithuman[offline]'`.",
            ) from error
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=False), sample_rate=hibari.SAMPLE_RATE, num_channels=1
        )
        self._synthesizer = hibari.Hibari()
        # The first sentence pays for what the others reuse; pay now.
        self._synthesizer("Ready.")
        self._turn = asyncio.Lock()  # its net is one; two rooms' sentences take turns

    @property
    def model(self) -> str:
        """For metrics."""
        return "hibari"

    @property
    def provider(self) -> str:
        """For metrics."""
        return "local"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak `text`."""
        return _Utterance(tts=self, input_text=text, conn_options=conn_options)

    def sentences(self, text: str) -> Iterator[bytes]:
        """The text's sentences as int16 mono PCM, one after the other. Blocks while each is made."""
        heard = False
        for samples in self._synthesizer.stream(text, seed=0):
            if not heard:
                samples = _without_wait(samples, self.sample_rate)
            heard = True
            yield (np.clip(samples, -1.0, 1.0) * _FULL_SCALE).astype(np.int16).tobytes()
        if not heard:
            # Text without a word, such as an emoji, is a short silence: the framework takes no sound for a failure,
            # and tries again.
            yield bytes(2 * self.sample_rate // 10)


class _Utterance(tts.ChunkedStream):
    """One piece of text on its way to sound."""

    _tts: LocalVoice

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(),
            sample_rate=self._tts.sample_rate,
            num_channels=1,
            mime_type="audio/pcm",
            frame_size_ms=40,
        )
        sentences = self._tts.sentences(self._input_text)
        while True:
            async with self._tts._turn:
                pcm = await asyncio.to_thread(next, sentences, None)
            if pcm is None:
                break
            output_emitter.push(pcm)
        output_emitter.flush()


def _without_wait(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The same, beginning just before its first sound."""
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    return samples[max(0, loud[0] - round(_LEAD_S * rate)) :] if len(loud) else samples
