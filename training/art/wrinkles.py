"""Signs of age, painted over the front of the face: wrinkles and folds as relief and shade, and spots.

Strokes are written on a standard face, in face scales from the point between the eyes, and moved to a person's own
nose, mouth and chin. x is to the figure's left; a stroke that is not `central` is drawn on both sides, not quite alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from training.art.anatomy import Anatomy
from training.art.geometry import Points, smoothstep

#: What of the face is painted: left, right, lower, upper, face scales.
REACH = (-1.2, 1.2, -1.8, 1.0)
PIXELS = 500  # for one face scale: 0.2 mm
#: Heights of eyes, nose tip, mouth and chin on the standard face, and where its lips' corners are.
STANDARD_HEIGHTS = (0.0, -0.35, -0.66, -1.12)
STANDARD_CORNER = 0.25
RIM = 0.30  # height of the swollen rims beside a furrow, of its depth
_DEEPEST_MM = 0.8  # a furrow that deep is as dark as furrows get


@dataclass(frozen=True)
class Stroke:
    """A furrow along a smooth curve."""

    points: tuple[tuple[float, float], ...]
    depth: float  # mm
    width: float  # standard deviation of its profile, face scales
    central: bool = False


@dataclass(frozen=True)
class AgeLook:
    """How much of each; 1 is a face of about seventy."""

    forehead: float = 1.0
    eyes: float = 1.0
    folds: float = 1.0  # from the nose past the mouth
    lips: float = 1.0
    cheeks: float = 1.0
    neck: float = 1.0
    texture: float = 1.0  # fine crossing lines
    spots: int = 46
    seed: int = 4


def _strokes(look: AgeLook) -> Iterator[Stroke]:
    for height, half, depth in ((0.36, 0.30, 0.30), (0.45, 0.42, 0.50), (0.55, 0.46, 0.45), (0.66, 0.36, 0.30)):
        wave = ((-half, height - 0.04), (-half / 2, height + 0.015), (0.0, height - 0.02), (half / 2, height + 0.02))
        yield Stroke((*wave, (half, height - 0.03)), look.forehead * depth, 0.015, central=True)
    yield Stroke(((0.065, 0.07), (0.075, 0.16), (0.060, 0.27)), 0.45 * look.forehead, 0.013)
    yield Stroke(((0.115, 0.12), (0.125, 0.19), (0.12, 0.25)), 0.18 * look.forehead, 0.010)
    yield Stroke(((-0.09, -0.02), (0.0, -0.005), (0.09, -0.02)), 0.25 * look.forehead, 0.011, central=True)
    # crow's feet
    for start, middle, end, depth in (
        ((0.505, 0.045), (0.560, 0.085), (0.630, 0.135), 0.28),
        ((0.515, 0.015), (0.580, 0.030), (0.660, 0.055), 0.36),
        ((0.515, -0.020), (0.580, -0.035), (0.655, -0.050), 0.36),
        ((0.505, -0.055), (0.560, -0.095), (0.630, -0.140), 0.32),
        ((0.480, -0.090), (0.530, -0.150), (0.585, -0.215), 0.24),
    ):
        yield Stroke((start, middle, end), depth * look.eyes, 0.0085)
    # bags, and finer creases between them and the lid
    yield Stroke(
        ((0.12, -0.055), (0.20, -0.165), (0.31, -0.215), (0.42, -0.19), (0.48, -0.13)), 0.55 * look.eyes, 0.019
    )
    yield Stroke(((0.17, -0.10), (0.25, -0.145), (0.34, -0.15), (0.44, -0.115)), 0.26 * look.eyes, 0.009)
    yield Stroke(((0.21, -0.185), (0.30, -0.26), (0.42, -0.27), (0.50, -0.22)), 0.22 * look.eyes, 0.013)
    yield Stroke(((0.15, 0.10), (0.25, 0.150), (0.37, 0.150), (0.48, 0.09), (0.545, 0.03)), 0.40 * look.eyes, 0.012)
    # from the nose's wing past the mouth, and from the mouth's corner to the jaw
    fold = ((0.150, -0.30), (0.205, -0.39), (0.275, -0.49), (0.325, -0.60), (0.340, -0.70), (0.335, -0.76))
    yield Stroke(fold, 1.00 * look.folds, 0.024)
    yield Stroke(fold, 0.30 * look.folds, 0.009)
    yield Stroke(((0.265, -0.675), (0.290, -0.75), (0.300, -0.83), (0.295, -0.92)), 0.42 * look.folds, 0.021)
    yield Stroke(((0.36, -0.90), (0.42, -0.98), (0.50, -1.00)), 0.30 * look.folds, 0.022)
    yield Stroke(((-0.16, -0.835), (0.0, -0.80), (0.16, -0.835)), 0.35 * look.folds, 0.026, central=True)
    for number, x in enumerate(np.linspace(-0.195, 0.195, 11)):
        tilt = 0.12 * x
        top = -0.50 - 0.05 * abs(x) / 0.2 + 0.012 * (number % 3)
        yield Stroke(((x + tilt, top), (x, -0.535), (x, -0.585)), 0.17 * look.lips, 0.0065, central=True)
    for x in np.linspace(-0.16, 0.16, 8):
        yield Stroke(((x, -0.745), (x * 1.05, -0.77), (x * 1.12, -0.80)), 0.12 * look.lips, 0.0065, central=True)
    yield Stroke(((0.415, -0.40), (0.455, -0.52), (0.455, -0.66), (0.425, -0.80)), 0.26 * look.cheeks, 0.013)
    yield Stroke(((0.500, -0.42), (0.535, -0.55), (0.530, -0.70), (0.490, -0.84)), 0.22 * look.cheeks, 0.012)
    yield Stroke(((0.590, -0.35), (0.610, -0.48), (0.595, -0.62)), 0.16 * look.cheeks, 0.010)
    yield Stroke(((0.36, -0.34), (0.45, -0.36), (0.53, -0.33)), 0.12 * look.cheeks, 0.012)
    for height, depth in ((-1.27, 0.45), (-1.36, 0.30), (-1.46, 0.50), (-1.58, 0.35)):
        ring = ((-0.45, height + 0.09), (-0.2, height + 0.01), (0.0, height), (0.22, height + 0.015))
        yield Stroke((*ring, (0.46, height + 0.10)), depth * look.neck, 0.014, central=True)
    yield Stroke(((0.10, -1.20), (0.085, -1.35), (0.07, -1.55)), 0.16 * look.neck, 0.022)


class AgeMap:
    """The painting of one person.

    Attributes:
        height: Relief in millimetres, shape (rows, columns), the first row lowest.
        shade: 0..1, how dark furrows are.
        spots: 0..1.
    """

    def __init__(self, anatomy: Anatomy, look: AgeLook) -> None:
        self._look = look
        self._rng = np.random.default_rng(look.seed)
        self._set_landmarks(anatomy)
        left, right, lower, upper = REACH
        shape = (round((upper - lower) * PIXELS), round((right - left) * PIXELS))
        self.height = np.zeros(shape)
        for stroke in _strokes(look):
            for side in (1,) if stroke.central else (1, -1):
                self._draw(stroke, side)
        self.shade = smoothstep(-gaussian_filter(self.height, 1.0), 0.05, _DEEPEST_MM)
        self.height += self._fine_lines(shape)
        self.spots = self._scattered_spots(shape)

    def _set_landmarks(self, anatomy: Anatomy) -> None:
        k, eye_y = anatomy.scale, anatomy.eye_y
        lips = anatomy.skin_points[anatomy.lips > 0.5]
        x, y, z = anatomy.face_coordinates()
        front = (x < 0.05) & (z > anatomy.mouth[2] - 0.3 * k)
        chin = float(y[front].min())
        nose, mouth = ((float(p[1]) - eye_y) / k for p in (anatomy.nose_tip, anatomy.mouth))
        self._heights = (0.0, nose, mouth, max(chin, mouth - 0.6))
        self._corner = float(np.abs(lips[:, 0]).max()) / k

    def _own(self, points: Points) -> Points:
        """Points of the standard face on this one."""
        x, y = points.T
        standard, own = STANDARD_HEIGHTS[::-1], self._heights[::-1]
        beyond = np.where(y > 0, y, np.where(y < standard[0], y - standard[0] + own[0], 0.0))
        height = np.where((y > 0) | (y < standard[0]), beyond, np.interp(y, standard, own))
        wider = 1 + (self._corner / STANDARD_CORNER - 1) * smoothstep(y, -0.30, -0.60) * smoothstep(y, -1.2, -0.9)
        return np.c_[x * wider, height]

    def _draw(self, stroke: Stroke, side: int) -> None:
        if stroke.depth <= 0.0:
            return
        rng, width = self._rng, stroke.width * self._rng.uniform(0.85, 1.2)
        knots = self._own(np.array(stroke.points) * [side, 1.0])
        knots = knots + rng.normal(0.0, 0.006, knots.shape)
        t = np.linspace(0.0, 1.0, 240)
        curve = CubicSpline(np.linspace(0.0, 1.0, len(knots)), knots)(t)
        curve += 0.15 * width * np.sin(2 * np.pi * (t * rng.uniform(2, 5) + rng.random()))[:, None]
        ends = smoothstep(t, 0.0, 0.3) * smoothstep(t, 1.0, 0.65)
        deep = stroke.depth * ends * (1 + 0.18 * np.sin(2 * np.pi * (t * rng.uniform(1.5, 3) + rng.random())))
        margin = 6 * width
        (x0, y0), (x1, y1) = curve.min(0) - margin, curve.max(0) + margin
        left, _, lower, _ = REACH
        rows = slice(max(0, int((y0 - lower) * PIXELS)), max(0, int((y1 - lower) * PIXELS)))
        columns = slice(max(0, int((x0 - left) * PIXELS)), max(0, int((x1 - left) * PIXELS)))
        part = self.height[rows, columns]
        row, column = np.mgrid[0 : part.shape[0], 0 : part.shape[1]]
        at = np.stack([(column + columns.start + 0.5) / PIXELS + left, (row + rows.start + 0.5) / PIXELS + lower], -1)
        distance, nearest = cKDTree(curve).query(at.reshape(-1, 2))
        off = (distance / width) ** 2
        profile = -np.exp(-off / 2) + RIM * np.exp(-off / 14) * (1 - np.exp(-off / 2))
        part += (profile * deep[nearest]).reshape(part.shape)

    def _fine_lines(self, shape: tuple[int, int]) -> np.ndarray:
        """Crossing lines of dry skin, in millimetres; fewer on the forehead's middle and the nose."""
        rng = self._rng
        steep, flat = (gaussian_filter(rng.normal(0.0, 1.0, shape), sigma) for sigma in ((9.0, 2.2), (2.2, 9.0)))
        lines = -np.abs(steep / steep.std()) - np.abs(flat / flat.std())
        return np.asarray(0.035 * self._look.texture * (lines - lines.mean()))

    def _scattered_spots(self, shape: tuple[int, int]) -> np.ndarray:
        """Brown spots of age on forehead, temples and cheeks."""
        rng, spots = self._rng, np.zeros(shape)
        left, _, lower, _ = REACH
        y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / PIXELS
        for _ in range(self._look.spots):
            u, v = rng.uniform(-0.75, 0.75), rng.uniform(-0.75, 0.75)
            if abs(u) < 0.3 and v < 0.3:
                u += 0.42 * np.sign(u)  # not on nose, mouth and lids
            size = rng.uniform(0.010, 0.024)
            dx, dy = x + left - u, y + lower - v
            angle = rng.uniform(0, np.pi)
            along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
            edge = np.hypot(along, across * rng.uniform(1.1, 1.8)) / size
            spots = np.maximum(spots, rng.uniform(0.25, 0.8) * smoothstep(edge, 1.2, 0.6))
        return spots
