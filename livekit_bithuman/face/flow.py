"""Displacement fields on coarse grids: inverted there, and spread to pixels once.

A field says where the points of a picture go. To draw the result each pixel must know where it *comes from*:
the inverse field. On a smooth field a fixed point finds it in a few steps (v = d(x - v)), and on a grid with a node
at every few pixels those steps cost next to nothing.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # (rows, columns)
#: (rows, columns, 2): x and y in pixels. Or (rows, columns, 4), with two more planes that go along: OpenCV samples four
#: at once in half the time that it needs for two.
Field = NDArray[np.float32]
Source = Field | tuple[Plane, Plane]  # where pixels come from, as pixel indices: x and y, in one array or in two
ALL = slice(None)


def sampled(image: NDArray[Any], source: Source, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """An image of any type, read at `source`, linearly interpolated."""
    x, y = source if isinstance(source, tuple) else (source, None)
    found: NDArray[Any] = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[arg-type]
    return found


def four_planes(field: NDArray[Any]) -> Field:
    """A field whose last two planes, or the last, are 0."""
    wide = np.zeros((*field.shape[:-1], 4), np.float32)
    wide[..., : field.shape[-1]] = field
    return wide


def x_and_y(field: Field) -> Field:
    """The first two planes of four. Copied in pairs: that is much faster."""
    pairs = np.ascontiguousarray(field.view(np.float64)[..., 0])
    return np.asarray(pairs.view(np.float32).reshape(*field.shape[:2], 2))


def planes(field: Field) -> tuple[Plane, Plane]:
    """The first two planes, one by one."""
    x, y = (np.asarray(cv2.extractChannel(field, axis), np.float32) for axis in (0, 1))
    return x, y


def grid_nodes(rows: int, columns: int) -> Field:
    """Each node's own (column, row), float32 (rows, columns, 2)."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return np.dstack([x, y])


def inverse_field(field: Field, nodes: Field, step: int, rounds: int, rows: slice = ALL) -> Field:
    """The displacement that leads back: a point that lies at x came from x - inverse(x).

    Args:
        field: Where the grid's points go, in pixels. Of four planes the last two are taken back along.
        nodes: `grid_nodes` of the field's shape.
        step: Pixels between nodes.
        rounds: Fixed-point steps; each multiplies the error by the field's steepest slope.
        rows: Of the grid, in which the inverse is wanted.
    """
    found, wanted = field[rows], nodes[rows]
    for _ in range(rounds):
        shift = found if found.shape[2] == 2 else x_and_y(found)
        source = np.asarray(cv2.scaleAdd(shift, -1.0 / step, wanted), np.float32)
        found = sampled(field, source)
    return found


def spread(plane: Plane, width: int, height: int, step: int) -> Plane:
    """Numbers on a grid, interpolated to the pixels of a box.

    Nodes lie at 0, step, 2 step .. from the box' corner, pixel centres at 0.5, 1.5 ... A linear resize by `step` puts
    node k at pixel k * step + (step - 1) / 2. It belongs at k * step - 1/2, so the box starts at pixel step / 2: hence
    even steps.

    Args:
        plane: The grid covers the box, see `bundle.grid_shape`.
        width: Pixels of the box across.
        height: Pixels of the box down.
        step: Pixels between nodes, even.

    Returns:
        (height, width), a view.
    """
    rows, columns = plane.shape
    wide = cv2.resize(plane, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    start = step // 2
    return np.asarray(wide[start : start + height, start : start + width], np.float32)
