"""A voice whose every stretch is recognised: noise in the speech band, and where in it a received stretch lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The band that voice codecs keep best, in Hz.
BAND = (300.0, 3400.0)
#: Correlation above which a stretch counts as found. Unrelated noise of 60 ms stays below 0.4.
FOUND = 0.5
#: Share of a stretch's usual norm that a voice counts with at least: 4 ms of both, at their edges, are always alike.
TOUCHING = 0.5


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


def lively_voice(seed: int, count: int, rate: int) -> NDArray[np.int16]:
    """A marker voice whose loudness wanders as speech's does, so that a viewer can date it by that too.

    Args:
        seed: Chooses noise and course.
        count: Samples.
        rate: In Hz.

    Returns:
        int16, shape (count,).
    """
    knots = np.arange(0, count + 2 * rate // 14, rate // 14)  # every 70 ms or so
    course = np.interp(np.arange(count), knots, np.random.default_rng(seed).uniform(0.05, 1.0, len(knots)))
    return (marker_voice(seed, count, rate) * course).astype(np.int16)


class VoiceLocator:
    """Finds stretches of received audio in the voices that were sent.

    Args:
        voices: What was sent, by name; int16, shape (n,), all at one rate.
    """

    def __init__(self, voices: dict[int, NDArray[np.int16]]) -> None:
        self._voices = {name: voice.astype(np.float64) for name, voice in voices.items()}
        self._haystacks: dict[tuple[int, int], _Haystack] = {}  # by voice and length of the stretch

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
            haystack = self._haystacks.get((name, len(needle)))
            if haystack is None:
                haystack = self._haystacks[name, len(needle)] = _Haystack(voice, len(needle))
            at, score = haystack.best_lag(needle, energy)
            if best is None or score > best[2]:
                best = (name, at, score)
        return best if best is not None and best[2] >= FOUND else None


class _Haystack:
    """One voice, made ready to look for stretches of `n` samples in it."""

    def __init__(self, voice: NDArray[np.float64], n: int) -> None:
        padded = np.concatenate([np.zeros(n), voice, np.zeros(n)])
        self._n = n
        self._size = -(-(len(padded) + n) // 4096) * 4096  # a length that transforms fast
        self._spectrum = np.fft.rfft(padded, self._size)
        squares = np.concatenate([[0.0], np.cumsum(padded**2)])
        norms = np.sqrt(np.maximum(squares[n:] - squares[:-n], 1.0))
        # a stretch that only touches the voice must not win by a tiny norm
        self._norms = np.maximum(norms, TOUCHING * np.sqrt(n) * np.sqrt(np.mean(voice**2) + 1.0))

    def best_lag(self, needle: NDArray[np.float64], energy: float) -> tuple[int, float]:
        """The lag at which the needle, of that energy, correlates best with the voice, and how well."""
        product = self._spectrum * np.conj(np.fft.rfft(needle, self._size))
        correlation = np.fft.irfft(product, self._size)[: len(self._norms)]
        scores = correlation / self._norms
        at = int(np.argmax(scores))
        return at - self._n, float(scores[at]) / energy
