"""The head's motion: the drawn picture warped by the depth of what is in it, shoulders still, brows included."""

from __future__ import annotations

import math

import numpy as np

from ..pose import Presentation
from .bundle import HEAD_STEP, Bundle
from .flow import Field, grid_nodes, inverse_field

Window = tuple[slice, slice]  # rows and columns of the head's grid

INVERSE_ROUNDS = 3
BREATH_RISE = 0.0035  # how far the shoulders rise with a breath, in frame heights
BREATH_NOD = 0.3  # the head's share of it


class HeadRig:
    """A bundle's head, unpacked for turning. Immutable after construction, so faces share it.

    The head turns about a vertical and a horizontal axis through its middle as if seen from far away, and rolls about
    the pivot at the neck's base. `hold` fades all of it out towards the shoulders.
    """

    def __init__(self, bundle: Bundle) -> None:
        rows, columns = bundle.depth.shape
        nodes = grid_nodes(rows, columns)
        self._depth = bundle.depth.astype(np.float32)
        self._hold = bundle.hold.astype(np.float32)
        self._brows = bundle.brows.astype(np.float32)
        pivot = np.array(bundle.manifest.pivot, np.float32)
        self._from_pivot = nodes * np.float32(HEAD_STEP) - pivot
        self._breath = bundle.manifest.size[1] * BREATH_RISE * bundle.manifest.breath

    def inverse(self, presentation: Presentation, window: Window) -> Field:
        """For each node in a window of the head's grid, how far back what is seen there came from, in canvas pixels."""
        field = self._displacement(presentation, window)
        return inverse_field(field, grid_nodes(*field.shape[:2]), HEAD_STEP, INVERSE_ROUNDS)

    def _displacement(self, presentation: Presentation, window: Window) -> Field:
        from_pivot, depth, hold = self._from_pivot[window], self._depth[window], self._hold[window]
        across, down = from_pivot[..., 0], from_pivot[..., 1]
        cos_roll, sin_roll = math.cos(presentation.roll) - 1, math.sin(presentation.roll)
        x = depth * math.sin(presentation.yaw) + across * (math.cos(presentation.yaw) - 1)
        x += across * cos_roll - down * sin_roll
        y = depth * math.sin(presentation.pitch) + across * sin_roll + down * cos_roll
        field = np.dstack([x, y]) * hold[..., None]
        field[..., 1] -= np.float32(self._breath * presentation.breath) * (1 - (1 - BREATH_NOD) * hold)
        brow = min(max(presentation.brow, -1.0), 1.0)
        if brow:
            field += self._brows[0 if brow > 0 else 1][window] * np.float32(abs(brow))
        return np.asarray(field, np.float32)
