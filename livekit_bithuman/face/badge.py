"""A small "AI" in the picture's corner, for viewers who must be told what they see."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

HEIGHT, LEAST_HEIGHT = 0.075, 12  # in the picture's shorter sides, and in pixels
WIDTH = 1.7  # in its own heights
MARGIN = 0.5  # from the picture's edges, in its own heights
OPACITY = 0.62  # of its dark ground; the letters are opaque
FINER = 8  # drawn so many times larger, and scaled down


class Badge:
    """Drawn once for a size, and laid over each picture in place."""

    def __init__(self, width: int, height: int) -> None:
        rows = max(LEAST_HEIGHT, round(HEIGHT * min(width, height)))
        columns = round(WIDTH * rows)
        left = top = round(MARGIN * rows)
        self._place = slice(top, min(top + rows, height)), slice(left, min(left + columns, width))
        ground, letters = _drawn(columns, rows)
        opaque = np.maximum(ground * np.float32(OPACITY), letters)
        fits = self._place[0].stop - top, self._place[1].stop - left
        self._through = (1 - opaque)[: fits[0], : fits[1], None]
        self._light = (letters * np.float32(255) + (1 - letters) * ground * np.float32(OPACITY * 24))[
            : fits[0], : fits[1], None
        ]

    def lay_over(self, picture: NDArray[np.uint8]) -> None:
        """Show it on a BGR picture of its size."""
        corner = picture[self._place]
        corner[:] = cv2.convertScaleAbs(corner * self._through + self._light)


def _drawn(columns: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A pill, and the letters on it, 0..1 each."""
    wide, high = columns * FINER, rows * FINER
    ground, letters = np.zeros((high, wide), np.uint8), np.zeros((high, wide), np.uint8)
    radius = high // 2
    cv2.rectangle(ground, (radius, 0), (wide - radius, high), 255, -1)
    for x in (radius, wide - radius):
        cv2.circle(ground, (x, radius), radius, 255, -1)
    scale, thickness = high / 38, max(1, high // 12)
    (across, up), _ = cv2.getTextSize("AI", cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    at = (wide - across) // 2, (high + up) // 2
    cv2.putText(letters, "AI", at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    small = [cv2.resize(plane, (columns, rows), interpolation=cv2.INTER_AREA) for plane in (ground, letters)]
    ground_share, letters_share = (np.asarray(plane, np.float32) * np.float32(1 / 255) for plane in small)
    return ground_share, letters_share
