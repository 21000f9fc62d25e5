"""How strongly a turn's syllables stand out: their loudness above the level at which the turn has spoken so far.

    samples at 16 kHz -> loudness per 10 ms -> above the running level -> a smooth curve, one value per frame

Stressed syllables are louder than their neighbours. It is the vowels that count, so hiss is left out of the measure.
Melody is not measured.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from .features import HOP, RATE

LOOKAHEAD_S = 0.10  # of sound after a frame's end that its emphasis depends on: less than its mouth waits for
MOST_CHANGE = 6.0  # per second, of the curve

_GROUP = 4  # samples that are added up: whatever is well above 3 kHz, an s for one, cancels
_SYLLABLE_HOPS = 6  # over which loudness is averaged
_SILENT_DB = -50.0  # of full scale; what is softer is no voice
_SLOWEST = 1.0 / 150  # of the running level, per hop: 1.5 s of voice
_FIRST_HOPS = 8  # of voice after which the running level means something
_FROM_DB, _FULL_DB = 1.5, 7.0  # above the running level: where emphasis begins, and where it is complete
_HOLD_HOPS = 8  # for which a syllable's height is kept: the curve needs time to rise to it
_STIFFNESS = 15.0  # per second; a critically damped curve is at most stiffness / e = 5.5 a second fast
_NOTHING = 1e-3  # an emphasis that nobody sees

_HOPS_PER_SECOND = RATE // HOP
_LOOKAHEAD_HOPS = round(LOOKAHEAD_S * _HOPS_PER_SECOND)
_POWER = (_GROUP * 32_768.0) ** 2 * (HOP // _GROUP)  # of a hop at full scale


class Emphasis:
    """The emphasis of one turn's frames, from its first sample to its last. Chunks of any size give the same values."""

    def __init__(self, fps: int) -> None:
        """Begin a turn, after silence.

        Args:
            fps: Frames per second, 1..100.
        """
        self._fps = fps
        self._rest = np.zeros(0, np.int16)  # samples of a hop that is not complete
        self._waiting: deque[float] = deque()  # powers of hops that no frame has come to, full scale is 1
        self._frames = 0  # asked for so far
        self._hops = 0  # heard by those
        self._recent: deque[float] = deque([0.0] * _SYLLABLE_HOPS, _SYLLABLE_HOPS)  # the latest powers
        self._level = 0.0  # the running level in dB
        self._voiced = 0  # hops that it was made from
        self._held: deque[float] = deque([0.0] * _HOLD_HOPS, _HOLD_HOPS)  # how far the latest hops stood out
        self._value = self._speed = 0.0  # of the curve

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append samples: int16 mono at 16 kHz, shape (n,), n >= 0."""
        samples = np.concatenate([self._rest, pcm])
        whole = len(samples) // HOP * HOP
        self._rest = samples[whole:]
        sums = samples[:whole].reshape(-1, HOP // _GROUP, _GROUP).sum(2, dtype=np.int64)
        self._waiting += [power / _POWER for power in (sums * sums).sum(1).tolist()]  # integers: exact in any order

    def next(self) -> float:
        """The emphasis of the next frame, 0..1, changing by at most MOST_CHANGE a second over its whole 10 ms.

        Silence follows what was pushed, so do not ask before LOOKAHEAD_S after the frame's end is in, or all there is.
        """
        self._frames += 1
        due = self._frames * _HOPS_PER_SECOND // self._fps + _LOOKAHEAD_HOPS
        while self._hops < due:
            self._hops += 1
            self._hear(self._waiting.popleft() if self._waiting else 0.0)
        return self._value

    def _hear(self, power: float) -> None:
        self._recent.append(power)
        self._held.append(self._standing_out(10.0 * math.log10(math.fsum(self._recent) / _SYLLABLE_HOPS + 1e-12)))
        self._move_to(max(self._held))

    def _standing_out(self, loudness: float) -> float:
        """How far a loudness in dB is above the running level, 0..1; the level takes it in."""
        if loudness < _SILENT_DB:
            return 0.0
        above = loudness - self._level
        self._voiced += 1
        self._level += max(1.0 / self._voiced, _SLOWEST) * above
        if self._voiced <= _FIRST_HOPS:
            return 0.0
        return min(max((above - _FROM_DB) / (_FULL_DB - _FROM_DB), 0.0), 1.0)

    def _move_to(self, height: float) -> None:
        """One hop of a critically damped spring."""
        seconds = 1.0 / _HOPS_PER_SECOND
        self._speed += seconds * _STIFFNESS * (_STIFFNESS * (height - self._value) - 2.0 * self._speed)
        self._value = min(max(self._value + seconds * self._speed, 0.0), 1.0)
        if height == 0.0 and self._value < _NOTHING:
            self._value = self._speed = 0.0
