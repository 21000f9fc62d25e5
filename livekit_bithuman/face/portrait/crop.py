"""From a picture to the canvas: the face at a standard size, and something behind it wherever the picture ends."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import Colours, Mesh, Points
from .mesh_indices import EYES_LOWER, EYES_UPPER
from .outline import coarse_outline, own_outline, refined_outline
from .picture import Opacity

CANVAS = (1008, 576)  # 16:9 around the frame, and what motion may uncover
FRAME = (248, 32, 760, 544)
EYE_DISTANCE = 96.0  # canvas pixels between the eyes' middles, where the picture has room enough
CLOSEST = 140.0  # and where it has little
EYE_LINE = 0.42  # of the frame's height, from its top
FADE = 60.0  # canvas pixels over which what is made up beyond the picture's edge turns soft


@dataclass(frozen=True)
class Sitting:
    """A face on the canvas."""

    canvas: Colours  # (576, 1008, 3)
    points: Points  # (468, 3), canvas pixels
    along: Points  # (2,), a unit vector along the eyes, to the right
    down: Points  # (2,), across it, to the chin
    eye_distance: float  # canvas pixels between the eyes' middles
    outline: NDArray[np.uint8] | None = None  # (576, 1008): 255 the person, 0 what is behind; None: it was not found


def eye_middles(points: Points) -> Points:
    """(2, 2): the middle of each eye's opening."""
    eyes = zip(EYES_UPPER, EYES_LOWER, strict=True)
    return np.array([points[list(upper + lower), :2].mean(axis=0) for upper, lower in eyes])


def seat(picture: Colours, mesh: Mesh, opacity: Opacity | None = None) -> Sitting:
    """Crop and scale a picture so that its face is where an avatar's face is.

    Args:
        picture: BGR, of any size.
        mesh: Its face.
        opacity: How opaque the picture is, where it is not everywhere. If that leaves the face, it is the outline.
    """
    eyes = eye_middles(mesh.points)
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    height, width = picture.shape[:2]
    frame_side = FRAME[2] - FRAME[0]
    # The frame should lie within the picture; the face may grow for it, up to a close-up.
    scale = float(np.clip(frame_side / min(height, width), EYE_DISTANCE / distance, CLOSEST / distance))
    side = frame_side / scale
    middle = eyes.mean(axis=0)
    left = _within(middle[0] - side / 2, side, width)
    top = _within(middle[1] - EYE_LINE * side, side, height)
    to_canvas = np.array([[scale, 0, FRAME[0] - left * scale], [0, scale, FRAME[1] - top * scale]])
    canvas = _laid_out(picture, to_canvas, scale)
    points = mesh.points * scale
    points[:, :2] += to_canvas[:, 2]
    along = (eyes[1] - eyes[0]) / distance
    outline = None if opacity is None else own_outline(_placed(opacity, to_canvas, scale), points)
    if outline is None:
        coarse = coarse_outline(picture, _shown(to_canvas, scale, width, height))
        outline = refined_outline(_laid_out(np.dstack([coarse] * 3), to_canvas, scale)[..., 0], canvas, points)
    return Sitting(canvas, points, along, np.array([-along[1], along[0]]), distance * scale, outline)


def _shown(to_canvas: Points, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of the picture in a square around the canvas: left, top, right, bottom."""
    middle = (np.array(CANVAS) / 2 - to_canvas[:, 2]) / scale
    half = max(CANVAS) / 2 / scale
    first, last = np.floor(middle - half).astype(int), np.ceil(middle + half).astype(int)
    return max(0, int(first[0])), max(0, int(first[1])), min(width, int(last[0])), min(height, int(last[1]))


def _within(start: float, length: float, whole: int) -> float:
    """Where a stretch of some length begins, moved into 0..whole if it fits there."""
    return (whole - length) / 2 if length >= whole else float(np.clip(start, 0, whole - length))


def _placed(opacity: Opacity, to_canvas: Points, scale: float) -> Opacity:
    """How opaque the canvas is; beyond the picture as at its edge."""
    opacity, moved = _reduced(opacity, to_canvas, scale)
    return np.asarray(cv2.warpAffine(opacity, moved, CANVAS, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _reduced(picture: NDArray[np.uint8], to_canvas: Points, scale: float) -> tuple[NDArray[np.uint8], Points]:
    """A picture to place on the canvas, and how, by pixel indices."""
    to_canvas = to_canvas.copy()
    if scale < 1:  # area-averaged first: an interpolated reduction would shimmer
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        to_canvas[0, 0] = to_canvas[0, 0] * picture.shape[1] / size[0]
        to_canvas[1, 1] = to_canvas[1, 1] * picture.shape[0] / size[1]
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    to_canvas[:, 2] += 0.5 * (np.diag(to_canvas[:, :2]) - 1)  # pixel centres
    return picture, to_canvas


def _laid_out(picture: Colours, to_canvas: Points, scale: float) -> Colours:
    picture, moved = _reduced(picture, to_canvas, scale)
    warped = cv2.warpAffine(picture, moved, CANVAS, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    filled = np.asarray(warped, np.uint8)
    whole = np.full(picture.shape[:2], 255, np.uint8)
    inside = cv2.warpAffine(whole, moved, CANVAS, flags=cv2.INTER_NEAREST)
    beyond = cv2.distanceTransform(255 - inside, cv2.DIST_L2, 3)
    if not beyond.any():
        return filled
    result = filled.astype(np.float32)
    for sigma, start in ((6, 0.0), (24, 0.3), (60, 1.0)):
        share = np.clip(beyond / FADE - start, 0, 1)[..., None]
        result = result + (_softened(filled, sigma) - result) * share
    return np.asarray(np.clip(np.rint(result), 0, 255), np.uint8)


def _softened(picture: Colours, sigma: int) -> NDArray[np.float32]:
    """A Gaussian blur, on as few pixels as it takes."""
    size = picture.shape[1] // (sigma // 6), picture.shape[0] // (sigma // 6)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = cv2.GaussianBlur(small, (0, 0), 6)
    return np.asarray(cv2.resize(blurred, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
