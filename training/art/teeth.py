"""Teeth, gums and tongue: single teeth set along a dental arch, carried by MakeHuman's teeth helpers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.art import makehuman
from training.art.anatomy import Anatomy
from training.art.geometry import Points, rigid_fit, smoothstep
from training.art.objects import mesh_object, move_mesh
from training.art.shader import Colour, Shader, srgb

# Widths, visible heights and depths of the teeth from the middle to the second molar, millimetres: rounded averages
# of adult dentition (central incisor, lateral incisor, canine, premolars, molars).
_UPPER_MM = {"width": (8.6, 6.6, 7.6, 7.0, 6.8, 10.0, 9.5), "height": (9.6, 8.95, 9.4, 8.3, 7.6, 7.0, 6.6)}
_LOWER_MM = {"width": (5.4, 5.9, 6.8, 7.0, 7.1, 10.8, 10.2), "height": (8.6, 8.7, 9.4, 8.3, 7.7, 7.2, 7.0)}
_DEPTH_MM = (6.2, 6.0, 7.4, 8.4, 8.6, 10.4, 10.4)
_MM = 0.01  # in dm
_RING = 18  # vertices round a tooth
_STEPS = 14  # rings from gum to edge
TIP = 0.9  # of the tongue's length from the root: from here on it is the tip
TIP_NARROWED, TIP_THINNED = 0.4, 0.7  # shares that a pointed tongue's tip loses of its width and thickness
ENAMEL = srgb(242, 231, 214)
TOOTH_NECK = srgb(214, 190, 156)
GUM = srgb(190, 96, 94)
TONGUE = srgb(188, 92, 90)


@dataclass(frozen=True)
class MouthLook:
    """Colours and fit of the inside of a mouth."""

    teeth: Colour = ENAMEL
    neck: Colour = TOOTH_NECK  # of a tooth, at the gum
    gum: Colour = GUM
    tongue: Colour = TONGUE
    glow: float = 0.09  # light that enamel and the lips' insides scatter back and forth, which few bounces leave out
    upper_edge: float = -0.052  # height of the upper biting edge above the mouth's centre, face scales
    lower_edge: float = -0.048
    arch_width: float = 1.0  # share of the helper's


def teeth_material(look: MouthLook) -> Any:
    """Enamel. The mesh carries: back 0..1 (towards the molars), side 0..1 (at the gaps), fall 0 (gum)..1 (edge)."""
    s = Shader("teeth")
    colour = s.mix(look.neck, look.teeth, s.smoothstep(s.attribute("fall"), 0.15, 0.6))
    colour = s.mix(colour, srgb(214, 206, 198), s.smoothstep(s.attribute("fall"), 0.90, 1.0, 0.0, 0.25))
    shade = s.mix(srgb(255, 255, 255), srgb(120, 80, 62), s.smoothstep(s.attribute("side"), 0.50, 1.0, 0.0, 0.85))
    shade = s.mix(shade, srgb(104, 64, 50), s.smoothstep(s.attribute("back"), 0.14, 0.95, 0.0, 0.9))
    colour = s.mix(colour, shade, 1.0, "MULTIPLY")
    s.principled(
        Base_Color=colour,
        Emission_Color=colour,
        Emission_Strength=look.glow,
        Roughness=0.24,
        Subsurface_Weight=0.35,
        Subsurface_Radius=(1.0, 0.85, 0.6),
        Subsurface_Scale=0.012,
        Specular_IOR_Level=0.4,
        Coat_Weight=0.15,
        Coat_Roughness=0.1,
    )
    return s.material


def flesh_material(name: str, colour: Colour, dark: Colour, relief: float, scale: float) -> Any:
    """Wet flesh that darkens towards the throat. The mesh carries: back 0..1."""
    s = Shader(name)
    position = s.vector_attribute("rest")
    patches = s.noise(position, scale, 4.0)
    tint = s.mix(colour, dark, s.math("MULTIPLY", s.smoothstep(patches, 0.3, 0.8), 0.35))
    tint = s.mix(tint, dark, s.smoothstep(s.attribute("back"), 0.1, 0.9, 0.0, 0.9))
    s.principled(
        Base_Color=tint,
        Roughness=0.36,
        Subsurface_Weight=0.6,
        Subsurface_Radius=(1.0, 0.4, 0.3),
        Subsurface_Scale=0.025,
        Coat_Weight=0.2,
        Coat_Roughness=0.15,
        Normal=s.bump(patches, relief, 0.008),
    )
    return s.material


class Arch:
    """The curve on which a row of teeth stands: half an ellipse seen from above, by length from the middle."""

    def __init__(self, half_width: float, depth: float) -> None:
        t = np.linspace(0.0, np.pi / 2, 900)
        self._x, self._z = half_width * np.sin(t), -depth * (1.0 - np.cos(t))
        self._s = np.r_[0.0, np.cumsum(np.hypot(np.diff(self._x), np.diff(self._z)))]
        self.length = float(self._s[-1])

    def at(self, distance: float) -> tuple[float, float, float]:
        """x, z and heading (radians, 0 along x) at a signed distance from the middle."""
        inside = min(abs(distance), self.length - 0.02)
        x, z = np.interp(inside, self._s, self._x), np.interp(inside, self._s, self._z)
        dx = np.interp(inside + 0.01, self._s, self._x) - np.interp(inside - 0.01, self._s, self._x)
        dz = np.interp(inside + 0.01, self._s, self._z) - np.interp(inside - 0.01, self._s, self._z)
        if inside < 0.01:
            dz = 0.0
        heading = float(np.arctan2(dz, dx))
        if distance < 0:
            return -float(x), float(z), -heading
        return float(x), float(z), heading


def _tooth(kind: int, width: float, height: float, depth: float) -> tuple[Points, np.ndarray, np.ndarray]:
    """A closed tooth: x across, y down from the gum, z to the front; with its `side` and `fall` attributes.

    Args:
        kind: Number from the middle: 0, 1 incisors, 2 canine, the rest premolars and molars.
        width: Of the crown, dm; height and depth likewise.
        height: Visible height.
        depth: From lips to tongue.
    """
    t = np.linspace(0.0, 1.0, _STEPS + 1)
    if kind < 2:  # shovel: full width down to slightly rounded corners, thin at the edge
        across = 0.80 + 0.20 * smoothstep(t, 0.0, 0.7) - (0.05 + 0.05 * kind) * smoothstep(t, 0.86, 1.0)
        thick = 1.0 - 0.80 * t**1.3
    elif kind == 2:  # pointed
        across = 0.80 + 0.20 * smoothstep(t, 0.0, 0.55) - 0.42 * smoothstep(t, 0.68, 1.06)
        thick = 1.0 - 0.62 * t**1.4
    else:
        across = 0.84 + 0.16 * smoothstep(t, 0.0, 0.55) - 0.14 * smoothstep(t, 0.8, 1.0)
        thick = 1.0 - 0.16 * t**2
    bulge = depth * (0.10 * np.sin(np.pi * t) - (0.14 * t**2 if kind < 2 else 0.0))
    turn = 2 * np.pi * np.arange(_RING) / _RING
    squared = 0.66  # superellipse exponent: between an oval (1) and a box (0)
    cx = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** squared
    cz = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** squared
    x = across[:, None] * width / 2 * cx
    z = thick[:, None] * depth / 2 * cz + bulge[:, None]
    y = np.broadcast_to((height * (1.35 * t - 0.35))[:, None], x.shape).copy()
    tip = [[0.0, height * 1.012, float(z[-1].mean())]]
    points = np.concatenate([np.stack([x, y, z], -1).reshape(-1, 3), tip])
    side = np.r_[np.broadcast_to(np.abs(cx) ** 3, x.shape).ravel(), 0.0]
    fall = np.r_[np.repeat(t, _RING), 1.0]
    return points, side, fall


def _tooth_faces() -> list[list[int]]:
    faces = [
        [row * _RING + i, row * _RING + (i + 1) % _RING, (row + 1) * _RING + (i + 1) % _RING, (row + 1) * _RING + i]
        for row in range(_STEPS)
        for i in range(_RING)
    ]
    last = _STEPS * _RING
    return faces + [[last + i, last + (i + 1) % _RING, last + _RING] for i in range(_RING)]


@dataclass
class Row:
    """Geometry of one row, gum line at y = 0, biting edges at positive y, the middle's front at z = 0."""

    teeth: Points
    teeth_faces: list[list[int]]
    attributes: dict[str, np.ndarray]
    gum: Points
    gum_faces: list[list[int]]
    height: float  # of the central incisor


def dental_row(upper: bool, half_width: float, depth: float, scale: float, seed: int = 3) -> Row:
    """Seven teeth a side on an arch, slightly irregular, and the gum that holds them."""
    rng = np.random.default_rng(seed + upper)
    sizes = _UPPER_MM if upper else _LOWER_MM
    width, height = (np.array(sizes[name]) * _MM * scale for name in ("width", "height"))
    thickness = np.array(_DEPTH_MM) * _MM * scale
    arch = Arch(half_width, depth)
    points: list[Points] = []
    faces: list[list[int]] = []
    attributes: dict[str, list[np.ndarray]] = {"side": [], "fall": [], "back": []}
    for hand in (1, -1):
        starts = np.r_[0.0, np.cumsum(width)]
        for kind in range(7):
            centre = (starts[kind] + starts[kind + 1]) / 2
            if centre > arch.length - 0.03:
                break
            x, z, heading = arch.at(hand * centre)
            tooth, side, fall = _tooth(kind, width[kind] * 0.97, height[kind], thickness[kind])
            tooth[:, 2] -= thickness[kind] / 2
            tooth[:, 0] *= hand
            angle = heading + rng.normal(0.0, 0.025)
            cos, sin = np.cos(angle), np.sin(angle)
            placed = np.c_[
                x + cos * tooth[:, 0] - sin * tooth[:, 2],
                tooth[:, 1] + rng.normal(0.0, 0.0012),
                z + sin * tooth[:, 0] + cos * tooth[:, 2],
            ]
            first = sum(len(p) for p in points)
            flipped = [face[::-1] if hand < 0 else face for face in _tooth_faces()]
            faces += [[i + first for i in face] for face in flipped]
            points.append(placed)
            attributes["side"].append(side)
            attributes["fall"].append(fall)
            attributes["back"].append(np.full(len(placed), centre / arch.length))
    gum, gum_faces = _gum(arch, width, scale)
    merged = {name: np.concatenate(values) for name, values in attributes.items()}
    return Row(np.concatenate(points), faces, merged, gum, gum_faces, float(height[0]))


def _gum(arch: Arch, width: np.ndarray, scale: float) -> tuple[Points, list[list[int]]]:
    """A tube along the arch whose lower edge is scalloped: it reaches down between the teeth."""
    stations = np.linspace(-arch.length + 0.05, arch.length - 0.05, 180)
    starts = np.r_[0.0, np.cumsum(width)]
    ring = 16
    turn = 2 * np.pi * np.arange(ring) / ring
    points = []
    for distance in stations:
        x, z, heading = arch.at(float(distance))
        tooth = int(np.clip(np.searchsorted(starts, abs(distance)) - 1, 0, 6))
        across = (abs(distance) - starts[tooth]) / width[tooth]
        papilla = 0.022 * scale * np.abs(2 * across - 1) ** 2.4
        down = np.cos(turn)
        out = np.sin(turn) * 0.055 * scale - 0.036 * scale
        y = 0.075 * scale * down * np.where(down < 0, 1.3, 0.36) - 0.012 * scale + papilla * np.clip(down, 0, None)
        points.append(np.c_[x - np.sin(heading) * out, y, z + np.cos(heading) * out])
    faces = [
        [j * ring + i, j * ring + (i + 1) % ring, (j + 1) * ring + (i + 1) % ring, (j + 1) * ring + i]
        for j in range(len(stations) - 1)
        for i in range(ring)
    ]
    return np.concatenate(points), faces


class Mouth:
    """Both rows and the tongue in the scene. Rows move rigidly with MakeHuman's helpers, the tongue deforms."""

    def __init__(self, anatomy: Anatomy, look: MouthLook) -> None:
        self._rest = anatomy.vertices
        self._scale = anatomy.scale
        enamel = teeth_material(look)
        gum = flesh_material("gum", look.gum, srgb(110, 44, 44), 0.12, 26.0)
        self.rows: dict[str, tuple[np.ndarray, Points, Points, Any, Any]] = {}
        for name, upper in (("upper", True), ("lower", False)):
            ids = makehuman.group_vertices(f"helper-{name}-teeth")
            helper = anatomy.vertices[ids]
            half_width = float(np.abs(helper[:, 0]).max()) * look.arch_width * (1.0 if upper else 0.93)
            row = dental_row(upper, half_width, float(np.ptp(helper[:, 2])), anatomy.scale)
            edge = anatomy.mouth[1] + (look.upper_edge if upper else look.lower_edge) * anatomy.scale
            front = float(helper[:, 2].max()) - 0.012
            down = -1.0 if upper else 1.0

            def place(p: Points, edge: float = edge, down: float = down, row: Row = row, z: float = front) -> Points:
                return np.c_[p[:, 0], edge + down * (p[:, 1] - row.height), p[:, 2] + z]

            def wind(faces: list[list[int]], upper: bool = upper) -> list[list[int]]:
                return [face[::-1] for face in faces] if upper else faces

            teeth_points, gum_points = place(row.teeth), place(row.gum)
            back = np.clip((front - gum_points[:, 2]) / np.ptp(helper[:, 2]), 0.0, 1.0)
            teeth = mesh_object(
                f"{name} teeth", teeth_points, wind(row.teeth_faces), enamel, attributes=row.attributes, subdivisions=1
            )
            flesh = mesh_object(
                f"{name} gum",
                gum_points,
                wind(row.gum_faces),
                gum,
                attributes={"back": back, "rest": gum_points},
                subdivisions=1,
            )
            self.rows[name] = (ids, teeth_points, gum_points, teeth, flesh)
        self._tongue_part = makehuman.part("helper-tongue")
        tongue = anatomy.vertices[self._tongue_part.ids]
        back = np.clip((tongue[:, 2].max() - tongue[:, 2]) / np.ptp(tongue[:, 2]), 0.0, 1.0)
        self._tongue_front = 1.0 - back
        self.tongue = mesh_object(
            "tongue",
            tongue,
            self._tongue_part.faces,
            flesh_material("tongue", look.tongue, srgb(96, 34, 36), 0.35, 30.0),
            attributes={"back": back, "rest": tongue},
            subdivisions=2,
        )

    def row_objects(self, name: str) -> list[Any]:
        """Teeth and gum of the "upper" or "lower" row."""
        return list(self.rows[name][3:])

    @property
    def tongue_ids(self) -> np.ndarray:
        """The tongue's vertices in the base mesh."""
        return self._tongue_part.ids

    @property
    def objects(self) -> list[Any]:
        """Everything inside the mouth."""
        return [self.tongue, *self.row_objects("upper"), *self.row_objects("lower")]

    def pose(self, vertices: Points, tongue: Mapping[str, float]) -> None:
        """Follow a pose of the base mesh.

        Args:
            vertices: Base mesh in its pose.
            tongue: Lengths in face scales: `out` (tip forwards), `up` (tip), `raise` (the whole), `back` (the root up);
                and `point`, the share by which the tip grows thin and narrow.
        """
        for ids, teeth_points, gum_points, teeth, gum in self.rows.values():
            rotation, translation = rigid_fit(self._rest[ids], vertices[ids])
            move_mesh(teeth, teeth_points @ rotation.T + translation)
            move_mesh(gum, gum_points @ rotation.T + translation)
        move_mesh(self.tongue, self.tongue_points(vertices, tongue))

    def tongue_points(self, vertices: Points, tongue: Mapping[str, float]) -> Points:
        """The tongue in a pose: the base mesh's, moved by the tongue's own parameters."""
        points = vertices[self._tongue_part.ids].copy()
        front = smoothstep(self._tongue_front, 0.2, 1.0)
        k = self._scale
        pointed = tongue.get("point", 0.0) * front
        points[:, 0] *= 1 - TIP_NARROWED * pointed
        points[:, 1] += TIP_THINNED * pointed * (points[self._tongue_front > TIP, 1].mean() - points[:, 1])
        points[:, 2] += tongue.get("out", 0.0) * k * front
        points[:, 1] += k * (tongue.get("up", 0.0) * front**2 + tongue.get("raise", 0.0))
        points[:, 1] += k * tongue.get("back", 0.0) * np.sin(np.pi * self._tongue_front) ** 2
        return points
