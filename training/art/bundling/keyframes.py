"""A directory of keyframes, as `KEYFRAMES.md` describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]  # (h, w, 4), BGRA, 0..255, colours premultiplied by alpha
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Meta:
    """`meta.json`."""

    name: str
    title: str
    description: str
    author: str
    licences: tuple[str, ...]
    scale: int
    canvas: tuple[int, int]
    frame: Box
    boxes: dict[str, Box]
    mouth: tuple[float, float, float]
    eye_right: tuple[float, float, float]
    eye_left: tuple[float, float, float]
    eye_radius: float
    eye_distance: float
    background: tuple[tuple[int, int, int], tuple[int, int, int]]

    @property
    def pixels_per_decimetre(self) -> float:
        """At the face's distance. The pupils of all characters are 0.58 dm apart, MakeHuman's own distance."""
        return self.eye_distance / 0.58


class Keyframes:
    """Pictures and geometry of one character.

    Attributes:
        meta: `meta.json`.
        poses: Names of the poses with geometry.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.meta = _meta(json.loads((directory / "meta.json").read_text()))
        with np.load(directory / "geometry.npz", allow_pickle=False) as arrays:
            self.poses = [str(name) for name in arrays["pose_names"]]
            self._points, self._visible, self._inner = arrays["points"], arrays["visible"], arrays["inner"]

    def points(self, pose: str) -> NDArray[np.float32]:
        """(n, 3): x, y in canvas pixels, distance in decimetres."""
        return np.asarray(self._points[self.poses.index(pose)], np.float32)

    def visible(self, pose: str) -> NDArray[np.float32]:
        """(n,): 0 hidden .. 1 facing the camera."""
        return np.asarray(self._visible[self.poses.index(pose)], np.float32)

    def inner(self, pose: str) -> NDArray[np.float32]:
        """(3, 2): upper teeth, lower teeth, tongue."""
        return np.asarray(self._inner[self.poses.index(pose)], np.float32)

    def has(self, name: str) -> bool:
        """Whether an optional picture is there."""
        return (self._directory / f"{name}.png").exists()

    def fine(self, name: str, box: Box) -> Image:
        """A part of a picture at its own resolution, `scale` pixels to a canvas pixel."""
        path = self._directory / f"{name}.png"
        raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        scale = self.meta.scale
        width, height = self.meta.canvas
        if raw is None or raw.dtype != np.uint8 or raw.shape != (height * scale, width * scale, 4):
            raise ValueError(f"{path} is not an 8-bit RGBA picture of the canvas at scale {scale}. Render it again.")
        x0, y0, x1, y1 = (side * scale for side in box)
        image = raw[y0:y1, x0:x1].astype(np.float32)
        image[..., :3] *= image[..., 3:] / 255
        return image

    def picture(self, name: str, box: Box | None = None) -> Image:
        """A part of a picture, or all of it, at one pixel to a canvas pixel."""
        return shrunk(self.fine(name, box or (0, 0, *self.meta.canvas)), self.meta.scale)


def shrunk(image: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Averaged over squares of `scale` x `scale` pixels."""
    if scale == 1:
        return image
    height, width = image.shape[0] // scale, image.shape[1] // scale
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded to 8 bits."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _meta(document: dict[str, Any]) -> Meta:
    background = document.get("background", [[226, 218, 210], [150, 138, 128]])
    return Meta(
        name=document["name"],
        title=document["title"],
        description=document.get("description", ""),
        author=document["author"],
        licences=tuple(document["licences"]),
        scale=document["scale"],
        canvas=tuple(document["canvas"]),
        frame=tuple(document["frame"]),
        boxes={name: tuple(box) for name, box in document["boxes"].items()},
        mouth=tuple(document["mouth"]),
        eye_right=tuple(document["eye_right"]),
        eye_left=tuple(document["eye_left"]),
        eye_radius=document["eye_radius"],
        eye_distance=document["eye_distance"],
        background=tuple(tuple(colour) for colour in background),
    )
