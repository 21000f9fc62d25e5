"""Brows, mouth corners and nose, moved as feelings move them: warps of the head's grid.

No bundle holds these. They are found from what each has: its brows' fields, its eyes and its lips. All of them are
smooth and small against the features, so that lips which meet still meet.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose import Expression
from .bundle import POSES, Bundle
from .flow import Field, Plane, four_planes

# In distances between the eyes.
CORNER_FALL, CORNER_RISE = 0.085, 0.075  # how far the mouth's corners go down and up
CORNER_OUT = 0.028  # and outwards, either way
CORNER_REACH = 0.17  # sigma around each corner
SNEER_RISE, SNEER_ASIDE, SNEER_ABOVE = 0.062, 0.17, 0.34  # of a point beside the nose and above the mouth
SNEER_REACH = 0.15
BROW_INNER, BROW_OUTER = (
    0.18,
    0.72,
)  # where the inner share of a brow is whole, and where there is none, from the middle
BROW_TOGETHER = 0.06  # how far a frown draws their inner ends together

# Of the bundle's own fields for brows, at either end, raised and lowered.
INNER_RISE, INNER_FALL = 1.9, 1.6
OUTER_RISE, OUTER_FALL = 1.7, 1.1


class Features:
    """Displacements of the head's grid, in canvas pixels, for each part of an expression."""

    def __init__(self, bundle: Bundle, points: Field) -> None:
        """Find the features.

        Args:
            bundle: Whose.
            points: The grid's nodes, in canvas pixels.
        """
        x0, y0, _, _ = bundle.manifest.eyes
        eyes = bundle.spheres[:, :2] + np.array([x0, y0], np.float32)
        self._apart = float(abs(eyes[1, 0] - eyes[0, 0]))
        self._middle = float(eyes[:, 0].mean())
        corners = mouth_corners(bundle)
        raised, lowered = bundle.brows.astype(np.float32)
        inner = self._inner_share(points)
        outer = 1 - inner
        self._inner_up = four_planes(raised * (INNER_RISE * inner)[..., None])
        self._inner_down = four_planes(lowered * (INNER_FALL * inner)[..., None])
        self._inner_down[..., 0] += self._together(points, lowered) * inner
        self._outer_up = four_planes(raised * (OUTER_RISE * outer)[..., None])
        self._outer_down = four_planes(lowered * (OUTER_FALL * outer)[..., None])
        self._corners_up = four_planes(self._at_corners(points, corners, -CORNER_RISE))
        self._corners_down = four_planes(self._at_corners(points, corners, CORNER_FALL))
        self._sneer = four_planes(self._beside_nose(points, corners))

    def move(self, field: Field, expression: Expression, window: tuple[slice, slice]) -> None:
        """Add an expression to the displacements in a window of the grid, of four planes."""
        for amount, up, down in (
            (expression.inner_brows, self._inner_up, self._inner_down),
            (expression.outer_brows, self._outer_up, self._outer_down),
            (expression.corners, self._corners_up, self._corners_down),
            (expression.sneer, self._sneer, self._sneer),
        ):
            if amount:
                cv2.scaleAdd((up if amount > 0 else down)[window], abs(amount), field, dst=field)

    def _inner_share(self, points: Field) -> Plane:
        """1 where a brow begins, 0 where it ends."""
        aside = np.abs(points[..., 0] - self._middle) / self._apart
        share = np.clip((BROW_OUTER - aside) / (BROW_OUTER - BROW_INNER), 0, 1)
        return np.asarray(share * share * (3 - 2 * share), np.float32)

    def _together(self, points: Field, lowered: Field) -> Plane:
        """Towards the middle, where there are brows."""
        moved = np.hypot(lowered[..., 0], lowered[..., 1])
        side = np.clip((self._middle - points[..., 0]) / (BROW_INNER * self._apart), -1, 1)
        return np.asarray(side * moved / max(float(moved.max()), 1e-6) * BROW_TOGETHER * self._apart, np.float32)

    def _at_corners(self, points: Field, corners: NDArray[np.float32], down: float) -> Field:
        def push(side: float) -> tuple[float, float]:
            return side * CORNER_OUT, down

        return self._pushed(points, corners, CORNER_REACH, push)

    def _beside_nose(self, points: Field, corners: NDArray[np.float32]) -> Field:
        middle, level = corners.mean(axis=0)
        aside, above = SNEER_ASIDE * self._apart, SNEER_ABOVE * self._apart
        beside = np.array([[middle - aside, level - above], [middle + aside, level - above]], np.float32)
        lip = np.array([[middle - aside, level - above / 3], [middle + aside, level - above / 3]], np.float32)
        nose = self._pushed(points, beside, SNEER_REACH, lambda side: (0.0, -SNEER_RISE))
        return nose + self._pushed(points, lip, SNEER_REACH, lambda side: (0.0, -SNEER_RISE / 2))

    def _pushed(
        self, points: Field, places: NDArray[np.float32], reach: float, push: Callable[[float], tuple[float, float]]
    ) -> Field:
        """A smooth push at each of two places, the left one first, in distances between the eyes."""
        field = np.zeros_like(points)
        for place, side in zip(places, (-1.0, 1.0), strict=True):
            away = np.linalg.norm(points - place, axis=-1) / (reach * self._apart)
            field += np.exp(-0.5 * away**2)[..., None] * np.array(push(side), np.float32) * np.float32(self._apart)
        return np.asarray(field, np.float32)


def mouth_corners(bundle: Bundle) -> NDArray[np.float32]:
    """Left and right corner of the resting mouth, in canvas pixels, (2, 2): where the two lips' layers part."""
    x0, y0, x1, y1 = bundle.manifest.mouth
    upper, lower = bundle.mouth_masks
    gap = (upper < 128) & (lower < 128)
    columns = np.flatnonzero(gap.any(axis=0))
    if len(columns) < 4:  # an atlas with closed lips: where mouths are in their boxes
        width, height = x1 - x0, y1 - y0
        found = [(0.29 * width, 0.35 * height), (0.71 * width, 0.35 * height)]
    else:
        found = [(float(x), float(np.flatnonzero(gap[:, x]).mean())) for x in (columns[0], columns[-1])]
    flow = bundle.mouth_flow[POSES.index("sil"), 0].astype(np.float32)
    rows, across = flow.shape[:2]
    corners = []
    for x, y in found:
        moved = flow[min(round(y / 2), rows - 1), min(round(x / 2), across - 1), :2]
        corners.append((x0 + x + moved[0], y0 + y + moved[1]))
    return np.array(corners, np.float32)
