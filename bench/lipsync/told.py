"""What a system says of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.shape import OPENNESS, WIDTH, mouth_shape

ROWS_PER_SECOND = 100


@dataclass(frozen=True, eq=False)
class Told:
    """A mouth, a row per 10 ms."""

    openness: NDArray[np.floating]  # 0..1
    width: NDArray[np.floating] | None = None  # -1..1
    visemes: NDArray[np.integer] | None = None  # indices into VISEMES

    @classmethod
    def of_weights(cls, weights: NDArray[np.floating]) -> Told:
        """From viseme weights (rows, 15)."""
        return cls(*mouth_shape(np.asarray(weights, np.float32)), weights.argmax(axis=1))

    def at_frame_rate(self, fps: int) -> Told:
        """As a viewer sees it: the row at each frame's middle, held for the frame."""
        frames = np.arange(len(self.openness)) * fps // ROWS_PER_SECOND
        return self._taken((2 * frames + 1) * ROWS_PER_SECOND // (2 * fps))

    def later(self, rows: int) -> Told:
        """The same mouth, shown that many rows later; the first row, or the last, is held."""
        return self._taken(np.arange(len(self.openness)) - rows)

    def corrected(self, rows: NDArray[np.bool_], labels: NDArray[np.integer]) -> Told:
        """The same mouth with some rows as their labels say: `rows` and `labels` have one entry per row."""
        width = np.zeros_like(self.openness) if self.width is None else self.width
        visemes = np.zeros_like(labels) if self.visemes is None else self.visemes
        return Told(
            np.where(rows, OPENNESS[labels], self.openness),
            np.where(rows, WIDTH[labels], width),
            np.where(rows, labels, visemes),
        )

    def _taken(self, rows: NDArray[np.int64]) -> Told:
        rows = np.clip(rows, 0, len(self.openness) - 1)
        return Told(
            self.openness[rows],
            None if self.width is None else self.width[rows],
            None if self.visemes is None else self.visemes[rows],
        )
