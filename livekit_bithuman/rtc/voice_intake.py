"""The agent's voice in whatever form it comes, as mono at one rate."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from numpy.typing import NDArray


class VoiceIntake:
    """Mixes down and resamples, frame by frame; nothing is lost where the rate changes in mid-utterance.

    Args:
        rate: Of what comes out, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: rtc.AudioResampler | None = None
        self._resampler_rate = 0

    def take(self, frame: rtc.AudioFrame) -> NDArray[np.int16]:
        """Mono samples at this intake's rate, shape (n,); the resampler may hold some back."""
        samples = np.frombuffer(frame.data, np.int16)
        if frame.num_channels > 1:
            channels = samples.reshape(-1, frame.num_channels).astype(np.int32)
            samples = (channels.sum(axis=1) // frame.num_channels).astype(np.int16)
        if self._resampler is not None and frame.sample_rate != self._resampler_rate:
            drained = self.drain()
        else:
            drained = np.zeros(0, np.int16)
        if frame.sample_rate == self._rate:
            return np.concatenate([drained, samples])
        if self._resampler is None:
            self._resampler = rtc.AudioResampler(frame.sample_rate, self._rate)
            self._resampler_rate = frame.sample_rate
        mono = rtc.AudioFrame(samples.tobytes(), frame.sample_rate, 1, len(samples))
        return np.concatenate([drained, *map(_samples, self._resampler.push(mono))])

    def drain(self) -> NDArray[np.int16]:
        """What the resampler still holds: the utterance is over."""
        resampler, self._resampler = self._resampler, None
        if resampler is None:
            return np.zeros(0, np.int16)
        return np.concatenate([np.zeros(0, np.int16), *map(_samples, resampler.flush())])

    def forget(self) -> None:
        """Drop what the resampler still holds."""
        self._resampler = None


def _samples(frame: rtc.AudioFrame) -> NDArray[np.int16]:
    return np.frombuffer(frame.data, np.int16)
