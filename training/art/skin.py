"""Skin: colour from masks and noise, subsurface scattering, fine relief; lips and the inside of the mouth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.art.anatomy import Anatomy
from training.art.makehuman import data_directory
from training.art.shader import Colour, Shader, darker, srgb
from training.art.wrinkles import REACH, AgeLook, AgeMap

EYELINER = srgb(46, 28, 24)
FURROW = srgb(120, 70, 58)
SPOTS = srgb(150, 104, 78)
BEARD = srgb(60, 48, 42)


@dataclass(frozen=True)
class SkinLook:
    """Colours and surface of a skin."""

    base: Colour
    mottle: Colour  # broad uneven patches
    blush: Colour
    lips: Colour
    lids: Colour
    scalp: Colour
    liner: Colour = EYELINER
    freckles: Colour | None = None
    blush_strength: float = 0.5
    lid_strength: float = 0.35
    lip_strength: float = 0.75
    liner_strength: float = 0.0
    roughness: float = 0.42
    scattering: float = 0.045  # mean free path of red light, dm
    age: AgeLook | None = None
    furrow: Colour = FURROW  # what a furrow's depth is tinted with
    furrow_strength: float = 0.45
    spots: Colour = SPOTS
    beard: Colour = BEARD  # skin through which hair roots show
    beard_strength: float = 0.0
    specular: float = 0.42
    lip_relief: float = 0.45  # of the fine lines across the lips; pores are below a pixel and left out


#: Subsurface radius of green and blue relative to red: skin's usual ratio in Blender's skin example.
SCATTERING_RATIO = (1.0, 0.36, 0.18)
INNER_MOUTH = srgb(112, 36, 38)
_MM = 0.01  # in dm


def skin_material(look: SkinLook, anatomy: Anatomy) -> Any:
    """The skin's material. The mesh carries: rest, blush, eye_shade, scalp, lips, liner, beard."""
    s = Shader("skin")
    rest = s.vector_attribute("rest")
    lips = s.attribute("lips")
    inner = s.mask_texture(data_directory() / "mpfb2/textures/mpfb_inside-mouth.jpg")
    lip_lines = s.noise(s.stretched(rest, (60.0, 9.0, 9.0)), 1.0)

    colour = s.mix(look.base, look.mottle, s.smoothstep(s.noise(rest, 4.0, 4.0), 0.35, 0.70))
    colour = s.mix(colour, look.blush, s.smoothstep(s.noise(rest, 34.0), 0.45, 0.80, 0.0, 0.22))
    blush = s.attribute("blush")
    colour = s.mix(colour, look.blush, s.math("MULTIPLY", blush, look.blush_strength))
    colour = s.mix(colour, look.lids, s.math("MULTIPLY", s.attribute("eye_shade"), look.lid_strength))
    if look.freckles is not None:
        spots = s.smoothstep(s.cells(rest, 26.0), 0.24, 0.08)
        patches = s.smoothstep(s.noise(rest, 9.0, 2.0), 0.50, 0.64)
        share = s.math("MULTIPLY", s.math("MULTIPLY", spots, patches), blush)
        colour = s.mix(colour, look.freckles, s.math("MULTIPLY", share, 0.7))
    aged = _age(s, rest, AgeMap(anatomy, look.age), anatomy) if look.age else None
    if aged:
        colour = s.mix(colour, look.spots, s.math("MULTIPLY", aged.spots, 0.7))
        colour = s.mix(colour, look.furrow, s.math("MULTIPLY", aged.shade, look.furrow_strength))
    if look.beard_strength > 0.0:
        colour = s.mix(colour, look.beard, s.math("MULTIPLY", s.attribute("beard"), look.beard_strength))
    colour = s.mix(colour, look.scalp, s.attribute("scalp"))
    lip_colour = s.mix(look.lips, darker(look.lips, 0.72), s.smoothstep(lip_lines, 0.35, 0.75))
    colour = s.mix(colour, lip_colour, s.math("MULTIPLY", lips, look.lip_strength))
    if look.liner_strength > 0.0:
        colour = s.mix(colour, look.liner, s.math("MULTIPLY", s.attribute("liner"), look.liner_strength))
    colour = s.mix(colour, INNER_MOUTH, inner)

    roughness = s.math("MULTIPLY_ADD", s.noise(rest, 14.0), 0.14, look.roughness - 0.04)
    roughness = s.math("MULTIPLY_ADD", lips, -0.12, roughness)
    roughness = s.math("MULTIPLY_ADD", inner, -0.20, roughness)
    relief = s.bump(aged.height, 1.0, _MM) if aged else None
    normal = s.bump(lip_lines, s.math("MULTIPLY", lips, look.lip_relief), 0.015, relief)
    skin = s.principled(
        Base_Color=colour,
        Roughness=roughness,
        IOR=1.4,
        Specular_IOR_Level=look.specular,
        Subsurface_Weight=0.9,
        Subsurface_Radius=SCATTERING_RATIO,
        Subsurface_Scale=look.scattering,
        Coat_Weight=0.05,
        Coat_Roughness=0.3,
        Normal=normal,
    )
    skin.subsurface_method = "BURLEY"  # 40 % less render time than the random walk
    _hold_out_inner_mouth(s, skin.outputs["BSDF"], inner)
    return s.material


@dataclass(frozen=True)
class _Age:
    """Sockets of the painted signs of age, as AgeMap has them."""

    height: Any
    shade: Any
    spots: Any


def _age(s: Shader, rest: Any, marks: AgeMap, anatomy: Anatomy) -> _Age:
    """Look the painting up by where the skin is at rest, seen from the front."""
    left, right, lower, upper = REACH
    wide, high = (right - left) * anatomy.scale, (upper - lower) * anatomy.scale
    moved = (-left / (right - left), -(lower + anatomy.eye_y / anatomy.scale) / (upper - lower), 0.0)
    place = s.stretched(rest, (1 / wide, 1 / high, 1.0), moved)
    return _Age(*s.painted("age", (marks.height, marks.shade, marks.spots), place))


def _hold_out_inner_mouth(s: Shader, skin: Any, inner: Any) -> None:
    """Add a switch (node "mouth holdout", value 0 or 1) that renders the mouth's cavity as transparent."""
    switch = s.node("ShaderNodeValue", {"name": "mouth holdout"})
    switch.outputs[0].default_value = 0.0
    cavity = s.math("MULTIPLY", s.math("GREATER_THAN", inner, 0.5), switch.outputs[0])
    blend = s.node("ShaderNodeMixShader")
    s.feed(cavity, blend.inputs[0])
    s.feed(skin, blend.inputs[1])
    s.feed(s.node("ShaderNodeHoldout").outputs[0], blend.inputs[2])
    s.surface(blend.outputs[0])


def hold_out_inner_mouth(material: Any, on: bool) -> None:
    """Switch the cavity's holdout of a skin material."""
    material.node_tree.nodes["mouth holdout"].outputs[0].default_value = float(on)
