"""The posed canvas, warped as the head moves, over what is behind it.

Most of a picture does not change from one to the next: nobody is there, or what is there never moves. That is drawn
once, and every picture begins as a copy of it. Only what the motion of this picture can reach is warped and laid over
the background, in bands of rows, each as wide as it needs to be; and only pixels beside the outline are blended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose import Picture
from .bundle import HEAD_STEP, Box, Bundle
from .flow import Field, planes, sampled, spread, x_and_y
from .framing import OUTPUT_STEP, Framing
from .head import Window
from .mouth import Pixels

BAND = 16  # rows of nodes that are drawn at a time

Cells = NDArray[np.uint8]  # (rows, columns): for each cell between the nodes of the head's grid, 1 or 0


class Band(NamedTuple):
    """Some rows of a picture, and what is drawn anew of them."""

    rows: slice
    columns: slice
    nodes: tuple[slice, slice]  # of the output's grid, which cover that


class Warp:
    """Draws an avatar's canvas into pictures of one size. It keeps nothing between them, so threads may share it.

    Attributes:
        seen: The part of the canvas that is drawn from.
        window: The part of the head's grid whose motion is asked for.
    """

    def __init__(self, bundle: Bundle, framing: Framing, behind: Picture) -> None:
        manifest = bundle.manifest
        self.seen = _containing(framing.seen(manifest.canvas), manifest.mouth, manifest.eyes)
        self.window = _nodes_of(self.seen)
        self._size = framing.width, framing.height
        nodes = framing.nodes()
        on_grid = nodes * np.float32(1 / HEAD_STEP)
        self._on_grid = on_grid - np.array([self.window[1].start, self.window[0].start], np.float32)
        self._on_canvas = nodes - np.array(self.seen[:2], np.float32) - np.float32(0.5)  # as pixel indices
        # Halfway between two nodes there is what lies so many pixels beside what is seen at a node, motion's slope
        # included; and a cell is found from half its size away.
        beside = 0.75 * OUTPUT_STEP / framing.scale + 1
        more = max(0, math.ceil((beside - HEAD_STEP / 2) / HEAD_STEP))
        self._on_cells = on_grid + np.float32(more - 0.5)
        posed = _cells_in_boxes(bundle)
        self._there = _grown(_cells_with_skin(bundle) | posed, more)
        self._there_at_rest = sampled(self._there, self._on_cells, cv2.BORDER_CONSTANT) > 0
        self._posed = sampled(_grown(posed, more), self._on_cells, cv2.BORDER_CONSTANT) > 0
        self._behind = self._still = behind
        x0, y0, x1, y1 = self.seen
        self._still = self._drawn(bundle.base[y0:y1, x0:x1], self._on_canvas, np.ones(nodes.shape[:2], bool))

    def draw(self, canvas: Pixels, inverse: Field) -> Picture:
        """Draw one picture.

        Args:
            canvas: What is in `seen`, posed.
            inverse: How far back the nodes in `window` came from, in canvas pixels.

        Returns:
            BGR uint8, newly allocated.
        """
        back = x_and_y(sampled(inverse, self._on_grid))
        return self._drawn(canvas, self._on_canvas - back, self._changed(back))

    def _changed(self, back: Field) -> NDArray[np.bool_]:
        """The nodes of the output's grid around which a picture differs from that of a still face: something comes
        there or was there, and it moves; or it is in the mouth's or the eyes' box.
        """
        comes = sampled(self._there, self._on_cells - back * np.float32(1 / HEAD_STEP), cv2.BORDER_CONSTANT) > 0
        moves = back.view(np.complex64)[..., 0] != 0
        return np.asarray((comes | self._there_at_rest) & moves | self._posed)

    def _drawn(self, canvas: Pixels, origins: Field, changed: NDArray[np.bool_]) -> Picture:
        """A picture, given where the nodes of the output's grid come from, and around which of them it is drawn."""
        picture = np.empty_like(self._still)
        across, down = planes(origins)
        for rows, columns, nodes in self._bands(changed):
            picture[rows, : columns.start] = self._still[rows, : columns.start]
            picture[rows, columns.stop :] = self._still[rows, columns.stop :]
            height, width = rows.stop - rows.start, columns.stop - columns.start
            if width:
                x, y = (spread(plane[nodes], width, height, OUTPUT_STEP) for plane in (across, down))
                moved = sampled(canvas, (x, y), cv2.BORDER_CONSTANT)
                lay_over(moved, self._behind[rows, columns], picture[rows, columns])
        return picture

    def _bands(self, changed: NDArray[np.bool_]) -> Iterator[Band]:
        """Bands that cover the cells around some nodes of the output's grid."""
        width, height = self._size
        last = len(changed) - 1
        for top in range(0, last, BAND):
            bottom = min(top + BAND, last)
            columns = changed[top : bottom + 1].any(axis=0).tobytes()
            left, right = max(columns.find(1) - 1, 0), min(columns.rfind(1) + 1, len(columns) - 1)
            rows = slice(top * OUTPUT_STEP, min(bottom * OUTPUT_STEP, height))
            across = slice(left * OUTPUT_STEP, min(right * OUTPUT_STEP, width))
            yield Band(rows, across, (slice(top, bottom + 1), slice(left, right + 1)))


def lay_over(front: Pixels, behind: Picture, picture: Picture) -> None:
    """Write a premultiplied BGRA picture over a BGR one."""
    cv2.cvtColor(front, cv2.COLOR_BGRA2BGR, dst=picture)
    for part in _thin(front):
        through = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(front[:, part], 3)), cv2.COLOR_GRAY2BGR)
        seen = picture[:, part]
        cv2.add(seen, cv2.multiply(behind[:, part], through, scale=1 / 255), dst=seen)


def _thin(front: Pixels) -> list[slice]:
    """The columns to the left and to the right of those around the middle that nothing behind is seen through."""
    width = front.shape[1]
    through = (front.min(axis=0)[:, 3] < 255).tobytes()
    left, right = through.rfind(1, 0, width // 2) + 1, through.find(1, width // 2)
    sides = slice(0, left), slice(right if right >= 0 else width, width)
    return [side for side in sides if side.start < side.stop]


def _cells_with_skin(bundle: Bundle) -> Cells:
    rows, columns = bundle.depth.shape
    height, width = bundle.base.shape[:2]
    alpha = np.zeros(((rows - 1) * HEAD_STEP, (columns - 1) * HEAD_STEP), bool)
    alpha[:height, :width] = bundle.base[..., 3] > 0
    tiles = alpha.reshape(rows - 1, HEAD_STEP, columns - 1, HEAD_STEP)
    return np.asarray(tiles.any(axis=(1, 3)), np.uint8)


def _cells_in_boxes(bundle: Bundle) -> Cells:
    rows, columns = bundle.depth.shape
    posed = np.zeros((rows - 1, columns - 1), np.uint8)
    for box in (bundle.manifest.mouth, bundle.manifest.eyes):
        down, across = _nodes_of(box)
        posed[down.start : down.stop - 1, across.start : across.stop - 1] = 1
    return posed


def _grown(cells: Cells, by: int) -> Cells:
    """With so many more cells on all sides, and true as far from those that are."""
    side = 2 * by + 1
    return np.asarray(cv2.dilate(np.pad(cells, by), np.ones((side, side), np.uint8)) * np.uint8(255), np.uint8)


def _containing(box: Box, *others: Box) -> Box:
    x0, y0, x1, y1 = zip(box, *others, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _nodes_of(box: Box) -> Window:
    """The window of the head's grid that covers a box of the canvas."""
    x0, y0, x1, y1 = box
    return slice(y0 // HEAD_STEP, -(-y1 // HEAD_STEP) + 1), slice(x0 // HEAD_STEP, -(-x1 // HEAD_STEP) + 1)
