"""What the way to us does to a voice: a telephone, a low-rate codec, noise. None of it moves the sound in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.resample import StreamResampler
from training.speech.augment import coded

from .clips import RATE, Pcm

Condition = Callable[[Pcm], Pcm]

TELEPHONE_RATE = 8000
PASS_BAND = (300.0, 3400.0)  # Hz, ITU-T G.712's telephone channel
BAND_EDGE = 100.0  # Hz over which the band's gain falls to nothing
OPUS_BIT_RATE = 16_000
NOISE_SEED = 20_261_124


def telephone(pcm: Pcm) -> Pcm:
    """Through a telephone: 8 kHz, 300 to 3400 Hz, mu-law."""
    narrow = _in_band(_resampled(pcm, RATE, TELEPHONE_RATE))
    heard = coded(_sound(narrow), "pcm_mulaw", rate=TELEPHONE_RATE)
    return _resampled(_int16(heard * 32768.0), TELEPHONE_RATE, RATE)[: len(pcm)]


def opus(pcm: Pcm, bit_rate: int = OPUS_BIT_RATE) -> Pcm:
    """Through Opus."""
    return _int16(coded(_sound(pcm), "libopus", bit_rate) * 32768.0)


def noisy(pcm: Pcm, snr_db: float = 10.0) -> Pcm:
    """Over white noise that many dB below the recording's mean power."""
    sound = pcm.astype(np.float64)
    noise = np.random.default_rng(NOISE_SEED).standard_normal(len(pcm))
    level = np.sqrt((sound**2).mean()) * 10.0 ** (-snr_db / 20.0)
    return _int16(sound + noise * level)


def clean(pcm: Pcm) -> Pcm:
    """As it is."""
    return pcm


CONDITIONS: dict[str, Condition] = {
    "clean": clean,
    "telephone band": telephone,
    "Opus 16 kbit/s": opus,
    "white noise, 10 dB": noisy,
}


def _resampled(pcm: Pcm, in_rate: int, out_rate: int) -> Pcm:
    """At another rate; sample k of either is at the same moment."""
    resampler = StreamResampler(in_rate, out_rate)
    return np.concatenate([resampler.push(pcm), resampler.finish()])


def _in_band(pcm: Pcm) -> Pcm:
    spectrum = np.fft.rfft(pcm)
    hertz = np.arange(len(spectrum)) * TELEPHONE_RATE / max(1, len(pcm))
    low, high = PASS_BAND
    gain = np.clip((hertz - low) / BAND_EDGE + 1.0, 0.0, 1.0) * np.clip((high - hertz) / BAND_EDGE + 1.0, 0.0, 1.0)
    return _int16(np.fft.irfft(spectrum * gain, len(pcm)))


def _sound(pcm: Pcm) -> NDArray[np.float32]:
    return np.asarray(pcm / 32768.0, np.float32)


def _int16(sound: NDArray[np.floating]) -> Pcm:
    return np.asarray(np.rint(np.clip(sound, -32768, 32767)), np.int16)
