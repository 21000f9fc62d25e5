"""Closures of the lips as events: how many of them are shown, and how many of those shown were made.

`training.speech.score` counts p, b and m that are seen shut and vowels that wrongly are. Here both sides are runs of
rows, so that there is a precision beside the recall, at any threshold of openness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.shape import OPENNESS
from training.speech.score import blurred

#: Openness below which the lips count as shut: strict, as in the other scores, and lax.
THRESHOLDS = (0.08, 0.13, 0.2)
#: Rows of 10 ms by which a closure may be shown beside itself.
REACH = 4
#: Rows of the shortest labelled closure that has to be shown.
SHORTEST = 3
#: Rows under which a track is blurred first, as in the other scores.
BLUR = 1.5

_PP = VISEMES.index("PP")


@dataclass
class Closures:
    """What is counted over a group of recordings, at one threshold."""

    threshold: float  # of openness
    made: int = 0  # labelled p, b, m of 30 ms and more
    found: int = 0  # of them, shown shut within 40 ms
    shown: int = 0  # runs of shut rows that speech has to answer for
    right: int = 0  # of them, within 40 ms of a p, b or m

    @property
    def recall(self) -> float:
        """Of the closures made, the share that is shown."""
        return self.found / self.made if self.made else float("nan")

    @property
    def precision(self) -> float:
        """Of the closures shown, the share that was made."""
        return self.right / self.shown if self.shown else float("nan")

    def add(self, openness: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
        """Count one recording: openness 0..1 and labels, both (n,), a row per 10 ms.

        A shown closure near a row whose own label is less open than the threshold (a pause, an f, at 0.2 an s) is
        neither right nor wrong, unless a p, b or m is near, too.
        """
        shut = blurred(np.asarray(openness, np.float64), BLUR) < self.threshold
        bilabial = labels == _PP
        for first, stop in runs(bilabial):
            if stop - first >= SHORTEST:
                self.made += 1
                self.found += bool(shut[max(0, first - REACH) : stop + REACH].any())
        narrow = OPENNESS[labels] < self.threshold
        for first, stop in runs(shut):
            near = slice(max(0, first - REACH), stop + REACH)
            right = bool(bilabial[near].any())
            self.right += right
            self.shown += right or not narrow[near].any()


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row and last + 1 of every run of true rows."""
    steps = np.diff(np.concatenate([[0], flags, [0]]).astype(np.int8))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
