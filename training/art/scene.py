"""One character in Blender: built once, posed and rendered many times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from training.art import makehuman
from training.art.anatomy import SIDES, Anatomy
from training.art.beard import Beard, BeardLook, beard_density
from training.art.brows import BrowLook, Brows, Lashes, LashLook
from training.art.clothes import TopLook, dress
from training.art.eyes import Eyeball, EyeLook, cornea_material, eyeball_material
from training.art.geometry import Points, smoothstep
from training.art.hair import Hair, HairStyle, hair_material
from training.art.light import CANVAS, Framing, LightLook, add_camera, add_lights, configure, project
from training.art.objects import mesh_object, move_mesh
from training.art.shader import Colour
from training.art.skin import SkinLook, hold_out_inner_mouth, skin_material
from training.art.teeth import Mouth, MouthLook
from training.art.visemes import Pose, added

FRONT = 0.12  # dm: as deep as the incisors' part of the dental arch


@dataclass(frozen=True)
class Character:
    """Everything that makes one character."""

    name: str
    description: str  # one line on what is seen
    build: makehuman.Build
    details: Mapping[str, float]
    resting: Pose
    hairline: tuple[float, ...]
    skin: SkinLook
    eyes: EyeLook
    hair: HairStyle
    hair_melanin: float
    hair_redness: float
    brow_melanin: float
    brow_redness: float
    mouth: MouthLook = field(default_factory=MouthLook)
    brows: BrowLook = field(default_factory=BrowLook)
    lashes: LashLook = field(default_factory=LashLook)
    top: TopLook = field(default_factory=TopLook)
    light: LightLook = field(default_factory=LightLook)
    framing: Framing = field(default_factory=Framing)
    hair_tint: Colour | None = None  # of grey hair, instead of melanin
    brow_tint: Colour | None = None
    beard: BeardLook | None = None
    background: tuple[tuple[int, int, int], tuple[int, int, int]] = ((226, 218, 210), (150, 138, 128))


class CharacterScene:
    """A character's scene: the whole of Blender's current file."""

    def __init__(self, character: Character, scale: float, samples: int, threads: int = 1, hair: bool = True) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.character, self._samples = character, samples
        self.anatomy = anatomy = Anatomy(makehuman.shape(character.build, character.details), character.hairline)
        self.vertices: Points = anatomy.vertices  # of the current pose
        attributes = {
            "rest": anatomy.skin_points,
            "blush": anatomy.blush(),
            "eye_shade": anatomy.eye_shade(),
            "scalp": smoothstep(anatomy.scalp, 0.1, 0.9),
            "lips": anatomy.lips,
            "liner": anatomy.lid_margin(),
            "beard": beard_density(anatomy),
        }
        skin = anatomy.skin
        self.skin_material = skin_material(character.skin, anatomy)
        self.skin = mesh_object(
            "skin", anatomy.skin_points, skin.faces, self.skin_material, skin.uv, attributes, subdivisions=2
        )
        self.clothes = dress(anatomy, character.top)
        self.mouth = Mouth(anatomy, character.mouth)
        eyeball, cornea = eyeball_material(character.eyes), cornea_material()
        self.eyes = {side: Eyeball(side, anatomy.eyes[side], eyeball, cornea) for side in SIDES}
        brow_hair = hair_material(
            "brow hair", character.brow_melanin, character.brow_redness, 0.5, tint=character.brow_tint
        )
        self.brows = Brows(anatomy, character.brows, brow_hair)
        self.lashes = Lashes(anatomy, character.lashes, hair_material("lash hair", 0.98, 0.3, 0.45))
        self.hair_objects = []
        if hair:
            material = hair_material("hair", character.hair_melanin, character.hair_redness, tint=character.hair_tint)
            self.hair_objects.append(Hair(anatomy, character.hair, material).object)
        self.beard = None
        if character.beard is not None:
            material = hair_material("beard hair", character.brow_melanin, character.brow_redness, 0.5)
            self.beard = Beard(anatomy, character.beard, material)
        add_lights(anatomy, character.light)
        self.camera = add_camera(anatomy, character.framing)
        configure(scale, samples, threads, character.light)
        self.pose(Pose())

    @property
    def facial_hair(self) -> list[bpy.types.Object]:
        """Brows, lashes and beard."""
        return [self.brows.object, self.lashes.object, *([self.beard.object] if self.beard else [])]

    @property
    def eye_objects(self) -> list[bpy.types.Object]:
        """Both eyeballs and corneas."""
        return [obj for eye in self.eyes.values() for obj in eye.objects]

    @property
    def everything(self) -> list[bpy.types.Object]:
        """All that the camera can see."""
        surfaces = [self.skin, *self.clothes, *self.hair_objects, *self.facial_hair]
        return [*surfaces, *self.eye_objects, *self.mouth.objects]

    def inner_fronts(self, pose: Pose) -> list[Points]:
        """Front of the upper teeth, the lower ones and the tongue in the current pose, which was made from `pose`.

        The jaw is hinged far behind them: they go farther than the rest of their parts, and are what is seen of them.
        """
        whole = added(self.character.resting, pose)
        upper, lower = (self.mouth.rows[name][0] for name in ("upper", "lower"))
        now = [self.vertices[upper], self.vertices[lower], self.mouth.tongue_points(self.vertices, whole.tongue)]
        at_rest = [self.anatomy.vertices[ids] for ids in (upper, lower, self.mouth.tongue_ids)]
        return [there[rest[:, 2] > rest[:, 2].max() - FRONT] for there, rest in zip(now, at_rest, strict=True)]

    def pose(self, pose: Pose, gaze: tuple[float, float] = (0.0, 0.0)) -> None:
        """Pose the face: `pose` over the character's resting one; gaze in degrees (figure's left, down)."""
        whole = added(self.character.resting, pose)
        self.vertices = self.anatomy.vertices + makehuman.expression(whole.units) * self.anatomy.scale
        skin = self.vertices[self.anatomy.skin.ids]
        move_mesh(self.skin, skin)
        self.mouth.pose(self.vertices, whole.tongue)
        self.brows.pose(skin)
        if self.beard:
            self.beard.pose(skin)
        self.lashes.pose(self.vertices)
        for eye in self.eyes.values():
            eye.look(*gaze)

    def hold_out(self, on: bool) -> None:
        """Render eyes and the inside of the mouth as holes."""
        for obj in [*self.eye_objects, *self.mouth.objects]:
            obj.is_holdout = on
        hold_out_inner_mouth(self.skin_material, on)

    def project(self, points: Points) -> Points:
        """Canvas position x, y and depth (dm) of points in MakeHuman's axes, shape (n, 3)."""
        return project(self.camera, self.character.framing, points)

    def render(self, path: Path, box: tuple[int, int, int, int] | None = None, finer: int = 1) -> None:
        """Render to a PNG; outside of `box` (x0, y0, x1, y1 in canvas pixels) the picture is left empty.

        Args:
            path: The file.
            box: What to render; None: all.
            finer: Times the samples that the scene was built with.
        """
        render = bpy.context.scene.render
        bpy.context.scene.cycles.samples = self._samples * finer
        render.filepath = str(path)
        render.use_border = box is not None
        render.use_crop_to_border = False
        if box is not None:
            width, height = CANVAS
            render.border_min_x, render.border_max_x = box[0] / width, box[2] / width
            render.border_min_y, render.border_max_y = 1.0 - box[3] / height, 1.0 - box[1] / height
        bpy.ops.render.render(write_still=True)
