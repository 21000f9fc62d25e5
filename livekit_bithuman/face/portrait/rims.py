"""Where the lips end: the line between closed ones, the two inner rims of open ones.

The mesh has few points there and is pixels off: what is missed of an open mouth stays in the skin as a dark corner or a
strip of teeth. The picture itself knows better.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .crop import Sitting
from .landmarks import Points
from .mesh_indices import LOWER_INNER, LOWER_MIDDLE, LOWER_OUTER, UPPER_INNER, UPPER_MIDDLE, UPPER_OUTER

COUNT = 81  # points of a dense contour
FINE = 2.0  # samples to a canvas pixel
AROUND = (0.62, 0.30, 0.45)  # of the mouth's width: beside its middle, above, below
APART = 6.0  # CIELAB's a*: if lips are no more than that redder than teeth, their edge is not looked for
DARK = 0.45  # from the darkest inside to the lips' brightness, what is below counts as inside
CORNERS = 0.09  # of the mouth's width beside the mesh's corners, where the dark of a corner may be
OVERLAPPING = 0.45  # of what the mesh and the picture call open, both must, or the mesh is believed
SMOOTHING = 0.035  # of the mouth's width along its rims


def dense(line: Points, count: int = COUNT) -> Points:
    """A contour of few points, rounded: cubic between them."""
    at = np.linspace(0, len(line) - 1, count)
    k = np.clip(at.astype(int), 0, len(line) - 2)
    t = (at - k)[:, None]
    padded = np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
    a, b, c, d = padded[k], padded[k + 1], padded[k + 2], padded[k + 3]
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def dark_line(line: Points, sitting: Sitting, width: float) -> Points:
    """The line between closed lips, moved to where the picture is darkest nearby."""
    grey = cv2.cvtColor(sitting.canvas, cv2.COLOR_BGR2GRAY).astype(np.float32)
    grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.9), np.float32)
    reach = max(2.0, 0.055 * width)
    steps = np.arange(-reach, reach + 0.25, 0.5)
    fine = dense(line)
    places = fine[:, None] + steps[None, :, None] * sitting.down
    shade = cv2.remap(grey, (places - 0.5).astype(np.float32), None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    cost = shade + 14 * (steps / reach)[None] ** 2
    # The cheapest path from corner to corner, half a pixel up or down at a time.
    total = np.array(cost, np.float64)
    came = np.zeros(total.shape, np.int64)
    for k in range(1, len(total)):
        before = np.pad(total[k - 1], 1, constant_values=np.inf)
        options = np.stack([before[:-2] + 1.0, before[1:-1], before[2:] + 1.0])
        came[k] = options.argmin(axis=0) - 1
        total[k] += options.min(axis=0)
    path = [int(total[-1].argmin())]
    for k in range(len(total) - 1, 0, -1):
        path.append(int(np.clip(path[-1] + came[k, path[-1]], 0, len(steps) - 1)))
    shift = steps[np.array(path[::-1])]
    smooth = np.convolve(np.pad(shift, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    moved = fine + smooth[:, None] * sitting.down
    return np.asarray(moved[np.linspace(0, len(moved) - 1, len(line)).round().astype(int)])


@dataclass(frozen=True)
class _Patch:
    """The mouth's surroundings, sampled along the eyes' line and across it."""

    origin: Points  # canvas
    axes: Points  # (2, 2): rows are canvas steps of one sample to the right, down
    lab: NDArray[np.float32]  # (rows, columns, 3)

    def local(self, points: Points) -> Points:
        """Samples of canvas points."""
        return np.asarray((points - self.origin) @ np.linalg.inv(self.axes))

    def polygon(self, outline: Points) -> NDArray[np.bool_]:
        """What an outline on the canvas holds."""
        filled = np.zeros(self.lab.shape[:2], np.uint8)
        cv2.fillPoly(filled, [np.rint(self.local(outline)).astype(np.int32)], 1)
        return filled > 0


def open_rims(sitting: Sitting) -> tuple[Points, Points]:
    """The inner rims of open lips, from left to right, (81, 2) each, in pairs one below the other.

    What is teeth or darkness rather than lip, by its colour, in one piece; where that contradicts the mesh, the mesh's.
    """
    points = sitting.points[:, :2]
    upper, lower = points[list(UPPER_INNER)], points[list(LOWER_INNER)]
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    patch = _patch(sitting, (upper[0] + upper[-1]) / 2, width)
    meshed = patch.polygon(np.concatenate([upper, lower[::-1]]))
    halfway = [
        (points[list(middle)] + points[list(outer)]) / 2
        for middle, outer in ((UPPER_MIDDLE, UPPER_OUTER), (LOWER_MIDDLE, LOWER_OUTER))
    ]
    within = patch.polygon(np.concatenate([halfway[0], halfway[1][::-1]])) | meshed
    beside = np.zeros(meshed.shape, np.uint8)
    for corner in (upper[0], upper[-1]):
        at = np.rint(patch.local(corner[None])[0]).astype(int)
        cv2.circle(beside, (int(at[0]), int(at[1])), round(CORNERS * width * FINE), 1, -1)
    found = _inner_mouth(patch, meshed, within, beside > 0)
    both, either = int((found & meshed).sum()), int((found | meshed).sum())
    if both < OVERLAPPING * max(either, 1):
        return dense(upper), dense(lower)
    return _rims(patch, found, SMOOTHING * width * FINE)


def _rims(patch: _Patch, found: NDArray[np.bool_], sigma: float) -> tuple[Points, Points]:
    """The upper and the lower edge of a piece of the patch, evened out, from its left end to its right."""
    known = np.flatnonzero(found.any(axis=0))
    tops = found[:, known].argmax(axis=0)
    bottoms = len(found) - found[::-1, known].argmax(axis=0)
    columns = np.arange(known[0], known[-1] + 1)
    at = np.linspace(known[0], known[-1], COUNT)
    rims = []
    for rows in (tops, bottoms):
        evened = _smooth(np.interp(columns, known, rows), sigma)
        evened[[0, -1]] = (tops + bottoms)[[0, -1]] / 2
        local = np.column_stack([at, np.interp(at, columns, evened) - 0.5])
        rims.append(patch.origin + local @ patch.axes)
    return rims[0], rims[1]


def _patch(sitting: Sitting, middle: Points, width: float) -> _Patch:
    beside, above, below = (share * width for share in AROUND)
    axes = np.stack([sitting.along, sitting.down]) / FINE
    origin = middle - beside * sitting.along - above * sitting.down
    columns, rows = int(2 * beside * FINE), int((above + below) * FINE)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    places = (origin + np.stack([x, y], axis=-1) @ axes - 0.5).astype(np.float32)
    lab = cv2.cvtColor(sitting.canvas.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return _Patch(origin, axes, np.asarray(cv2.remap(lab, places, None, cv2.INTER_LINEAR), np.float32))  # type: ignore[call-overload]


def _inner_mouth(
    patch: _Patch, meshed: NDArray[np.bool_], within: NDArray[np.bool_], beside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The piece of the patch that is no lip; empty if teeth and lips look alike.

    Args:
        patch: Where it is.
        meshed: What the mesh says.
        within: Where teeth and darkness may be.
        beside: Where only darkness may be, around the corners.
    """
    light, red = patch.lab[..., 0], patch.lab[..., 1]
    lips = within & ~meshed
    if not (meshed.any() and lips.any()):
        return np.zeros_like(meshed)
    inside = np.sort(light[meshed])
    bright = meshed & (light >= inside[len(inside) // 2])
    teeth_red = float(np.median(red[bright]))
    lips_red = float(np.percentile(red[lips], 75))
    if lips_red - teeth_red < APART:
        return np.zeros_like(meshed)
    lips_light = float(np.median(light[within & (red > (teeth_red + lips_red) / 2)]))
    dark = light < inside[len(inside) // 32] * (1 - DARK) + lips_light * DARK
    inner = ((red < (teeth_red + lips_red) / 2) & within) | (dark & (within | beside))
    small, large = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)) for size in (3, 7))
    cleaned = cv2.morphologyEx(inner.astype(np.uint8), cv2.MORPH_OPEN, small)
    cleaned = cv2.morphologyEx(cleaned, cv2.MORPH_CLOSE, large)
    _, labels = cv2.connectedComponents(cleaned)
    sizes = np.bincount(labels[meshed], minlength=1)
    sizes[0] = 0
    return np.asarray((labels == sizes.argmax()) & bool(sizes.any()))


def _smooth(rows: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    line = np.ascontiguousarray(rows[None], np.float64)
    return np.asarray(cv2.GaussianBlur(line, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0], np.float64)
