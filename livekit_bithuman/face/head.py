"""The head's motion: the drawn picture warped by the depth of what is in it, shoulders still, brows included."""

from __future__ import annotations

import math

import cv2
import numpy as np

from ..pose import Presentation
from .bundle import HEAD_STEP, Bundle
from .features import Features
from .flow import Field, four_planes, grid_nodes, inverse_field

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
        self._nodes = grid_nodes(rows, columns)
        nodes = self._nodes * np.float32(HEAD_STEP)
        hold = bundle.hold.astype(np.float32)
        pivot = np.array(bundle.manifest.pivot, np.float32)
        held = np.dstack([bundle.depth, nodes - pivot]) * hold[..., None]
        breath = bundle.manifest.size[1] * BREATH_RISE * bundle.manifest.breath * (1 - (1 - BREATH_NOD) * hold)
        self._moved_by = np.dstack([held, breath]).astype(np.float32)  # depth, across, down, and a breath's rise
        self._brows = [four_planes(brows) for brows in bundle.brows]
        self._features = Features(bundle, nodes)

    def inverse(self, presentation: Presentation, window: Window) -> Field:
        """For each node in a window of the head's grid, how far back what is seen there came from, in canvas pixels:
        x, y, and two planes of nothing.
        """
        field = self._displacement(presentation, window)
        rows, columns = field.shape[:2]
        return inverse_field(field, self._nodes[:rows, :columns], HEAD_STEP, INVERSE_ROUNDS)

    def _displacement(self, presentation: Presentation, window: Window) -> Field:
        yaw, pitch, roll = presentation.yaw, presentation.pitch, presentation.roll
        motion = np.zeros((4, 4), np.float32)  # to x and y, from the planes of `_moved_by`
        motion[0, :3] = math.sin(yaw), math.cos(yaw) + math.cos(roll) - 2, -math.sin(roll)
        motion[1] = math.sin(pitch), math.sin(roll), math.cos(roll) - 1, -presentation.breath
        field = np.asarray(cv2.transform(self._moved_by[window], motion), np.float32)
        brow = min(max(presentation.brow, -1.0), 1.0)
        if brow:
            cv2.scaleAdd(self._brows[0 if brow > 0 else 1][window], abs(brow), field, dst=field)
        self._features.move(field, presentation.expression, window)
        return field
