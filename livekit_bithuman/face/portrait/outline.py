"""Which of a picture is the person: so that something else can be shown behind.

MediaPipe's selfie segmentation (Apache-2.0), converted as the models of landmarks.py are, finds the person in 256 x 256
pixels. Its edge is then moved to that of the picture by a guided filter (He, Sun and Tang, ECCV 2010).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import Colours, Points, run_model
from .mesh_indices import OVAL

Share = NDArray[np.float32]  # (height, width), 0..1

MODEL_SIDE = 256  # pixels that the model looks at
REACH = 9  # pixels of the canvas within which an edge is looked for
SMOOTHNESS = 2e-4  # of the guided filter: variance of shades of 0..1 that counts as an edge
BAND = 11  # pixels of the canvas on either side of the coarse edge that the filter may change
STEEPER = 1.5  # the filter leaves edges soft
LEAST_OF_FACE = 0.95  # of the face must be found, or it was not the person
LEAST_BEHIND = 0.02  # of the picture must not be the person, or there is no background


def coarse_outline(picture: Colours, area: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The person, 0..255, as the model sees it.

    Args:
        picture: BGR, of any size.
        area: Left, top, right and bottom of what matters, in pixels; what is beyond is 0.
    """
    left, top, right, bottom = area
    seen = cv2.resize(picture[top:bottom, left:right], (MODEL_SIDE, MODEL_SIDE), interpolation=cv2.INTER_AREA)
    (found,) = run_model("outline", np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB), np.float32) / 255)
    share = np.rint(found.reshape(MODEL_SIDE, MODEL_SIDE) * 255).astype(np.uint8)
    outline = np.zeros(picture.shape[:2], np.uint8)
    outline[top:bottom, left:right] = cv2.resize(share, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    return outline


def refined_outline(coarse: NDArray[np.uint8], canvas: Colours, points: Points) -> NDArray[np.uint8] | None:
    """The outline along the edges of the picture, 0..255; None where the model has not found the person.

    Args:
        coarse: (height, width), on the canvas.
        canvas: BGR, of the same size.
        points: The mesh, (468, 3), on the canvas.
    """
    person = _whole(coarse > 127, points)
    oval = np.zeros(coarse.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(points[list(OVAL), :2]).astype(np.int32)], 1)
    if person[oval > 0].mean() < LEAST_OF_FACE or person.mean() > 1 - LEAST_BEHIND:
        return None
    near = np.where(person, np.maximum(coarse, 128), np.minimum(coarse, 127)).astype(np.float32) / 255
    grey = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_BGR2GRAY), np.float32) / 255
    fine = np.clip((_guided(near.astype(np.float32), grey.astype(np.float32)) - 0.5) * STEEPER + 0.5, 0, 1)
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * BAND + 1, 2 * BAND + 1))
    inside = cv2.erode(person.astype(np.uint8), reach, borderType=cv2.BORDER_REPLICATE) > 0
    outside = cv2.dilate(person.astype(np.uint8), reach) == 0
    fine[inside | (oval > 0)] = 1
    fine[outside] = 0
    return np.asarray(np.rint(fine * 255), np.uint8)


def own_outline(opacity: NDArray[np.uint8], points: Points) -> NDArray[np.uint8] | None:
    """The outline of a picture that is transparent around the person; None where it is not, or the face is too.

    Args:
        opacity: (height, width), on the canvas.
        points: The mesh, (468, 3), on the canvas.
    """
    oval = np.zeros(opacity.shape, np.uint8)
    cv2.fillPoly(oval, [np.rint(points[list(OVAL), :2]).astype(np.int32)], 1)
    opaque = opacity > 127
    return None if opaque[oval > 0].mean() < LEAST_OF_FACE or opaque.mean() > 1 - LEAST_BEHIND else opacity


def _whole(found: NDArray[np.bool_], points: Points) -> NDArray[np.bool_]:
    """The one region that has the face, without holes."""
    _, labels = cv2.connectedComponents(found.astype(np.uint8))
    height, width = found.shape
    at = np.clip(points[:, :2].astype(int), 0, [width - 1, height - 1])
    mine = np.bincount(labels[at[:, 1], at[:, 0]], minlength=1)
    mine[0] = 0
    person = labels == (int(mine.argmax()) if mine.any() else -1)
    _, gaps = cv2.connectedComponents((~person).astype(np.uint8))
    rim = np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]])
    return np.asarray(~np.isin(gaps, rim[rim > 0]))


def _guided(share: Share, guide: Share) -> Share:
    """A share, made to follow the edges of a guide: within each window it is a linear function of it."""

    def mean(plane: Share) -> Share:
        return np.asarray(cv2.boxFilter(plane, -1, (2 * REACH + 1, 2 * REACH + 1)), np.float32)

    mean_guide, mean_share = mean(guide), mean(share)
    slope = (mean(guide * share) - mean_guide * mean_share) / (mean(guide * guide) - mean_guide**2 + SMOOTHNESS)
    return mean(slope) * guide + mean(mean_share - slope * mean_guide)
