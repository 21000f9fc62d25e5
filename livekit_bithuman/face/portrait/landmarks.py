"""Finds faces in a picture, and 468 points on one of them.

MediaPipe's short-range face detector and face mesh (Apache-2.0), converted by training/portrait/convert_models.py and
run by OpenCV. Positions are pixels of the picture: x to the right, y down, (0, 0) the outer corner of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2) or (n, 3), pixels
Colours = NDArray[np.uint8]  # (height, width, 3), BGR

DETECTOR_SIDE, MESH_SIDE = 128, 192  # pixels that the models look at
STRIDES = ((8, 2), (16, 6))  # the detector's grids: pixels to a cell, boxes to a cell
LEAST_SCORE = 0.5  # MediaPipe's own threshold
SAME_FACE = 0.3  # boxes that share more of their union are one face
MESH_ROUNDS = 3  # the mesh is better where the last one was: it settles in three rounds
MESH_MARGIN = 1.5  # the part of the picture that the mesh sees, in face sizes
_MODELS = Path(__file__).with_name("models")


@dataclass(frozen=True)
class Detection:
    """One face that was found."""

    box: tuple[float, float, float, float]  # centre x, centre y, width, height
    eyes: Points  # (2, 2): the eye on the picture's left, the one on its right
    score: float  # 0..1

    @property
    def area(self) -> float:
        """Square pixels of its box."""
        return self.box[2] * self.box[3]


@dataclass(frozen=True)
class Mesh:
    """468 points on a face, in MediaPipe's order."""

    points: Points  # (468, 3); z is in pixels too, smaller is nearer
    presence: float  # 0..1: how much it looks like a face there


def find_faces(picture: Colours) -> list[Detection]:
    """Faces from the largest to the smallest."""
    found = _detected(picture, 0, 0)
    height, width = picture.shape[:2]
    if not found and min(height, width) >= 2 * DETECTOR_SIDE:
        # A face that is small in the picture is too small for the detector: look at parts of it.
        tile_h, tile_w = height * 5 // 9, width * 5 // 9
        for top in (0, height - tile_h):
            for left in (0, (width - tile_w) // 2, width - tile_w):
                found += _detected(picture[top : top + tile_h, left : left + tile_w], left, top)
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_shared(face, other) < SAME_FACE for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: -face.area)


def fit_mesh(picture: Colours, face: Detection) -> Mesh:
    """The mesh of one face."""
    mesh = _mesh_within(picture, np.array(face.box[:2]), max(face.box[2:]), face.eyes[1] - face.eyes[0])
    for _ in range(MESH_ROUNDS - 1):
        mesh = refit_mesh(picture, mesh)
    return mesh


def refit_mesh(picture: Colours, mesh: Mesh, turned: float = 0.0, scaled: float = 1.0) -> Mesh:
    """A mesh where another one was found: better for it, or, seen otherwise, as good but for its noise.

    Args:
        picture: The picture.
        mesh: What was found in it.
        turned: By which the part that the mesh sees is turned against the face, in radians.
        scaled: By which it is larger.
    """
    low, high = mesh.points[:, :2].min(axis=0), mesh.points[:, :2].max(axis=0)
    along = mesh.points[263, :2] - mesh.points[33, :2]
    turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    return _mesh_within(picture, (low + high) / 2, float((high - low).max()) * scaled, turn @ along)


def _mesh_within(picture: Colours, centre: Points, face_size: float, along: Points) -> Mesh:
    """What the model sees in a square around a face."""
    size, angle = face_size * MESH_MARGIN, np.arctan2(along[1], along[0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (size / MESH_SIDE)
    corner = centre - turn @ np.full(2, MESH_SIDE / 2)
    to_picture = np.column_stack([turn, corner])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture, to_picture, (MESH_SIDE, MESH_SIDE), flags=flags)
    outputs = run_model("face_mesh", np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.float32) / 255)
    local = next(o for o in outputs if o.size == 1404).reshape(468, 3).astype(np.float64)
    points = np.empty((468, 3))
    points[:, :2] = local[:, :2] @ turn.T + corner + 0.5
    points[:, 2] = local[:, 2] * (size / MESH_SIDE)
    return Mesh(points, _sigmoid(float(next(o for o in outputs if o.size == 1).ravel()[0])))


def _detected(picture: Colours, left: int, top: int) -> list[Detection]:
    height, width = picture.shape[:2]
    side = max(height, width)
    down, right = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[down : down + height, right : right + width] = picture
    seen = cv2.resize(square, (DETECTOR_SIDE, DETECTOR_SIDE), interpolation=cv2.INTER_AREA)
    outputs = run_model("face_detector", np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.float32) / 127.5 - 1)
    boxes = next(o for o in outputs if o.shape[-1] == 16)[0].astype(np.float64)
    scores = 1 / (1 + np.exp(-np.clip(next(o for o in outputs if o.shape[-1] == 1)[0, :, 0], -60, 60)))
    origin = np.array([left - right, top - down])
    found = []
    for index in np.flatnonzero(scores > LEAST_SCORE):
        anchor = _anchors()[index]
        centre = (boxes[index, :2] / DETECTOR_SIDE + anchor) * side + origin
        extent = boxes[index, 2:4] / DETECTOR_SIDE * side
        eyes = (boxes[index, 4:8].reshape(2, 2) / DETECTOR_SIDE + anchor) * side + origin
        found.append(Detection((*centre.tolist(), *extent.tolist()), eyes, float(scores[index])))
    return found


@lru_cache(1)
def _anchors() -> Points:
    cells = []
    for stride, boxes in STRIDES:
        count = DETECTOR_SIDE // stride
        y, x = np.mgrid[0:count, 0:count]
        cells.append(np.repeat(np.column_stack([x.ravel(), y.ravel()]) + 0.5, boxes, axis=0) / count)
    return np.concatenate(cells)


def run_model(model: str, picture: NDArray[Any]) -> list[NDArray[Any]]:
    """What a model says of a picture: (side, side, 3), float32, RGB in the range that it was trained on."""
    net = cv2.dnn.readNetFromONNX(str(_MODELS / f"{model}.onnx"))  # some 10 ms: nothing is kept, threads share nothing
    net.setInput(np.ascontiguousarray(picture[None], np.float32))
    return [np.asarray(output) for output in net.forward(net.getUnconnectedOutLayersNames())]


def _shared(one: Detection, other: Detection) -> float:
    (x, y, w, h), (u, v, p, q) = one.box, other.box
    across = max(0.0, min(x + w / 2, u + p / 2) - max(x - w / 2, u - p / 2))
    down = max(0.0, min(y + h / 2, v + q / 2) - max(y - h / 2, v - q / 2))
    return across * down / (one.area + other.area - across * down)


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -60, 60))))
