"""From posteriors per 10 ms row to the mouth of each video frame.

Posteriors say which sound it is; a mouth moves more slowly than they do, except where it must not. Five passes:

1. loudness: a vowel far below the voice's present level opens less;
2. blur: a frame is the mean of its rows and of those around, under a Gaussian at the pace of lips, so that the mouth
   already moves towards what comes next;
3. closures: a frame in which the lips are shut for half of the time is shown shut, and so is the frame in which a
   shorter closure has its middle. A mean alone would show p, b and m between two vowels as a half-open mouth;
4. tucks: the same for f and v, whose lower lip meets the teeth;
5. rest: what is most likely silence is silence, so that a net's residual doubt does not keep the lips apart.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..pose import VISEMES
from .features import HOP, RATE, SCALE

SIL, PP, FF = VISEMES.index("sil"), VISEMES.index("PP"), VISEMES.index("FF")
VOWELS = np.array([viseme in ("aa", "E", "ih", "oh", "ou") for viseme in VISEMES], np.float32)

#: Rows after a frame's last one that the blur takes in: 20 ms of anticipation.
AHEAD_ROWS = 2
#: Rows before a frame's first one that the blur takes in.
BEHIND_ROWS = 3
#: Standard deviation of the blur in rows. Lips take some 100 ms from one target to the next; the net's own
#: posteriors are smooth already, which leaves this much to add.
BLUR_ROWS = 1.2

#: Posterior of p, b or m at which the lips begin to be shown shut, and at which they are shut.
CLOSING, CLOSED = 0.3, 0.55
#: The same for f and v.
TUCKING, TUCKED = 0.4, 0.7

#: Weight of silence at which a frame begins to settle into rest, and at which it is at rest.
SETTLING, SETTLED = 0.6, 0.85

_CONTACTS = np.array([PP, FF])
_BEGIN = np.array([CLOSING, TUCKING], np.float32)
_SLOPE = np.array([1.0 / (CLOSED - CLOSING), 1.0 / (TUCKED - TUCKING)], np.float32)

#: A vowel this many dB below the voice's present level begins to open less, down to `FAINTEST` at `FAINT_DB`.
LOUD_DB, FAINT_DB, FAINTEST = -20.0, -36.0, 0.7

#: dB per unit of the features' scale (natural log of energy, divided by SCALE).
_DB_PER_UNIT = SCALE * 10.0 / np.log(10.0)


def frame_rows(frame: int, fps: int) -> tuple[int, int]:
    """The rows [first, stop) whose centre lies in frame `frame`, that is in samples [k * 16000 // fps, ...)."""
    start, stop = frame * RATE // fps, (frame + 1) * RATE // fps
    half = HOP // 2
    return -((half - start) // HOP), -((half - stop) // HOP)


class Coarticulation:
    """Posterior rows in, viseme weights per frame out."""

    def __init__(self, fps: int) -> None:
        self._fps = fps
        self._frame = 0  # the next frame to be told
        self._rows = np.tile(_silent_row(), (BEHIND_ROWS, 1))  # from BEHIND_ROWS before the next frame's first row on
        self._first = -BEHIND_ROWS  # index of the first row held

    def push(self, posteriors: NDArray[np.float32], loudness: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Append rows.

        Args:
            posteriors: float32, shape (n, 15), each row summing to 1.
            loudness: float32, shape (n,): mean normalised feature of each row, 0 at the voice's present level.

        Returns:
            The frames that became complete, each float32 (15,), summing to 1.
        """
        self._rows = np.concatenate([self._rows, _scaled(posteriors, loudness)])
        frames: list[NDArray[np.float32]] = []
        while True:
            first, stop = frame_rows(self._frame, self._fps)
            if self._first + len(self._rows) < stop + AHEAD_ROWS:
                return frames
            begin = first - BEHIND_ROWS - self._first
            frames.append(_frame(self._rows[begin : begin + BEHIND_ROWS + stop - first + AHEAD_ROWS]))
            self._frame += 1
            following, _ = frame_rows(self._frame, self._fps)
            dropped = following - BEHIND_ROWS - self._first
            self._rows = self._rows[dropped:]
            self._first += dropped

    def copy(self) -> Coarticulation:
        """A stream that goes on from here without changing this one."""
        twin = Coarticulation(self._fps)
        twin._frame, twin._rows, twin._first = self._frame, self._rows, self._first
        return twin


def _silent_row() -> NDArray[np.float32]:
    return np.eye(1, len(VISEMES), SIL, dtype=np.float32)


def _scaled(posteriors: NDArray[np.float32], loudness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows whose vowels give up weight to the closed mouth where they are faint."""
    decibels = loudness * np.float32(_DB_PER_UNIT)
    faintness = np.minimum(np.maximum((LOUD_DB - decibels) / np.float32(LOUD_DB - FAINT_DB), 0.0), 1.0)
    given = posteriors * VOWELS * (faintness * np.float32(1.0 - FAINTEST))[:, None]
    rows: NDArray[np.float32] = posteriors - given
    rows[:, SIL] += given.sum(axis=1)
    return rows


@lru_cache(maxsize=16)
def _blur(rows: int) -> NDArray[np.float32]:
    """Weights (rows,) of a frame's rows and those around it: a box over the frame under a Gaussian."""
    inside = rows - BEHIND_ROWS - AHEAD_ROWS
    offsets = np.arange(rows)[:, None] - (BEHIND_ROWS + np.arange(inside))[None, :]
    weights = np.exp(-(offsets**2) / (2.0 * BLUR_ROWS**2)).sum(axis=1)
    return np.asarray(weights / weights.sum(), np.float32)


def _contacts(near: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far a frame shows the lips shut and the lip tucked, each 0..1.

    Args:
        near: The frame's rows with one more on either side.
    """
    strength = (near[:, _CONTACTS] - _BEGIN) * _SLOPE
    np.minimum(np.maximum(strength, 0.0, out=strength), 1.0, out=strength)
    inside, before, after = strength[1:-1], strength[:-2], strength[2:]
    middle = (inside >= before) & (inside > after)  # the last row of a peak or a plateau
    peak = (inside * middle).max(axis=0)
    shares = inside.sum(axis=0) * np.float32(2.0 / len(inside))
    return np.asarray(np.minimum(np.maximum(shares, peak), 1.0))


def _frame(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One frame from its rows, BEHIND_ROWS before and AHEAD_ROWS after: float32 (15,)."""
    weights: NDArray[np.float32] = _blur(len(rows)) @ rows
    at_rest = min(max((float(weights[SIL]) - SETTLING) / (SETTLED - SETTLING), 0.0), 1.0)
    weights *= np.float32(1.0 - at_rest)
    weights[SIL] += np.float32(at_rest)
    closed, tucked = _contacts(rows[BEHIND_ROWS - 1 : len(rows) - AHEAD_ROWS + 1])
    weights *= (1 - tucked) * (1 - closed)
    weights[FF] += tucked * (1 - closed)
    weights[PP] += closed
    return weights
