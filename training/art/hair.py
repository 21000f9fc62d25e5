"""Scalp hair: guides grown along a combing field, then many fine hairs interpolated between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from training.art.anatomy import Anatomy
from training.art.geometry import Points, smoothstep, unit
from training.art.objects import curves_object
from training.art.shader import Colour, Shader, darker

#: Takes positions relative to the head's centre in face scales (n, 3), the side of the parting (n,), and the share of
#: the hair's length that has grown (0..1); gives the wanted directions (n, 3).
Comb = Callable[[Points, np.ndarray, float], Points]

GREY_SPREAD = 0.30  # light of the darkest hairs among grey ones, of the lightest


@dataclass(frozen=True)
class HairStyle:
    """A head of hair. Lengths in face scales, radius in dm."""

    comb: Comb
    length: float
    parting: float = 0.2  # x of the parting line; hair does not mix across it
    hairs: int = 70_000
    guides: int = 1_400
    steps: int = 32
    length_spread: float = 0.08
    cut: float | None = None  # height, from the head's centre, at which hairs that hang lower are cut
    cut_spread: float = 0.05
    stiffness: float = 0.62  # share of the old direction kept at each step
    volume: float = 0.11  # how far the outermost hair lies off the skin
    rise: float = 5.0  # how fast it gets there: 1 / share of the length
    clumping: float = 0.35
    clump_size: int = 14  # hairs of one fine lock
    wave: float = 0.03
    waves: float = 2.0  # along the whole length
    frizz: float = 0.010
    flyaway: float = 0.02  # share of hairs that leave their lock
    thickness: float = 0.0021
    seed: int = 1


def hair_material(
    name: str,
    melanin: float,
    redness: float,
    roughness: float = 0.34,
    spread: float = 0.12,
    tint: Colour | None = None,
) -> Any:
    """Blender's physically based hair, coloured by its melanin or, as grey hair has none that counts, by a tint."""
    s = Shader(name)
    hair = s.node(
        "ShaderNodeBsdfHairPrincipled",
        {"parametrization": "MELANIN"},
        Melanin=melanin,
        Melanin_Redness=redness,
        Roughness=roughness,
        Radial_Roughness=0.5,
        Random_Color=spread,
        Random_Roughness=0.1,
    )
    if tint is not None:
        hair.parametrization = "COLOR"
        share = s.smoothstep(s.node("ShaderNodeHairInfo").outputs["Random"], 0.55, 1.0, 0.0, 0.85)
        s.feed(s.mix(tint, darker(tint, GREY_SPREAD), share), hair.inputs["Color"])
    s.surface(hair.outputs[0])
    return s.material


class Hair:
    """The scalp's hair; it does not move with the face."""

    def __init__(self, anatomy: Anatomy, style: HairStyle, material: Any) -> None:
        self._anatomy, self._style = anatomy, style
        self._rng = np.random.default_rng(style.seed)
        self._skin_tree = cKDTree(anatomy.skin_points)
        places = anatomy.sample(anatomy.scalp, style.hairs, self._rng)
        roots = anatomy.at(places, anatomy.skin_points)
        normals = unit(anatomy.at(places, anatomy.normals))
        density = anatomy.at(places, anatomy.scalp)  # thin and short at the hair line
        chosen = self._rng.choice(style.hairs, style.guides, replace=False)
        guides = self._grow(roots[chosen], normals[chosen])
        hairs = self._interpolate(roots, guides, density)
        if style.cut is not None:
            hairs = self._shorten(hairs, self._above_cut(hairs, style.cut))
        kept = ~self._across_throat(hairs)
        hairs, density = hairs[kept], density[kept]
        t = np.linspace(0.0, 1.0, style.steps + 1)
        taper = style.thickness * np.interp(t, [0.0, 0.05, 0.7, 1.0], [0.6, 1.0, 0.9, 0.25])
        fine = np.clip(0.45 + 0.55 * density, 0.0, 1.0)
        self.object = curves_object("hair", hairs, fine[:, None] * taper[None], material)

    def _across_throat(self, hairs: Points) -> np.ndarray:
        """Which hairs strayed in front of the neck."""
        local = (hairs - self._anatomy.head_centre) / self._anatomy.scale
        x, y, z = np.moveaxis(local, -1, 0)
        return np.asarray(((np.abs(x) < 0.62) & (y < -0.75) & (z > -0.1)).any(1))

    def _above_cut(self, hairs: Points, cut: float) -> np.ndarray:
        """The share of each hair before it first comes below the cut."""
        height = (hairs[..., 1] - self._anatomy.head_centre[1]) / self._anatomy.scale
        level = cut + self._rng.normal(0.0, self._style.cut_spread, (len(hairs), 1))
        below = height < level
        first = np.where(below.any(1), below.argmax(1), hairs.shape[1] - 1)
        return np.asarray(np.maximum(first, 2) / (hairs.shape[1] - 1))

    def _parting_side(self, points: Points) -> np.ndarray:
        return np.sign(points[:, 0] / self._anatomy.scale - self._style.parting + 1e-6)

    def _grow(self, roots: Points, normals: Points) -> Points:
        """Walk from the roots along the comb's directions, kept off the skin; shape (guides, steps + 1, 3)."""
        style, k = self._style, self._anatomy.scale
        length = style.length * k * np.clip(self._rng.normal(1.0, style.length_spread, len(roots)), 0.6, 1.4)
        step = (length / style.steps)[:, None]
        layer = self._rng.uniform(0.25, 1.0, (len(roots), 1))  # each guide's layer between skin and surface
        side = self._parting_side(roots)
        path = [roots]
        direction = normals
        for number in range(style.steps):
            grown = number / style.steps
            local = (path[-1] - self._anatomy.head_centre) / k
            wanted = unit(style.comb(local, side, grown))
            direction = unit(style.stiffness * direction + (1.0 - style.stiffness) * wanted)
            clearance = style.volume * k * layer * min(1.0, style.rise * (grown + 0.02))
            point = self._off_skin(path[-1] + direction * step, clearance)
            direction = unit(point - path[-1])
            path.append(path[-1] + direction * step)
        return np.stack(path, 1)

    def _off_skin(self, points: Points, clearance: Points) -> Points:
        """Push points out until they are `clearance` above the nearest skin."""
        skin, normals = self._anatomy.skin_points, self._anatomy.normals
        for _ in range(2):
            distance, nearest = self._skin_tree.query(points, k=4)
            weight = (1.0 / (distance + 1e-3))[..., None]
            weight = weight / weight.sum(1, keepdims=True)
            normal = unit((normals[nearest] * weight).sum(1))
            height = ((points - (skin[nearest] * weight).sum(1)) * normal).sum(1, keepdims=True)
            near = distance[:, :1] < 0.8 * self._anatomy.scale
            points = points + normal * np.clip(clearance - height, 0.0, None) * near
        return points

    def _interpolate(self, roots: Points, guides: Points, density: np.ndarray) -> Points:
        """Each hair follows its three nearest guides on its own side of the parting, with lock, wave and frizz."""
        style, k, rng = self._style, self._anatomy.scale, self._rng
        count, steps = len(roots), style.steps + 1
        t = np.linspace(0.0, 1.0, steps)
        distance, near = cKDTree(guides[:, 0]).query(roots, k=4)
        weight = 1.0 / (distance + 0.01 * k) ** 2
        same = self._parting_side(guides[:, 0])[near] == self._parting_side(roots)[:, None]
        weight = weight * np.where(same.any(1, keepdims=True), same, True)
        weight = weight / weight.sum(1, keepdims=True)
        shape = guides - guides[:, :1]
        hairs = roots[:, None] + np.einsum("hgsc,hg->hsc", shape[near], weight)

        locks = max(1, count // style.clump_size)
        leader = rng.choice(count, locks, replace=False)
        lock = cKDTree(roots[leader]).query(roots)[1]
        pull = style.clumping * smoothstep(t, 0.0, 0.8)[None] * rng.uniform(0.4, 1.2, (count, 1))
        pull = np.where(rng.random((count, 1)) < style.flyaway, 0.0, pull)
        across = self._parting_side(roots[leader])[lock] == self._parting_side(roots)
        pull = np.clip(pull, 0.0, 0.95) * across[:, None]
        lead = hairs[leader][lock]
        # locks gather around their leader but keep a little of the hairs' own spread
        hairs = hairs + (lead - hairs) * pull[..., None]

        phase = (rng.uniform(0, 2 * np.pi, locks)[lock])[:, None]
        swing = style.wave * k * smoothstep(t, 0.15, 0.9)
        angle = style.waves * 2 * np.pi * t + 0.6 * np.sin(phase)
        hairs[..., 0] += swing * np.sin(angle)
        hairs[..., 2] += swing * np.cos(angle + 0.5 * phase)
        frizz = style.frizz * k * np.where(rng.random((count, 1, 1)) < style.flyaway, 3.0, 1.0)
        own_phase = rng.uniform(0, 2 * np.pi, (count, 1))
        for harmonic in range(1, 5):
            bend = np.sin(t * np.pi * harmonic + own_phase) - np.sin(own_phase)
            push = rng.normal(0.0, 1.0, (count, 1, 3))
            hairs += frizz * push * bend[..., None] * (t**0.7)[None, :, None] / harmonic
        # hairs at the hair line are shorter
        short = np.clip(0.35 + 0.65 * smoothstep(density, 0.1, 0.8) + rng.normal(0, 0.05, count), 0.25, 1.0)
        return self._shorten(hairs, np.where(density < 0.75, short, 1.0))

    def _shorten(self, hairs: Points, share: np.ndarray) -> Points:
        """Keep the first part of each hair, by its share of the length."""
        steps = hairs.shape[1]
        at = share[:, None] * np.arange(steps)[None]
        low = np.minimum(at.astype(int), steps - 2)
        part = (at - low)[..., None]
        rows = np.arange(len(hairs))[:, None]
        return np.asarray(hairs[rows, low] * (1 - part) + hairs[rows, low + 1] * part)
