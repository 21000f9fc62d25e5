"""Meshes and hair curves as Blender objects. Points are given in MakeHuman's axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import ArrayLike

from training.art.geometry import Points, to_blender


def mesh_object(
    name: str,
    points: Points,
    faces: Sequence[Sequence[int]],
    material: Any,
    uv: Points | None = None,
    attributes: Mapping[str, ArrayLike] | None = None,
    subdivisions: int = 0,
) -> Any:
    """A smooth-shaded mesh, with per-vertex attributes that the material reads by name."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(to_blender(points).tolist(), [], [list(face) for face in faces])
    mesh.materials.append(material)
    if uv is not None:
        mesh.uv_layers.new(name="uv").data.foreach_set("uv", np.asarray(uv, np.float32).ravel())
    for label, values in (attributes or {}).items():
        array = np.asarray(values, np.float32)
        kind, slot = ("FLOAT_VECTOR", "vector") if array.ndim == 2 else ("FLOAT", "value")
        mesh.attributes.new(label, kind, "POINT").data.foreach_set(slot, array.ravel())
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(obj)
    if subdivisions:
        modifier = obj.modifiers.new("subdivision", "SUBSURF")
        modifier.levels = modifier.render_levels = subdivisions
        modifier.use_limit_surface = False
    return obj


def move_mesh(obj: Any, points: Points) -> None:
    """Give a mesh new vertex positions."""
    obj.data.vertices.foreach_set("co", to_blender(points).astype(np.float32).ravel())
    obj.data.update()


def curves_object(name: str, points: Points, radius: ArrayLike, material: Any) -> Any:
    """Hair curves.

    Args:
        name: The object's name.
        points: Shape (hairs, points per hair, 3).
        radius: Broadcastable to (hairs, points per hair), dm.
        material: A hair material.
    """
    hairs, steps = points.shape[:2]
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([steps] * hairs)
    attribute = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    spread = np.ascontiguousarray(np.broadcast_to(np.asarray(radius), (hairs, steps)).astype(np.float32))
    attribute.data.foreach_set("value", spread.ravel())
    curves.materials.append(material)
    obj = bpy.data.objects.new(name, curves)
    bpy.context.collection.objects.link(obj)
    move_curves(obj, points)
    return obj


def move_curves(obj: Any, points: Points) -> None:
    """Give hair curves new positions."""
    obj.data.points.foreach_set("position", to_blender(points).astype(np.float32).ravel())
    obj.data.update_tag()
