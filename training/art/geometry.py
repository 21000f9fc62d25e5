"""Small pieces of geometry shared by the scene's parts. Lengths are decimetres, MakeHuman's unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Indices = NDArray[np.intp]


def to_blender(points: Points) -> Points:
    """MakeHuman's axes (x left of the figure, y up, z front) as Blender's (x, -y front, z up)."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def smoothstep(x: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """0 at and below `low`, 1 at and above `high`, smooth between (the two may be in either order)."""
    t = np.clip((np.asarray(x) - low) / (np.asarray(high) - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def unit(vectors: Points) -> Points:
    """Vectors scaled to length 1 along the last axis; a zero vector stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def vertex_normals(points: Points, triangles: Indices) -> Points:
    """Area-weighted unit normals, shape (n, 3)."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    return unit(normals)


def triangulate(quads: list[list[int]]) -> Indices:
    """Two triangles for each quad, in the quads' order."""
    return np.array([t for q in quads for t in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))])


def rigid_fit(source: Points, target: Points) -> tuple[Points, Points]:
    """Rotation R and translation t for which source @ R.T + t is closest to target (Kabsch)."""
    source_centre, target_centre = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((source - source_centre).T @ (target - target_centre))
    handedness = np.sign(np.linalg.det(vt.T @ u.T))
    rotation = vt.T @ np.diag([1.0, 1.0, handedness]) @ u.T
    return rotation, target_centre - rotation @ source_centre


def fit_sphere(points: Points) -> tuple[Points, float]:
    """Centre and radius of the sphere that fits the points best (linear least squares)."""
    system = np.c_[2.0 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))
