"""Where the skin's vertices are in a pose, and which of them the camera sees."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from training.art.geometry import Points
from training.art.scene import CharacterScene

Box = tuple[int, int, int, int]  # x0, y0, x1, y1, canvas pixels
#: A vertex counts as fully seen when the cosine between its normal and the ray to the camera reaches this.
FULLY_SEEN = 0.25
_MARGIN = 8  # canvas pixels round a box in which visibility is computed


def capture_skin(scene: CharacterScene, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Project the evaluated skin mesh.

    Args:
        scene: The posed scene.
        box: Visibility is computed for vertices in this box; elsewhere it is 0.

    Returns:
        points: float32, (n, 3): canvas x, y, and depth in dm.
        visible: float32, (n,): 0 hidden .. 1 facing the camera.
    """
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = scene.skin.evaluated_get(graph)
    mesh = evaluated.to_mesh()
    count = len(mesh.vertices)
    flat = np.empty(count * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    position: Points = flat.reshape(-1, 3).astype(np.float64)
    mesh.vertex_normals.foreach_get("vector", flat)
    normal: Points = flat.reshape(-1, 3).astype(np.float64)
    evaluated.to_mesh_clear()
    points = scene.project(np.stack([position[:, 0], position[:, 2], -position[:, 1]], 1))

    ray = np.array(scene.camera.location) - position
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    facing = (normal * ray).sum(1)
    x, y = points[:, 0], points[:, 1]
    inside = (x > box[0] - _MARGIN) & (x < box[2] + _MARGIN) & (y > box[1] - _MARGIN) & (y < box[3] + _MARGIN)
    visible = np.zeros(count, np.float32)
    tree = BVHTree.FromObject(scene.skin, graph)
    start = position + normal * 0.004 + ray * 0.006  # off the vertex's own faces
    for i in np.where(inside & (facing > 0.0))[0]:
        if tree.ray_cast(Vector(start[i]), Vector(ray[i]))[0] is None:
            visible[i] = min(1.0, facing[i] / FULLY_SEEN)
    return points.astype(np.float32), visible
