"""A plain crew-neck top cut from MakeHuman's tights helper, with a ribbed collar along the cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.art import makehuman
from training.art.anatomy import Anatomy
from training.art.geometry import Points, unit
from training.art.objects import mesh_object
from training.art.shader import Colour, Shader, darker, srgb

TEAL = srgb(40, 82, 98)


@dataclass(frozen=True)
class TopLook:
    """The top. Lengths in face scales."""

    colour: Colour = TEAL
    neckline: float = 0.34  # how far below the helper's upper end it is cut
    slope: float = 0.45  # how much lower the cut lies in front, per length to the front
    collar: float = 0.035  # radius of the collar's roll


def cloth_material(name: str, colour: Colour, cut: bool) -> Any:
    """Matt knitwear; with `cut`, transparent where the mesh's attribute `cut` is above 0."""
    s = Shader(name)
    position = s.vector_attribute("rest")
    knit = s.noise(position, 160.0, 4.0)
    folds = s.noise(position, 2.2, 2.0)
    tint = s.mix(colour, darker(colour, 0.72), s.smoothstep(knit, 0.3, 0.8))
    tint = s.mix(tint, darker(colour, 0.8), s.smoothstep(folds, 0.35, 0.75, 0.0, 0.5))
    cloth = s.principled(
        Base_Color=tint,
        Roughness=0.85,
        Specular_IOR_Level=0.2,
        Sheen_Weight=0.3,
        Normal=s.bump(knit, 0.3, 0.01),
    )
    if cut:
        blend = s.node("ShaderNodeMixShader")
        s.feed(s.math("GREATER_THAN", s.attribute("cut"), 0.0), blend.inputs[0])
        s.feed(cloth.outputs[0], blend.inputs[1])
        s.feed(s.node("ShaderNodeBsdfTransparent").outputs[0], blend.inputs[2])
        s.surface(blend.outputs[0])
    return s.material


def _crossings(points: Points, faces: list[list[int]], level: np.ndarray) -> Points:
    """Where the faces' edges cross level 0."""
    edges = {tuple(sorted((f[i], f[(i + 1) % 4]))) for f in faces for i in range(4)}
    found = []
    for a, b in sorted(edges):
        if (level[a] > 0) != (level[b] > 0):
            share = level[a] / (level[a] - level[b])
            found.append(points[a] + share * (points[b] - points[a]))
    return np.array(found)


def _smooth_ring(points: Points, harmonics: int = 5, samples: int = 160) -> Points:
    """A closed smooth curve through points scattered round a vertical axis (a short Fourier fit by azimuth)."""
    centre = points.mean(0)
    offset = points - centre
    azimuth = np.arctan2(offset[:, 0], offset[:, 2])

    def basis(angle: np.ndarray) -> np.ndarray:
        terms = [np.ones_like(angle)]
        for n in range(1, harmonics + 1):
            terms += [np.cos(n * angle), np.sin(n * angle)]
        return np.stack(terms, 1)

    radius = np.hypot(offset[:, 0], offset[:, 2])
    fit = np.linalg.lstsq(basis(azimuth), np.c_[radius, offset[:, 1]], rcond=None)[0]
    angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
    r, y = (basis(angle) @ fit).T
    return centre + np.stack([r * np.sin(angle), y, r * np.cos(angle)], 1)


def dress(anatomy: Anatomy, look: TopLook) -> list[Any]:
    """Add the top and its collar; returns their objects."""
    k = anatomy.scale
    tights = makehuman.part("helper-tights", lowest=3.6, widest=3.2)
    points = anatomy.vertices[tights.ids]
    top = points[:, 1].max()
    neck_z = points[points[:, 1] > top - 0.25][:, 2].mean()
    cut = points[:, 1] - (top - look.neckline * k) + look.slope * (points[:, 2] - neck_z)
    shirt = mesh_object(
        "top",
        points,
        tights.faces,
        cloth_material("knit", look.colour, cut=True),
        attributes={"cut": cut, "rest": points},
        subdivisions=2,
    )
    ring = _smooth_ring(_crossings(points, tights.faces, cut))
    outward = unit((ring - ring.mean(0)) * [1.0, 0.0, 1.0])
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radius = look.collar * k
    tube = (
        ring[:, None]
        + outward[:, None] * (np.cos(turn) * radius * 0.75)[None, :, None]
        + np.array([0.0, 1.0, 0.0]) * (np.sin(turn) * radius * 1.3)[None, :, None]
    ).reshape(-1, 3)
    n, m = len(ring), len(turn)
    faces = [
        [j * m + i, j * m + (i + 1) % m, ((j + 1) % n) * m + (i + 1) % m, ((j + 1) % n) * m + i]
        for j in range(n)
        for i in range(m)
    ]
    rib = cloth_material("rib", darker(look.colour, 0.8), cut=False)
    collar = mesh_object("collar", tube, faces, rib, attributes={"rest": tube}, subdivisions=1)
    return [shirt, collar]
