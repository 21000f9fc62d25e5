"""The portrait's head in depth: how far in front of its axis each point is, and what moves along with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..assets import HeadAssets
from ..bundle import HEAD_STEP, grid_shape
from .crop import Sitting
from .landmarks import Points
from .mesh_indices import BROWS, CHIN, FOREHEAD, OVAL

RELIEF = 0.85  # of the mesh's depth: the whole of it looks rubbery where hair hides the skull
HAIR_ABOVE = 0.62  # of the face's height: how far the head reaches above the forehead's topmost point
BESIDE = 1.42  # of the face's half width: how far hair and ears reach
FALLOFF = 0.55  # over which share of the head's size its motion ends
BROW_RISE, BROW_FALL = 0.075, 0.045  # of the eyes' distance


def build_head(sitting: Sitting) -> HeadAssets:
    """Guess a head from the mesh on its face."""
    height, width = sitting.canvas.shape[:2]
    rows, columns = grid_shape(width, height, HEAD_STEP)
    y, x = np.mgrid[0:rows, 0:columns] * float(HEAD_STEP)
    places = np.stack([x, y], axis=-1)
    points = sitting.points
    chin, top = points[CHIN, :2], points[FOREHEAD, :2]
    face_height = float(np.linalg.norm(chin - top))
    oval = points[list(OVAL), :2]
    face_half = float(np.ptp(oval @ sitting.along)) / 2
    middle = oval.mean(axis=0) - sitting.down * face_height * HAIR_ABOVE / 2
    local = places - middle
    across = local @ sitting.along / (BESIDE * face_half)
    down = local @ sitting.down / ((1 + HAIR_ABOVE) * face_height / 2)
    hold = _eased(1 - (np.hypot(across, down) - 1) / FALLOFF)
    # Below the chin the neck turns less and less, and the shoulders not at all.
    below = (places - chin) @ sitting.down / face_height
    hold *= _eased(1 - (below - 0.02) / 0.42)
    hold *= _eased(np.minimum(np.minimum(x, width - x), np.minimum(y + 24, height - y)) / 40)
    return HeadAssets(
        _depth(sitting, places, face_half).astype(np.float16),
        hold.astype(np.float16),
        _brows(sitting, places).astype(np.float16),
        tuple((chin + sitting.down * 0.28 * face_height).tolist()),
    )


def _depth(sitting: Sitting, places: Points, face_half: float) -> NDArray[np.float64]:
    """The mesh's depth, spread from its points and falling off smoothly beyond them."""
    points = sitting.points
    rim = float(points[list(OVAL), 2].mean())
    rows, columns = places.shape[:2]
    total, count = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    column = np.clip(points[:, 0] / HEAD_STEP, 0, columns - 1).round().astype(int)
    row = np.clip(points[:, 1] / HEAD_STEP, 0, rows - 1).round().astype(int)
    np.add.at(total, (row, column), (rim - points[:, 2]).astype(np.float32))
    np.add.at(count, (row, column), 1)
    sigma = 0.16 * sitting.eye_distance / HEAD_STEP
    near = cv2.GaussianBlur(count, (0, 0), sigma)
    known = np.minimum(near * 12, 1)
    depth = cv2.GaussianBlur(total, (0, 0), sigma) / np.maximum(near, 1e-6) * known
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), 1.2) * RELIEF + 0.12 * face_half, np.float64)


def _brows(sitting: Sitting, places: Points) -> NDArray[np.float64]:
    """Displacements of raised and lowered brows, (2, rows, columns, 2)."""
    distance = sitting.eye_distance
    weight = np.zeros(places.shape[:2])
    for brow in BROWS:
        for index in brow:
            away = places - sitting.points[index, :2]
            reach = np.hypot(away @ sitting.along / 0.20, away @ sitting.down / 0.15) / distance
            weight = np.maximum(weight, np.exp(-0.5 * reach**2))
    soft = cv2.GaussianBlur(weight, (0, 0), 0.7)[..., None]
    raised = -soft * sitting.down * BROW_RISE * distance
    lowered = soft * sitting.down * BROW_FALL * distance
    return np.stack([raised, lowered])


def _eased(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))
