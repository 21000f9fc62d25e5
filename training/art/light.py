"""Camera, studio light and render settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from training.art.anatomy import Anatomy
from training.art.geometry import Points, to_blender

#: The canvas and the avatar's own square picture in it, in canvas pixels (KEYFRAMES.md).
CANVAS = (1024, 576)
FRAME = (256, 0, 768, 512)
SENSOR = 36.0  # width of the camera's sensor, mm
DISTANCE = 15.0  # of the camera from the face, dm: a portrait lens' perspective


@dataclass(frozen=True)
class Framing:
    """What the frame shows: a square of `width` dm around a point below the eyes."""

    width: float = 3.2
    below_eyes: float = 0.38  # face scales


@dataclass(frozen=True)
class LightLook:
    """Strength and tint of the studio's lights."""

    exposure: float = 0.35  # stops
    key: float = 900.0
    fill: float = 310.0
    rim: float = 420.0
    look: str = "AgX - Medium High Contrast"


def _aim(obj: Any, target: Points) -> None:
    obj.rotation_euler = (Vector(target) - obj.location).to_track_quat("-Z", "Y").to_euler()


def _area(
    target: Points,
    offset: tuple[float, float, float],
    size: tuple[float, float],
    power: float,
    colour: tuple[float, float, float],
    round_: bool = False,
) -> Any:
    light = bpy.data.lights.new("area", "AREA")
    light.shape = "ELLIPSE" if round_ else "RECTANGLE"
    light.size, light.size_y = size
    light.energy = power
    light.color = colour
    obj = bpy.data.objects.new("area", light)
    bpy.context.collection.objects.link(obj)
    obj.location = target + np.array(offset)
    _aim(obj, target)
    return obj


def add_lights(anatomy: Anatomy, look: LightLook) -> None:
    """A large soft key from the upper left of the picture, fill, two rims behind, and a dim cool surrounding."""
    target = to_blender(np.array([0.0, anatomy.eye_y - 0.18 * anatomy.scale, anatomy.eye_z - 0.3]))
    _area(target, (-3.6, -7.4, 3.8), (4.4, 4.4), look.key, (1.0, 0.96, 0.915), round_=True)
    _area(target, (6.5, -6.5, 0.8), (6.0, 6.0), look.fill, (0.90, 0.95, 1.0))
    _area(target, (0.0, -8.5, -3.6), (5.0, 2.5), 0.3 * look.fill, (1.0, 0.95, 0.92))
    _area(target, (4.8, 5.5, 4.8), (2.2, 5.0), look.rim, (1.0, 0.96, 0.92))
    _area(target, (-5.5, 5.0, 3.4), (2.0, 5.0), 0.6 * look.rim, (0.84, 0.91, 1.0))
    world = bpy.data.worlds.new("studio")
    bpy.context.scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs[0].default_value = (0.66, 0.70, 0.78, 1.0)
    background.inputs[1].default_value = 0.26


def focal_length(framing: Framing) -> float:
    """Canvas pixels for one decimetre at the distance of one decimetre."""
    return (FRAME[2] - FRAME[0]) / framing.width * DISTANCE


def frame_centre() -> tuple[float, float]:
    """Where the camera's axis meets the picture, canvas pixels."""
    return (FRAME[0] + FRAME[2]) / 2, (FRAME[1] + FRAME[3]) / 2


def add_camera(anatomy: Anatomy, framing: Framing) -> Any:
    """The camera in front of the face, level with the point it looks at but for a trifle."""
    camera = bpy.data.cameras.new("camera")
    camera.sensor_width = SENSOR
    camera.lens = SENSOR * focal_length(framing) / CANVAS[0]
    camera.shift_x = (CANVAS[0] / 2 - frame_centre()[0]) / CANVAS[0]
    camera.shift_y = (frame_centre()[1] - CANVAS[1] / 2) / CANVAS[0]
    obj = bpy.data.objects.new("camera", camera)
    bpy.context.collection.objects.link(obj)
    centre = np.array([0.0, anatomy.eye_y - framing.below_eyes * anatomy.scale, anatomy.eye_z - 0.4])
    target = to_blender(centre)
    obj.location = target + np.array([0.0, -DISTANCE, 0.3])
    _aim(obj, target)
    bpy.context.scene.camera = obj
    bpy.context.view_layer.update()
    return obj


def project(camera: Any, framing: Framing, points: Points) -> Points:
    """Canvas position x, y and depth (dm along the camera's axis) of points in MakeHuman's axes, shape (n, 3)."""
    inverse = np.array(camera.matrix_world.inverted())
    local = to_blender(points) @ inverse[:3, :3].T + inverse[:3, 3]
    depth = -local[:, 2]
    focal, (cx, cy) = focal_length(framing), frame_centre()
    return np.stack([cx + focal * local[:, 0] / depth, cy - focal * local[:, 1] / depth, depth], 1)


def configure(scale: float, samples: int, threads: int, look: LightLook) -> None:
    """Cycles on the CPU, denoised, on a transparent background, `scale` pixels to a canvas pixel."""
    scene = bpy.context.scene
    render, cycles, view = scene.render, scene.cycles, scene.view_settings
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = (round(side * scale) for side in CANVAS)
    render.resolution_percentage = 100
    render.film_transparent = True
    render.threads_mode = "FIXED"
    render.threads = threads
    render.use_persistent_data = True
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.compression = 3  # per cent: the files are read once
    cycles.device = "CPU"
    cycles.samples = samples
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.02
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.seed = 1
    cycles.max_bounces = 4
    cycles.diffuse_bounces = 1
    cycles.glossy_bounces = 2
    cycles.transparent_max_bounces = 12
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    scene.cycles_curves.shape = "RIBBONS"
    view.view_transform = "AgX"
    view.look = look.look
    view.exposure = look.exposure
