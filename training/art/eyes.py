"""Eyeballs: a sphere with a painted iris, and a clear bulging cornea whose reflection is the eye's highlight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from training.art.anatomy import Eye
from training.art.geometry import Points, smoothstep
from training.art.objects import mesh_object, move_mesh
from training.art.shader import Colour, Shader, darker, srgb

IRIS = 0.44  # half angle of the iris seen from the eye's centre, radians (5.9 mm of a 12 mm eyeball's radius)
PUPIL = 0.165
_AROUND = 64
WHITE = srgb(232, 226, 222)
CORNER = srgb(214, 168, 158)  # of the eyeball, where veins show


@dataclass(frozen=True)
class EyeLook:
    """Colours of an eye."""

    iris: Colour
    fibres: Colour
    collarette: Colour  # ring round the pupil
    white: Colour = WHITE
    corner: Colour = CORNER


def eyeball_material(look: EyeLook) -> Any:
    """The opaque eyeball. The mesh carries: angle from the optical axis, and fibre (a vector for the iris' noise)."""
    s = Shader("eyeball")
    angle = s.attribute("angle")
    fibres = s.noise(s.vector_attribute("fibre"), 1.0, 4.0, 0.65)
    iris = s.mix(look.iris, look.fibres, s.smoothstep(fibres, 0.35, 0.65))
    iris = s.mix(iris, look.collarette, s.smoothstep(angle, 0.31, 0.19, 0.0, 0.75))
    iris = s.mix(iris, darker(look.iris, 0.10), s.smoothstep(angle, IRIS * 0.80, IRIS * 1.02))
    white = s.mix(look.white, look.corner, s.smoothstep(angle, 0.75, 1.45, 0.0, 0.6))
    colour = s.mix(iris, white, s.smoothstep(angle, IRIS * 0.95, IRIS * 1.07))
    colour = s.mix(srgb(3, 3, 4), colour, s.smoothstep(angle, PUPIL - 0.012, PUPIL + 0.016))
    s.principled(
        Base_Color=colour,
        Roughness=0.5,
        Specular_IOR_Level=0.0,  # the cornea alone reflects
        Subsurface_Weight=0.25,
        Subsurface_Scale=0.012,
        Subsurface_Radius=(1.0, 0.5, 0.4),
    )
    return s.material


def cornea_material() -> Any:
    """Clear, with the Fresnel reflection of tear film (n = 1.376, the cornea's)."""
    s = Shader("cornea")
    blend = s.node("ShaderNodeMixShader")
    s.feed(s.node("ShaderNodeFresnel", IOR=1.376).outputs[0], blend.inputs[0])
    s.feed(s.node("ShaderNodeBsdfTransparent").outputs[0], blend.inputs[1])
    s.feed(s.node("ShaderNodeBsdfGlossy", Roughness=0.05).outputs[0], blend.inputs[2])
    s.surface(blend.outputs[0])
    return s.material


class Eyeball:
    """One eye of the scene."""

    def __init__(self, side: str, eye: Eye, eyeball: Any, cornea: Any) -> None:
        self.centre = eye.centre
        around = np.arange(_AROUND) * 2 * np.pi / _AROUND
        angle = np.r_[np.linspace(0.0, 0.6, 26), np.linspace(0.62, np.pi * 0.62, 24)]
        a, p = (grid.ravel() for grid in np.meshgrid(angle, around, indexing="ij"))
        direction = np.stack([np.sin(a) * np.cos(p), np.sin(a) * np.sin(p), np.cos(a)], 1)
        self._ball: Points = direction * eye.radius * 0.985
        self._ball[:, 2] -= eye.radius * 0.05 * smoothstep(a, IRIS, 0.0)  # the iris is a shallow bowl
        bulge = 1.006 + 0.055 * np.clip(1.0 - (a / 0.50) ** 2, 0.0, 1.0) ** 1.2
        self._cornea: Points = direction * (eye.radius * bulge)[:, None]
        rows, columns = np.arange(len(angle) - 1)[:, None], np.arange(_AROUND)[None]
        following = (columns + 1) % _AROUND
        corners = [rows * _AROUND + columns, (rows + 1) * _AROUND + columns]
        corners += [(rows + 1) * _AROUND + following, rows * _AROUND + following]
        faces = np.stack(corners, -1).reshape(-1, 4).tolist()
        fibre = np.stack([np.cos(p) * 7.0 + 5.0, np.sin(p) * 7.0 + 5.0, a * 3.5], 1)
        attributes = {"angle": a, "fibre": fibre}
        self.ball = mesh_object(f"eyeball {side}", self._ball + eye.centre, faces, eyeball, attributes=attributes)
        self.cornea = mesh_object(f"cornea {side}", self._cornea + eye.centre, faces, cornea)
        self.cornea.visible_shadow = False
        self.objects: tuple[bpy.types.Object, ...] = (self.ball, self.cornea)

    def look(self, yaw: float, pitch: float) -> None:
        """Turn the eye: degrees, positive yaw to the figure's left, positive pitch down."""
        y, x = np.radians(yaw), np.radians(pitch)
        turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
        tilt = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        rotation = turn @ tilt
        move_mesh(self.ball, self._ball @ rotation.T + self.centre)
        move_mesh(self.cornea, self._cornea @ rotation.T + self.centre)
