"""The head's motion: the drawn picture warped by the depth of what is in it, shoulders still, brows included."""

from __future__ import annotations

import math

import numpy as np

from ..pose import Presentation
from .bundle import HEAD_STEP, Bundle
from .flow import Field, grid_nodes, inverse_field

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
        self.nodes = grid_nodes(rows, columns)
        self._depth = bundle.depth.astype(np.float32)
        self._hold = bundle.hold.astype(np.float32)
        self._brows = bundle.brows.astype(np.float32)
        pivot = np.array(bundle.manifest.pivot, np.float32)
        self._from_pivot = self.nodes * np.float32(HEAD_STEP) - pivot
        self._breath = bundle.manifest.size[1] * BREATH_RISE

    def inverse(self, presentation: Presentation) -> Field:
        """For each node of the head's grid, how far back what is seen there came from, in canvas pixels."""
        return inverse_field(self._displacement(presentation), self.nodes, HEAD_STEP, INVERSE_ROUNDS)

    def _displacement(self, presentation: Presentation) -> Field:
        across, down = self._from_pivot[..., 0], self._from_pivot[..., 1]
        cos_roll, sin_roll = math.cos(presentation.roll) - 1, math.sin(presentation.roll)
        x = self._depth * math.sin(presentation.yaw) + across * (math.cos(presentation.yaw) - 1)
        x += across * cos_roll - down * sin_roll
        y = self._depth * math.sin(presentation.pitch) + across * sin_roll + down * cos_roll
        field = np.dstack([x, y]) * self._hold[..., None]
        field[..., 1] -= np.float32(self._breath * presentation.breath) * (1 - (1 - BREATH_NOD) * self._hold)
        brow = min(max(presentation.brow, -1.0), 1.0)
        if brow:
            field += self._brows[0 if brow > 0 else 1] * np.float32(abs(brow))
        return np.asarray(field, np.float32)
