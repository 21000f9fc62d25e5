"""The head of a bundle: depth for turning, what of it the shoulders hold, and the brows' motion."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from livekit_bithuman.face.assets import HeadAssets
from livekit_bithuman.face.bundle import HEAD_STEP, grid_shape

from .keyframes import Keyframes

AXIS_DM = (
    0.90  # the axis the head turns about, behind the nose's tip: between the ears, so that its outline hardly moves
)
BACK_DM = 0.95  # nothing counts as farther behind the nose than this: hair and background stay where they are
DEPTH_SMOOTHING = 1.2  # nodes
NECK, NECK_SOFTNESS = 1.05, 0.16  # where half of the motion is left, below the mouth, and how soft; in eye distances
PIVOT = 1.4  # where the neck begins, below the mouth, in eye distances
BROW_FADE = 0.25  # eye distances over which the brows' motion fades out at their box' edges
LID_CLEAR, LID_FADE = 0.04, 0.14  # eye distances around the open eyes without brow motion, and until it is whole


def build_head(keys: Keyframes) -> HeadAssets:
    """Everything of the head."""
    meta = keys.meta
    rows, columns = grid_shape(*meta.canvas, HEAD_STEP)
    y = np.arange(rows)[:, None] * float(HEAD_STEP)
    neck = meta.mouth[1] + NECK * meta.eye_distance
    hold = 1 / (1 + np.exp((y - neck) / (NECK_SOFTNESS * meta.eye_distance)))
    return HeadAssets(
        depth=_depth(keys, rows, columns).astype(np.float16),
        hold=np.broadcast_to(hold, (rows, columns)).astype(np.float16),
        brows=np.stack([_brows(keys, pose, rows, columns) for pose in ("brow_up", "brow_down")]).astype(np.float16),
        pivot=(round(meta.mouth[0], 2), round(meta.mouth[1] + PIVOT * meta.eye_distance, 2)),
    )


def _depth(keys: Keyframes, rows: int, columns: int) -> NDArray[np.float32]:
    """How far before the axis the front surface is at each node, in canvas pixels."""
    points = keys.points("sil")
    column = np.rint(points[:, 0] / HEAD_STEP).astype(int)
    row = np.rint(points[:, 1] / HEAD_STEP).astype(int)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    nearest = np.full((rows, columns), np.inf)
    np.minimum.at(nearest, (row[inside], column[inside]), points[inside, 2])
    nose = keys.points("sil")[keys.visible("sil") > 0, 2].min()
    known = np.isfinite(nearest)
    surface = np.where(known, np.minimum(nearest, nose + BACK_DM), 0).astype(np.float32)
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), DEPTH_SMOOTHING)
    surface = cv2.GaussianBlur(surface, (0, 0), DEPTH_SMOOTHING) / np.maximum(weight, 1e-3)
    surface = np.where(weight > 0.05, surface, nose + BACK_DM).astype(np.float32)
    surface = cv2.GaussianBlur(surface, (0, 0), 1.0)
    return (nose + AXIS_DM - surface) * keys.meta.pixels_per_decimetre


def _brows(keys: Keyframes, pose: str, rows: int, columns: int) -> NDArray[np.float32]:
    """Where the brow box' points go in a pose; nothing moves at its edges and on the lids."""
    meta = keys.meta
    x0, y0, x1, y1 = meta.boxes["brows"]
    rest = keys.points("sil")
    used = keys.visible(pose) > 0.05
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32) * HEAD_STEP
    field = LinearNDInterpolator(rest[used, :2], keys.points(pose)[used, :2] - rest[used, :2], fill_value=0)(x, y)
    inward = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))
    share = _smooth(np.clip(inward / (BROW_FADE * meta.eye_distance), 0, 1))
    eyes = (keys.picture("lid_0", meta.boxes["eyes"])[..., 3] < 128).astype(np.uint8)
    ex0, ey0, ex1, ey1 = meta.boxes["eyes"]
    for eye in (meta.eye_right, meta.eye_left):  # nothing but the open eyes counts: hair has holes too
        mine = np.zeros_like(eyes)
        centre = (round(eye[0] - ex0), round(eye[1] - ey0))
        cv2.circle(mine, centre, round(meta.eye_radius * 1.1), 1, -1)
        clear = np.full((meta.canvas[1], meta.canvas[0]), 255, np.uint8)
        clear[ey0:ey1, ex0:ex1][(mine & eyes) > 0] = 0
        away = cv2.distanceTransform(clear, cv2.DIST_L2, 5)
        at_nodes = cv2.remap(away, x - 0.5, y - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = share * _smooth(np.clip((at_nodes / meta.eye_distance - LID_CLEAR) / LID_FADE, 0, 1))
    return np.asarray(field * share[..., None], np.float32)


def _smooth(share: NDArray[np.floating]) -> NDArray[np.floating]:
    return share * share * (3 - 2 * share)
