"""A face of flat colours, so that what a test asks for can be counted in the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.face.bundle import (
    HEAD_STEP,
    INNER_PARTS,
    LID_STEPS,
    MOUTH_STEP,
    POSES,
    Bundle,
    Manifest,
    grid_shape,
)

CANVAS = (160, 112)
FRAME = (32, 0, 128, 96)
MOUTH = (52, 52, 108, 88)
EYES = (48, 16, 112, 44)
SKIN, TEETH, WHITE, IRIS = (90, 140, 210), (220, 220, 220), (250, 250, 250), (160, 60, 20)
LIP_LINE = 16  # rows from the mouth box' top
JAW_DROP = {"aa": 12.0, "E": 8.0, "oh": 9.0, "ih": 5.0, "SS": 3.0, "DD": 3.0}  # pixels; other poses stay closed
EYE_CENTRES, EYE_RADIUS = ((16.0, 14.0), (48.0, 14.0)), 9.0


@pytest.fixture(scope="session")
def flat_bundle() -> Bundle:
    """Skin everywhere but in a slit for the mouth and two discs for the eyes."""
    mouth_w, mouth_h = MOUTH[2] - MOUTH[0], MOUTH[3] - MOUTH[1]
    masks = np.zeros((2, mouth_h, mouth_w), np.uint8)
    masks[0, :LIP_LINE] = 255
    masks[1, LIP_LINE:] = 255
    masks[1, :, :8] = masks[1, :, -8:] = 255  # the cheeks: the layers overlap beyond the corners
    head = grid_shape(*CANVAS, HEAD_STEP)
    manifest = Manifest(
        name="flat",
        title="Flat",
        author="the tests",
        licences=("Everything: drawn by the tests",),
        canvas=CANVAS,
        frame=FRAME,
        mouth=MOUTH,
        eyes=EYES,
        pivot=(80.0, 92.0),
        background=((40, 200, 40), (40, 200, 40)),
    )
    return Bundle(
        manifest=manifest,
        base=_head(),
        mouth_textures=np.tile(_opaque(mouth_h, mouth_w, SKIN), (len(POSES), 1, 1, 1)),
        mouth_masks=masks,
        mouth_flow=_jaw(mouth_w, mouth_h),
        inner_parts=_inner(mouth_w, mouth_h),
        inner_shifts=np.zeros((len(POSES), 3, 2), np.float32),
        lids=_lids(),
        eyeballs=_eyeballs(),
        glint=np.zeros((*_size(EYES), 3), np.uint8),
        spheres=np.array([(*centre, EYE_RADIUS) for centre in EYE_CENTRES], np.float32),
        depth=np.full(head, 20, np.float16),
        hold=np.broadcast_to((np.arange(head[0]) < 11)[:, None], head).astype(np.float16),
        brows=np.zeros((2, *head, 2), np.float16),
    )


@pytest.fixture(scope="session")
def flat_avatar(flat_bundle: Bundle) -> Avatar:
    return Avatar(flat_bundle)


def _size(box: tuple[int, int, int, int]) -> tuple[int, int]:
    return box[3] - box[1], box[2] - box[0]


def _opaque(height: int, width: int, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = colour
    picture[..., 3] = 255
    return picture


def _head() -> NDArray[np.uint8]:
    """A rectangle of skin that reaches the canvas' bottom."""
    base = np.zeros((CANVAS[1], CANVAS[0], 4), np.uint8)
    base[8:, 44:116] = _opaque(CANVAS[1] - 8, 72, SKIN)
    return base


def _jaw(width: int, height: int) -> NDArray[np.float16]:
    """The lower layer drops by JAW_DROP, fading out towards the box' bottom; the upper stays."""
    rows, columns = grid_shape(width, height, MOUTH_STEP)
    y = np.arange(rows)[:, None] * MOUTH_STEP
    share = np.clip((height - y) / (height - LIP_LINE), 0, 1) * np.ones((1, columns))
    flow = np.zeros((len(POSES), 2, rows, columns, 3), np.float16)
    for pose, drop in JAW_DROP.items():
        flow[POSES.index(pose), 1, ..., 1] = drop * share
    return flow


def _inner(width: int, height: int) -> NDArray[np.uint8]:
    parts = np.zeros((len(INNER_PARTS), height, width, 4), np.uint8)
    parts[INNER_PARTS.index("teeth_upper"), LIP_LINE - 4 : LIP_LINE + 3] = _opaque(7, width, TEETH)
    return parts


def _eye_discs(shrunk: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[0 : _size(EYES)[0], 0 : _size(EYES)[1]] + 0.5
    discs: NDArray[Any] = np.zeros(x.shape, bool)
    for cx, cy in EYE_CENTRES:
        discs |= ((x - cx) / 8) ** 2 + ((y - cy) / max(6 * shrunk, 1e-3)) ** 2 < 1
    return discs


def _lids() -> NDArray[np.uint8]:
    lids = np.tile(_opaque(*_size(EYES), SKIN), (LID_STEPS, 1, 1, 1))
    for step in range(LID_STEPS):
        lids[step][_eye_discs(1 - step / (LID_STEPS - 1))] = 0
    return lids


def _eyeballs() -> NDArray[np.uint8]:
    y, x = np.mgrid[0 : _size(EYES)[0], 0 : _size(EYES)[1]] + 0.5
    balls = np.zeros((*_size(EYES), 4), np.uint8)
    for cx, cy in EYE_CENTRES:
        distance = np.hypot(x - cx, y - cy)
        balls[distance < EYE_RADIUS] = (*WHITE, 255)
        balls[distance < 4] = (*IRIS, 255)
    return balls
