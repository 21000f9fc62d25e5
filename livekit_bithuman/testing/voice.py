"""A voice whose every stretch is recognised: noise in the speech band, and where in it a received stretch lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The band that voice codecs keep best, in Hz.
BAND = (300.0, 3400.0)
#: Correlation above which a stretch counts as found. Unrelated noise of 60 ms stays below 0.4.
FOUND = 0.5


def marker_voice(seed: int, count: int, rate: int, *, level: float = 0.15) -> NDArray[np.int16]:
    """Band-limited Gaussian noise that no other seed and no other position resembles.

    Args:
        seed: Chooses the noise.
        count: Samples.
        rate: In Hz.
        level: RMS, full scale is 1.

    Returns:
        int16, shape (count,).
    """
    noise = np.random.default_rng(seed).standard_normal(count)
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(frequencies < BAND[0]) | (frequencies > BAND[1])] = 0
    voice = np.fft.irfft(spectrum, count)
    scaled = voice / max(1e-9, float(np.sqrt(np.mean(voice**2)))) * level
    samples: NDArray[np.int16] = np.clip(np.rint(scaled * 32767), -32768, 32767).astype(np.int16)
    return samples


class VoiceLocator:
    """Finds stretches of received audio in the voices that were sent.

    Args:
        voices: What was sent, by name; int16, shape (n,), all at one rate.
    """

    def __init__(self, voices: dict[int, NDArray[np.int16]]) -> None:
        self._voices = {name: voice.astype(np.float64) for name, voice in voices.items()}

    def locate(self, stretch: NDArray[np.int16]) -> tuple[int, int, float] | None:
        """Where a stretch comes from.

        Args:
            stretch: int16, shape (n,), at the voices' rate; 40 ms or more.

        Returns:
            (name of the voice, its sample that the stretch begins with, correlation -1..1), or None if it is none of
            theirs. The sample may be negative where the stretch begins before the voice.
        """
        needle = stretch.astype(np.float64)
        energy = float(np.sqrt((needle**2).sum()))
        if energy < 1e-6 * len(needle) or energy / np.sqrt(len(needle)) < 30:
            return None
        best: tuple[int, int, float] | None = None
        for name, voice in self._voices.items():
            at, score = _best_lag(voice, needle, energy)
            if best is None or score > best[2]:
                best = (name, at, score)
        return best if best is not None and best[2] >= FOUND else None


def _best_lag(voice: NDArray[np.float64], needle: NDArray[np.float64], energy: float) -> tuple[int, float]:
    """The lag at which the needle correlates best with the voice, and how well."""
    n = len(needle)
    padded = np.concatenate([np.zeros(n), voice, np.zeros(n)])
    size = 1 << (len(padded) + n).bit_length()
    product = np.fft.rfft(padded, size) * np.conj(np.fft.rfft(needle, size))
    correlation = np.fft.irfft(product, size)[: len(padded) - n + 1]
    squares = np.concatenate([[0.0], np.cumsum(padded**2)])
    norms = np.sqrt(np.maximum(squares[n:] - squares[:-n], 1.0)) * energy
    # a stretch that only touches the voice must not win by a tiny norm
    floor = 0.3 * float(np.sqrt(n) * np.sqrt(np.mean(voice**2) + 1.0)) * energy
    scores = correlation / np.maximum(norms, floor)
    at = int(np.argmax(scores))
    return at - n, float(scores[at])
