"""A short beard: single hairs that follow the skin, kept off the lips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.art.anatomy import Anatomy
from training.art.geometry import Points, smoothstep, unit, vertex_normals
from training.art.objects import curves_object, move_curves

_STEPS = 4  # points of a hair
#: Upper edge of the beard above the mouth, face scales, by distance from the middle plane: moustache, cheek, sideburn.
_EDGE_X = (0.0, 0.10, 0.20, 0.30, 0.42, 0.54, 0.62, 0.72)
_EDGE_Y = (0.225, 0.220, 0.190, 0.05, -0.02, 0.08, 0.30, 0.85)
#: Height of the jaw's edge above the chin's, likewise.
_JAW_X, _JAW_Y = (0.0, 0.22, 0.42, 0.60, 0.72), (0.0, 0.02, 0.14, 0.34, 0.55)
_LIP_CLEAR = 0.055  # face scales around the lips without hair


@dataclass(frozen=True)
class BeardLook:
    """Lengths in face scales, radius in dm."""

    hairs: int = 16_000
    length: float = 0.045
    thickness: float = 0.0012
    curl: float = 0.25  # how far a hair strays from its direction


def beard_density(anatomy: Anatomy) -> np.ndarray:
    """0..1 at the skin's vertices: how dense a beard grows."""
    from scipy.spatial import cKDTree

    x, y, z = anatomy.face_coordinates()
    above_mouth = y - (anatomy.mouth[1] - anatomy.eye_y) / anatomy.scale
    grown = smoothstep(above_mouth - np.interp(x, _EDGE_X, _EDGE_Y), 0.035, -0.045)
    chin = _chin_height(anatomy)
    throat = smoothstep(y - chin - np.interp(x, _JAW_X, _JAW_Y), -0.10, -0.01)
    front = smoothstep(z, anatomy.eye_z - 0.85 * anatomy.scale, anatomy.eye_z - 0.65 * anatomy.scale)
    lips = anatomy.skin_points[anatomy.lips > 0.25]
    off_lips = cKDTree(lips).query(anatomy.skin_points)[0] / anatomy.scale
    clear = smoothstep(off_lips, 0.3 * _LIP_CLEAR, _LIP_CLEAR)
    return np.asarray(grown * throat * front * clear * (anatomy.ears < 0.2))


def _chin_height(anatomy: Anatomy) -> float:
    x, y, z = anatomy.face_coordinates()
    return float(y[(x < 0.05) & (z > anatomy.mouth[2] - 0.2 * anatomy.scale)].min())


class Beard:
    """Moustache, beard and sideburns."""

    def __init__(self, anatomy: Anatomy, look: BeardLook, material: Any) -> None:
        self._anatomy, self._look = anatomy, look
        rng = np.random.default_rng(11)
        density = beard_density(anatomy)
        self._places = anatomy.sample(density, look.hairs, rng)
        self._thick = anatomy.at(self._places, density)
        self._random = rng.normal(0.0, 1.0, (look.hairs, 3))
        self._length = look.length * anatomy.scale * rng.uniform(0.6, 1.15, look.hairs)
        taper = np.linspace(1.0, 0.4, _STEPS) * look.thickness
        self.object = curves_object("beard", self._hairs(anatomy.skin_points), taper, material)

    def _hairs(self, skin: Points) -> Points:
        root = self._anatomy.at(self._places, skin)
        normal = unit(self._anatomy.at(self._places, vertex_normals(skin, self._anatomy.triangles)))
        mouth = self._anatomy.mouth
        side = np.clip(root[:, 0] / (0.25 * self._anatomy.scale), -1.0, 1.0)
        over_mouth = smoothstep(root[:, 1] - mouth[1], 0.0, 0.1 * self._anatomy.scale)
        # the moustache is combed to the sides, off the lip; the rest grows down
        down = np.c_[0.9 * side * over_mouth + 0.2 * side, -1.0 + 0.35 * over_mouth, 0.1 + 0.0 * side]
        along = unit(down - (down * normal).sum(1, keepdims=True) * normal)
        start = unit(0.75 * along + 0.65 * normal + 0.5 * self._look.curl * self._random)
        end = unit(along + 0.15 * normal + self._look.curl * self._random[:, ::-1])
        length = self._length * (0.55 + 0.45 * self._thick)
        t = np.linspace(0.0, 1.0, _STEPS)
        bend = t[None, :, None]
        step = unit(start[:, None] * (1 - bend) + end[:, None] * bend) * (length / (_STEPS - 1))[:, None, None]
        step[:, 0] = 0.0
        return np.asarray(root[:, None] + np.cumsum(step, axis=1))

    def pose(self, skin: Points) -> None:
        """Follow the skin, shape as the anatomy's skin points."""
        move_curves(self.object, self._hairs(skin))
