"""Where things are on a face: landmarks, and masks over the skin's vertices (blush, lips, scalp, lid margins)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from training.art import makehuman
from training.art.geometry import Indices, Points, fit_sphere, smoothstep, triangulate, vertex_normals

SIDES = ("l", "r")  # the figure's left and right; left has positive x
TEXTURES = "mpfb2/textures"
#: Distance of an eye from the middle plane in MakeHuman's average face, dm: lengths on a face scale with it.
REFERENCE_EYE_X = 0.31
#: Azimuths round the head (degrees, 0 is the front) at which a character gives its hair line.
HAIRLINE_AZIMUTHS = (0, 25, 45, 60, 72, 84, 96, 115, 140, 180)


@dataclass(frozen=True)
class Eye:
    """One eyeball."""

    centre: Points
    radius: float


def _mask_at_vertices(name: str, blur: float, ids: np.ndarray) -> np.ndarray:
    """A grey mask texture, blurred by `blur` pixels, at the vertices' texture coordinates: 0..1."""
    path = Path(makehuman.data_directory() / TEXTURES / name)
    image = Image.open(path).convert("L").filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(image, np.float64) / 255.0
    uv = makehuman.vertex_uv()[ids]
    height, width = pixels.shape
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1.001)
    y = np.clip((1.0 - uv[:, 1]) * height - 0.5, 0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    fx, fy = x - column, y - row
    top = pixels[row, column] * (1 - fx) + pixels[row, column + 1] * fx
    bottom = pixels[row + 1, column] * (1 - fx) + pixels[row + 1, column + 1] * fx
    return top * (1 - fy) + bottom * fy


class Anatomy:
    """The resting figure: all base mesh vertices, the visible skin, landmarks and masks."""

    def __init__(self, vertices: Points, hairline: tuple[float, ...]) -> None:
        self.vertices = vertices  # (n, 3) base mesh of this person, dm
        mesh = makehuman.base_mesh()
        self.skin = makehuman.part("body", lowest=4.3, widest=3.2)  # head, neck and shoulders
        self.skin_points = vertices[self.skin.ids]
        self.triangles: Indices = triangulate(self.skin.faces)
        self.normals = vertex_normals(self.skin_points, self.triangles)
        self.eyes: dict[str, Eye] = {}
        for side in SIDES:
            self.eyes[side] = Eye(*fit_sphere(vertices[makehuman.group_vertices(f"helper-{side}-eye")]))
        self.eye_y = float(self.eyes["l"].centre[1] + self.eyes["r"].centre[1]) / 2.0
        self.eye_z = float(self.eyes["l"].centre[2])
        self.scale = float(self.eyes["l"].centre[0]) / REFERENCE_EYE_X  # of the face, 1 for the average
        self.base_points = mesh.vertices[self.skin.ids]
        self.lips = _mask_at_vertices("mpfb_lips.jpg", 5.0, self.skin.ids)
        self.ears = _mask_at_vertices("mpfb_ears.jpg", 4.0, self.skin.ids)
        self.mouth = self.skin_points[self.lips > 0.5].mean(0)
        self.nose_tip = self._nose_tip()
        self.head_centre = np.array([0.0, self.eye_y + 0.28 * self.scale, self.eye_z - 0.75 * self.scale])
        self.scalp = self._scalp(hairline)

    def face_coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|x| from the middle plane, y above the eyes (both in face scales), and z, of the skin's vertices."""
        p = self.skin_points
        return np.abs(p[:, 0]) / self.scale, (p[:, 1] - self.eye_y) / self.scale, p[:, 2]

    def _nose_tip(self) -> Points:
        x, y, z = self.face_coordinates()
        candidates = np.where((x < 0.05) & (y < 0.2) & (y > -1.0), z, -np.inf)
        return np.asarray(self.skin_points[np.argmax(candidates)])

    def _scalp(self, hairline: tuple[float, ...]) -> np.ndarray:
        """0..1: where hair grows, above a line that depends on the azimuth round the head."""
        p, k = self.skin_points, self.scale
        offset = p - self.head_centre
        azimuth = np.degrees(np.arctan2(np.abs(offset[:, 0]), offset[:, 2]))
        line = np.interp(azimuth, HAIRLINE_AZIMUTHS, hairline) * k + self.eye_y
        above = smoothstep(p[:, 1] - line, -0.05 * k, 0.07 * k)
        head = (p[:, 1] > self.eye_y - 1.0 * k) & (np.hypot(offset[:, 0], offset[:, 2]) < 1.3 * k)
        return np.asarray(above * (self.ears < 0.25) * head)

    def blush(self) -> np.ndarray:
        """0..1: cheeks, tip of the nose, ears and chin, where blood shows."""
        x, y, z = self.face_coordinates()
        nose_y = (self.nose_tip[1] - self.eye_y) / self.scale
        mouth_y = (self.mouth[1] - self.eye_y) / self.scale
        cheeks = np.exp(-(((x - 0.44) / 0.25) ** 2) - ((y + 0.36) / 0.17) ** 2) * (z > 0)
        nose = np.exp(-((x / 0.13) ** 2) - ((y - nose_y) / 0.16) ** 2) * (z > 0.9)
        chin = np.exp(-((x / 0.2) ** 2) - ((y - mouth_y + 0.42) / 0.12) ** 2) * (z > 0.6)
        return np.clip(0.9 * cheeks + 0.5 * nose + 0.6 * self.ears + 0.25 * chin, 0.0, 1.0)

    def eye_shade(self) -> np.ndarray:
        """0..1: the thin, darker skin of the lids and below the eyes."""
        x, y, z = self.face_coordinates()
        below = np.exp(-(((x - 0.30) / 0.16) ** 2) - ((y + 0.10) / 0.06) ** 2)
        lid = np.exp(-(((x - 0.32) / 0.19) ** 2) - ((y - 0.085) / 0.055) ** 2)
        return np.clip((0.45 * below + 0.7 * lid) * (z > 0), 0.0, 1.0)

    def lid_margin(self, reach: float = 0.035) -> np.ndarray:
        """0..1: skin within `reach` (face scales) of the upper lashes' roots, where a fine eyeliner goes."""
        from scipy.spatial import cKDTree

        roots = np.concatenate([self.lash_roots(side, 2, self.vertices) for side in SIDES])
        distance = cKDTree(roots).query(self.skin_points)[0] / self.scale
        return np.asarray(1.0 - smoothstep(distance, 0.3 * reach, reach))

    def lash_roots(self, side: str, row: int, vertices: Points) -> Points:
        """Roots of MakeHuman's lash strips, from the inner to the outer corner or back, ordered along x.

        Args:
            side: "l" or "r".
            row: 1 lower lashes, 2 upper lashes.
            vertices: Base mesh vertices of any pose.
        """
        ids = makehuman.group_vertices(f"helper-{side}-eyelashes-{row}")
        rest = self.vertices[ids]
        from_eye = np.linalg.norm(rest - self.eyes[side].centre, axis=1)
        roots = np.argsort(from_eye)[: len(ids) // 3]  # each strip has three rows of vertices; the first is the root
        return vertices[ids[roots[np.argsort(rest[roots, 0])]]]

    def sample(self, density: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Random places on the skin: triangle index (count,) and barycentric weights (count, 3).

        Args:
            density: Relative hair density at each skin vertex.
            count: How many places.
            rng: Source of randomness.
        """
        a, b, c = (self.skin_points[self.triangles[:, corner]] for corner in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1) * density[self.triangles].mean(1)
        triangle = rng.choice(len(area), count, p=area / area.sum())
        root = np.sqrt(rng.random((count, 1)))
        along = rng.random((count, 1))
        return triangle, np.concatenate([1 - root, root * (1 - along), root * along], axis=1)

    def at(self, places: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
        """Vertex values (positions, normals, masks) interpolated at sampled places."""
        triangle, weights = places
        corners = values[self.triangles[triangle]]
        return np.asarray(np.einsum("nc...,nc->n...", corners, weights))
