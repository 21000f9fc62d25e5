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

Field = NDArray[np.float32]  # (rows, columns, 2): x and y in pixels


def sampled(image: NDArray[Any], source: Field, border: int = cv2.BORDER_REPLICATE) -> NDArray[Any]:
    """An image of any type, read at `source` (pixel indices, x and y), linearly interpolated."""
    found: NDArray[Any] = cv2.remap(image, source, None, cv2.INTER_LINEAR, borderMode=border)  # type: ignore[call-overload]
    return found


def grid_nodes(rows: int, columns: int) -> Field:
    """Each node's own (column, row), float32 (rows, columns, 2)."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    return np.dstack([x, y])


def inverse_field(field: Field, nodes: Field, step: int, rounds: int) -> Field:
    """The displacement that leads back: a point that lies at x came from x - inverse(x).

    Args:
        field: Where the grid's points go, in pixels.
        nodes: `grid_nodes` of the field's shape.
        step: Pixels between nodes.
        rounds: Fixed-point steps; each multiplies the error by the field's steepest slope.
    """
    per_step = np.float32(1.0 / step)
    found = field
    for _ in range(rounds):
        found = sampled(field, nodes - found * per_step)
    return found


def spread(field: Field, width: int, height: int, step: int) -> Field:
    """A field on a grid, interpolated to the pixels of a box.

    Nodes lie at 0, step, 2 step .. from the box' corner, pixel centres at 0.5, 1.5 ... A linear resize by `step` puts
    node k at pixel k * step + (step - 1) / 2. It belongs at k * step - 1/2, so the box starts at pixel step / 2: hence
    even steps.

    Args:
        field: (rows, columns, 2); the grid covers the box, see `bundle.grid_shape`.
        width: Pixels of the box across.
        height: Pixels of the box down.
        step: Pixels between nodes, even.

    Returns:
        (height, width, 2), a view.
    """
    rows, columns = field.shape[:2]
    wide = cv2.resize(field, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    start = step // 2
    return np.asarray(wide[start : start + height, start : start + width], np.float32)
