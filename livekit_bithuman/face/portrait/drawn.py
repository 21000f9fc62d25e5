"""Eyes in flat drawings, which are not where a person's would be: found by their colour, which is not the skin's.

Their lids are drawn as well: flat skin, and a line along its edge. What is drawn around the eye stays as it is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import Points

SAME = 3  # steps of 255 within which a colour is the skin's own
FLAT = 0.25  # of the pixels around the eyes that have it: then the picture is a flat drawing
UNLIKE = 28  # steps of 255 from which on a colour is no skin
AROUND = (1.2, 1.0)  # of the mesh's eye width beside its middle, above and below, where the eye may reach
LINE = 0.07  # of the eye's width: lines that thin are drawn on the skin, and lids are drawn with them
AROUND_LINE = 0.10  # of the eye's width around it that an open eye's outline takes
LEAST_OF_SEED = 0.3  # of the mesh's opening that an eye must have
DARK = 90  # of 255


def is_flat(picture: NDArray[np.uint8], skin: NDArray[np.float64]) -> bool:
    """Whether much of a picture has one colour."""
    return bool((np.abs(picture - skin).max(axis=2) <= SAME).mean() > FLAT)


def drawn_contour(
    picture: NDArray[np.uint8], skin: NDArray[np.float64], upper: Points, lower: Points
) -> tuple[Points, Points] | None:
    """The lids' edges of a drawn eye, column by column.

    Args:
        picture: BGR, around both eyes.
        skin: The colour of the skin, (3,).
        upper: The upper lid's edge where the mesh has it, from left to right.
        lower: The lower lid's.

    Returns:
        The same, as the picture has them; None if no eye stands out there.
    """
    middle, width = (upper.mean(axis=0) + lower.mean(axis=0)) / 2, float(upper[-1, 0] - upper[0, 0])
    x0, y0 = np.maximum(middle - np.array(AROUND) * width, 0).astype(int)
    x1, y1 = (middle + np.array(AROUND) * width).astype(int)
    part = picture[y0:y1, x0:x1]
    unlike = (np.abs(part - skin).max(axis=2) > UNLIKE).astype(np.uint8)
    seed = np.zeros(unlike.shape, np.uint8)
    cv2.fillPoly(seed, [np.rint(np.concatenate([upper, lower[::-1]]) - (x0, y0)).astype(np.int32)], 1)
    line = max(2, round(LINE * width))
    eye = _piece(unlike, seed > 0, line + 1)
    if eye is None:
        return None
    columns = np.flatnonzero(eye.any(axis=0))
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)
    tops = _within_line(eye[:, columns], grey[:, columns], line)
    bottoms = eye.shape[0] - _within_line(eye[::-1, columns], grey[::-1, columns], line)
    bottoms = np.maximum(bottoms, tops)
    ends = [(column, (tops[k] + bottoms[k]) / 2) for k, column in ((0, columns[0]), (-1, columns[-1] + 1))]
    upper, lower = (
        np.concatenate([ends[:1], np.column_stack([columns + 0.5, rows]), ends[1:]]) for rows in (tops, bottoms)
    )
    corner = np.array([x0, y0])
    return upper + corner, lower + corner


def _piece(unlike: NDArray[np.uint8], seed: NDArray[np.bool_], thick: int) -> NDArray[np.uint8] | None:
    """What stands out from the skin in one piece, where the seed is; what ties it to others is less than so thick.

    None if it is little of the seed, or does not end within the picture.
    """
    _, labels = cv2.connectedComponents(cv2.morphologyEx(unlike, cv2.MORPH_OPEN, _disc(thick)))
    sizes = np.bincount(labels[seed], minlength=1)
    sizes[0] = 0
    if sizes.max() < LEAST_OF_SEED * np.count_nonzero(seed):
        return None
    core = (labels == sizes.argmax()).astype(np.uint8)
    piece = np.asarray(cv2.dilate(core, _disc(2 * thick - 1)), np.uint8) & unlike  # its thin corners again
    ends = piece[0].any() or piece[-1].any() or piece[:, 0].any() or piece[:, -1].any()
    return None if ends else piece


def drawn_lids(
    picture: NDArray[np.uint8], skin: NDArray[np.float64], covered: NDArray[np.bool_], edges: list[Points]
) -> NDArray[np.float32]:
    """A drawing whose eyes are closed as far as some edges.

    Args:
        picture: BGR, around both eyes.
        skin: The colour of the skin, (3,).
        covered: Where the open eyes are.
        edges: The upper lid's edge of each eye, in pixels.
    """
    widths = [float(edge[-1, 0] - edge[0, 0]) for edge in edges]
    outlined = cv2.dilate(covered.astype(np.uint8), _disc(2 * round(AROUND_LINE * max(widths)) + 1))
    closed = picture.copy()
    closed[outlined > 0] = np.rint(skin)
    for edge, width in zip(edges, widths, strict=True):
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        x0, x1 = edge[[0, -1], 0].astype(int)
        y0, y1 = max(0, int(edge[:, 1].min() - LINE * width)), int(edge[:, 1].max())
        near, shades = picture[y0:y1, x0:x1].reshape(-1, 3), grey[y0:y1, x0:x1].ravel()
        ink = near[shades <= np.percentile(shades, 10)].mean(axis=0) if shades.size else np.zeros(3)
        points = np.rint((edge - 0.5) * 8).astype(np.int32)
        cv2.polylines(closed, [points], False, ink.tolist(), max(1, round(0.5 * LINE * width)), cv2.LINE_AA, 3)
    return np.asarray(closed, np.float32)


def _within_line(eye: NDArray[np.uint8], grey: NDArray[np.uint8], line: int) -> NDArray[np.int64]:
    """By column the first row that is eye, beneath a dark line at most so thick."""
    first = eye.argmax(axis=0)
    columns = np.arange(eye.shape[1])
    for _ in range(line):
        at = np.minimum(first, len(eye) - 1)
        first = first + ((grey[at, columns] < DARK) & (eye[at, columns] > 0))
    return np.asarray(first, np.int64)


def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
