"""What a viewer heard, sample by sample, and where in it something known lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..playout.loudness import loudness_of
from .voice import VoiceLocator

#: Length of a stretch that is located at once, and the step between them, in seconds.
WINDOW_S, HOP_S = 0.060, 0.010
#: Loudness is compared per 10 ms, at steps of this many seconds.
LEVEL_S, STEP_S = 0.010, 0.0025
#: How far from where a stretch of voice is expected it is looked for, in seconds.
REACH_S = 0.5
#: Correlation of loudness above which a stretch counts as found.
ALIKE = 0.8
#: Loudness below this is noise of the codec, in half decibels under full scale at 255.
FLOOR = 120.0


@dataclass
class Hearing:
    """Received audio in order, each frame with the moment of its arrival.

    Args:
        rate: Of the samples, in Hz.
    """

    rate: int
    frames: list[tuple[float, NDArray[np.int16]]] = field(default_factory=list)

    def add(self, at: float, samples: NDArray[np.int16]) -> None:
        """Take a frame, int16, shape (n,), that arrived at `at`."""
        self.frames.append((at, samples))

    def since(self, moment: float) -> Hearing:
        """What arrived from `moment` on."""
        return Hearing(self.rate, [(at, samples) for at, samples in self.frames if at >= moment])

    def until(self, moment: float) -> Hearing:
        """What arrived before `moment`."""
        return Hearing(self.rate, [(at, samples) for at, samples in self.frames if at < moment])

    def loudness(self) -> list[tuple[float, float]]:
        """(time, RMS) of every frame; full scale is 1."""
        return [(at, float(np.sqrt(np.mean((samples / 32768.0) ** 2)))) for at, samples in self.frames]

    def located(self, locator: VoiceLocator) -> list[tuple[float, int, int]]:
        """(time, voice, sample) of every located stretch: when that sample was heard."""
        samples, moments = self._joined()
        window, hop = round(WINDOW_S * self.rate), round(HOP_S * self.rate)
        found = []
        for begin in range(0, len(samples) - window, hop):
            place = locator.locate(samples[begin : begin + window])
            if place is not None and place[1] >= 0:
                found.append((float(moments([begin])[0]), place[0], place[1]))
        return found

    def matched(self, loudness: Sequence[int], expected: float) -> float | None:
        """When a voice with this course of loudness was heard.

        Args:
            loudness: Per 10 ms, as in `FrameInfo`; half a second or more of it.
            expected: When it should begin to be heard.

        Returns:
            When its first sample was heard, within a millisecond or so, or None if nothing there is like it.
        """
        near = self.since(expected - REACH_S).until(expected + len(loudness) * LEVEL_S + REACH_S)
        samples, moments = near._joined()
        levels = _levels(samples, self.rate)
        stride = round(LEVEL_S / STEP_S)
        wanted = np.maximum(np.asarray(loudness, np.float64), FLOOR)
        lags = len(levels) - (len(wanted) - 1) * stride
        if lags < 3 or np.ptp(wanted) < 6:
            return None
        scores = np.array([_likeness(wanted, levels[lag : lag + len(wanted) * stride : stride]) for lag in range(lags)])
        best = int(np.argmax(scores))
        if scores[best] < ALIKE:
            return None
        lag = best + _peak(scores, best)
        return float(moments([lag * STEP_S * self.rate])[0])

    def _joined(self) -> tuple[NDArray[np.int16], _Moments]:
        samples = np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in self.frames)])
        return samples, _Moments(self.frames, self.rate)


class _Moments:
    """When each of the joined samples was heard."""

    def __init__(self, frames: list[tuple[float, NDArray[np.int16]]], rate: int) -> None:
        self._starts = np.cumsum([0] + [len(samples) for _, samples in frames[:-1]])
        self._times = np.array([at for at, _ in frames])
        self._rate = rate

    def __call__(self, samples: Sequence[float]) -> NDArray[np.float64]:
        places = np.asarray(samples)
        indices = np.clip(np.searchsorted(self._starts, places, side="right") - 1, 0, None)
        moments: NDArray[np.float64] = self._times[indices] + (places - self._starts[indices]) / self._rate
        return moments


def _levels(samples: NDArray[np.int16], rate: int) -> NDArray[np.float64]:
    """Loudness of the 10 ms that begin at every step, in the unit of `FrameInfo`."""
    step, length = round(STEP_S * rate), round(LEVEL_S * rate)
    energy = np.concatenate([[0.0], np.cumsum((samples / 32768.0) ** 2)])
    begins = np.arange(0, max(0, len(samples) - length), step)
    power = (energy[begins + length] - energy[begins]) / length
    return np.maximum(loudness_of(power), FLOOR)


def _likeness(wanted: NDArray[np.float64], heard: NDArray[np.float64]) -> float:
    """Correlation of two courses of loudness, -1..1."""
    a, b = wanted - wanted.mean(), heard - heard.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 1e-6 else 0.0


def _peak(scores: NDArray[np.float64], at: int) -> float:
    """Where between its neighbours a maximum lies, -0.5..0.5: the vertex of the parabola through the three."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, middle, right = scores[at - 1 : at + 2]
    curve = left - 2 * middle + right
    return 0.0 if curve > -1e-12 else float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5))
