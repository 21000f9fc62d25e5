"""What a viewer received, as arrays; every viewer's looks the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.testing import Mark

from .engine import OPENNESS_LEVELS
from .voices import RATE

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """Pictures and sound, dated at the viewer on CLOCK_MONOTONIC, in seconds.

    Attributes:
        seen: When each picture arrived, shape (p,).
        marks: What it says, None where it says nothing, length p.
        luma: Its mean, 0..255, shape (p,).
        heard: When each block of sound arrived, shape (b,).
        starts: The sample that the block begins with, shape (b,).
        sound: int16 at RATE, shape (n,).
        notes: What else the viewer has to say, by name.
    """

    seen: Times
    marks: list[Mark | None]
    luma: NDArray[np.float64]
    heard: Times
    starts: NDArray[np.int64]
    sound: NDArray[np.int16]
    notes: dict[str, float]

    @classmethod
    def of(
        cls,
        pictures: list[tuple[float, Mark | None, float]],
        blocks: list[tuple[float, NDArray[np.int16]]],
        notes: dict[str, float] | None = None,
    ) -> Recording:
        """From (time, mark, mean luma) of pictures, and (time, samples) of blocks of sound."""
        lengths = [len(samples) for _, samples in blocks]
        return cls(
            np.array([at for at, _, _ in pictures], float),
            [mark for _, mark, _ in pictures],
            np.array([mean for _, _, mean in pictures], float),
            np.array([at for at, _ in blocks], float),
            np.cumsum([0, *lengths])[:-1].astype(np.int64),
            np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in blocks)]),
            notes or {},
        )

    def between(self, begin: float, end: float) -> Recording:
        """The part that arrived in [begin, end)."""
        p, q = np.searchsorted(self.seen, [begin, end])
        b, c = np.searchsorted(self.heard, [begin, end])
        first = int(self.starts[b]) if b < len(self.starts) else len(self.sound)
        last = int(self.starts[c]) if c < len(self.starts) else len(self.sound)
        return Recording(
            self.seen[p:q], self.marks[p:q], self.luma[p:q],
            self.heard[b:c], self.starts[b:c] - first, self.sound[first:last], self.notes,
        )  # fmt: skip

    def when(self, sample: NDArray[np.int64] | int) -> Times:
        """When samples of `sound` were heard."""
        index = np.clip(np.searchsorted(self.starts, sample, side="right") - 1, 0, None)
        times: Times = self.heard[index] + (sample - self.starts[index]) / RATE
        return times

    def openness(self) -> NDArray[np.int64]:
        """How far the mouth is open in each picture, 0..15; -1 where nothing says so."""
        return np.array([-1 if mark is None else mark.number % OPENNESS_LEVELS for mark in self.marks], np.int64)

    def numbers(self) -> NDArray[np.int64]:
        """The number of each picture among all that were drawn, modulo NUMBERS; -1 where nothing says so."""
        return np.array([-1 if mark is None else mark.number // OPENNESS_LEVELS for mark in self.marks], np.int64)
