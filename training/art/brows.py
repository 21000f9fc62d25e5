"""Brows and lashes as single hairs that follow the skin and the lids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.art.anatomy import SIDES, Anatomy
from training.art.geometry import Points, unit, vertex_normals
from training.art.objects import curves_object, move_curves

#: Share of the lid's turn that lashes take part in; all of it would point them into the lower lid.
LASH_TURN = 0.55


@dataclass(frozen=True)
class BrowLook:
    """Shape of the brows, in face scales; lists run from the inner to the outer end."""

    start: float = 0.13  # distance of the inner end from the middle plane
    length: float = 0.45
    height: tuple[float, float, float, float] = (0.205, 0.235, 0.262, 0.20)  # of the middle line above the eyes
    half_width: tuple[float, float, float, float] = (0.022, 0.034, 0.026, 0.006)
    hairs: int = 620  # both sides together
    hair_length: float = 0.085
    thickness: float = 0.0011  # radius, dm


@dataclass(frozen=True)
class LashLook:
    """Lashes: counts for one eye, lengths in face scales, radius in dm."""

    upper: int = 120
    lower: int = 46
    upper_length: float = 0.074
    lower_length: float = 0.03
    thickness: float = 0.0011


class Brows:
    """Both brows."""

    def __init__(self, anatomy: Anatomy, look: BrowLook, material: Any) -> None:
        self._anatomy, self._look = anatomy, look
        rng = np.random.default_rng(5)
        x, y, z = anatomy.face_coordinates()
        region = (np.abs(y - 0.27) < 0.3) & (x < 0.75) & (z > 0.6)
        places = anatomy.sample(region * 1.0, 60_000, rng)
        along, off = self._brow_coordinates(anatomy.at(places, anatomy.skin_points))
        density = np.where((along > 0) & (along < 1) & (np.abs(off) < 1), 1.0 - 0.75 * off**2, 0.0)
        density *= np.interp(along, [0, 0.2, 0.8, 1], [0.25, 1.0, 0.8, 0.5])
        chosen = rng.choice(len(along), look.hairs, replace=False, p=density / density.sum())
        self._places = (places[0][chosen], places[1][chosen])
        self._along, self._off = along[chosen], off[chosen]
        self._random = rng.random((look.hairs, 3))
        taper = np.linspace(1.0, 0.25, 6) * look.thickness
        self.object = curves_object("brows", self._hairs(anatomy.skin_points), taper, material)

    def _brow_coordinates(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Position along a brow (0 inner, 1 outer end) and off its middle line (-1..1 within it)."""
        look, k = self._look, self._anatomy.scale
        along = (np.abs(points[:, 0]) / k - look.start) / look.length
        middle = np.interp(along, [0, 0.35, 0.68, 1], look.height)
        half = np.interp(along, [0, 0.2, 0.6, 1], look.half_width)
        return along, ((points[:, 1] - self._anatomy.eye_y) / k - middle) / half

    def _hairs(self, skin: Points) -> Points:
        look, k, u = self._look, self._anatomy.scale, self._along
        root = self._anatomy.at(self._places, skin)
        normal = unit(self._anatomy.at(self._places, vertex_normals(skin, self._anatomy.triangles)))
        side = np.sign(root[:, 0])
        # hairs stand up at the inner end, lie along the brow in its middle, and meet at the ridge from both sides
        rise = np.interp(u, [0, 0.12, 0.4, 0.7, 1], [1.1, 0.75, 0.34, 0.02, -0.25]) - 0.30 * self._off
        direction = np.c_[side, rise, np.zeros_like(u)] + (self._random - 0.5) * [0.35, 0.35, 0.1]
        direction = unit(direction - (direction * normal).sum(1, keepdims=True) * normal)
        length = look.hair_length * k * (0.65 + 0.5 * self._random[:, 0]) * np.interp(u, [0, 0.2, 1], [0.7, 1, 0.75])
        t = np.linspace(0.0, 1.0, 6)
        lift = 0.010 * k * np.sin(t * 2.4) + 0.0015
        sag = np.c_[0 * side, -0.12 * length, 0 * side]
        return (
            root[:, None]
            + direction[:, None] * (length[:, None] * t)[..., None]
            + normal[:, None] * lift[None, :, None]
            + sag[:, None] * (t**2)[None, :, None]
        )

    def pose(self, skin: Points) -> None:
        """Follow the skin, shape as the anatomy's skin points."""
        move_curves(self.object, self._hairs(skin))


class Lashes:
    """Upper and lower lashes of both eyes. They turn about the eye's centre with their lid."""

    def __init__(self, anatomy: Anatomy, look: LashLook, material: Any) -> None:
        self._anatomy, self._look = anatomy, look
        taper = np.r_[np.linspace(1.0, 0.75, 5), 0.5, 0.2] * look.thickness
        self.object = curves_object("lashes", self._hairs(anatomy.vertices), taper, material)

    def _root_line(self, side: str, row: int, vertices: Points, at: np.ndarray) -> Points:
        """Points at 0..1 along a smooth curve through the lash strip's roots."""
        roots = self._anatomy.lash_roots(side, row, vertices)
        rest = self._anatomy.lash_roots(side, row, self._anatomy.vertices)
        length = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(rest, axis=0), axis=1))]
        fit = np.polynomial.polynomial.polyfit(length / length[-1], roots, 5)
        return np.asarray(np.polynomial.polynomial.polyval(at, fit).T)

    def _hairs(self, vertices: Points) -> Points:
        rng = np.random.default_rng(9)  # the same hairs in every pose
        hairs = []
        for side in SIDES:
            for row in (2, 1):
                hairs.append(self._row(side, row, vertices, rng))
        return np.concatenate(hairs)

    def _row(self, side: str, row: int, vertices: Points, rng: np.random.Generator) -> Points:
        look, k = self._look, self._anatomy.scale
        upper = row == 2
        count = look.upper if upper else look.lower
        place = np.linspace(0.03, 0.97, count) + rng.normal(0.0, 0.006, count)
        outward = (2 * place - 1) * (1 if side == "l" else -1)  # -1 inner .. 1 outer corner
        if not upper:
            place = 0.04 + 0.92 * place
        rest = self._root_line(side, row, self._anatomy.vertices, place)
        root = self._root_line(side, row, vertices, place)
        length = (look.upper_length if upper else look.lower_length) * k
        length = length * rng.uniform(0.75, 1.1, count) * (0.78 + 0.34 * np.clip(outward, -0.6, 0.75))
        fan = outward * np.where(outward > 0, 0.75, 0.45) * (1 if side == "l" else -1)
        bundle = 0.16 * np.sin(np.arange(count) * 1.9)  # neighbours lean together a little
        x = fan + bundle + rng.normal(0.0, 0.07, count)
        vertical = 1.0 if upper else -1.0
        # leaves the lid forwards, then curls away from the eye
        start = np.c_[x * 0.6, np.full(count, vertical * 0.12), np.ones(count)]
        end = np.c_[x, np.full(count, vertical * (1.25 if upper else 0.8)), np.full(count, 0.55)]
        start, end = (self._with_lid(side, rest, root, unit(d)) for d in (start, end))
        t = np.linspace(0.0, 1.0, 7)
        bend = (t**1.4)[None, :, None]
        step = unit(start[:, None] * (1 - bend) + end[:, None] * bend) * (length / 6)[:, None, None]
        step[:, 0] = 0.0
        return np.asarray(root[:, None] + np.cumsum(step, axis=1))

    def _with_lid(self, side: str, rest: Points, root: Points, direction: Points) -> Points:
        """Directions turned about the eye's horizontal axis with their roots, but less: LASH_TURN."""
        centre = self._anatomy.eyes[side].centre

        def elevation(p: Points) -> np.ndarray:
            return np.asarray(np.arctan2(p[:, 1] - centre[1], p[:, 2] - centre[2]))

        angle = LASH_TURN * (elevation(root) - elevation(rest))
        cos, sin = np.cos(angle), np.sin(angle)
        y = direction[:, 1] * cos + direction[:, 2] * sin
        z = direction[:, 2] * cos - direction[:, 1] * sin
        return np.stack([direction[:, 0], y, z], 1)

    def pose(self, vertices: Points) -> None:
        """Follow a pose of the base mesh."""
        move_curves(self.object, self._hairs(vertices))
