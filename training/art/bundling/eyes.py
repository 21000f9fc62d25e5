"""The eyes of a bundle: lids in steps, whole eyeballs, highlights apart from them."""

from __future__ import annotations

import numpy as np

from livekit_bithuman.face.assets import EyeAssets
from livekit_bithuman.face.bundle import LID_STEPS

from .keyframes import Keyframes, to_bytes

EDGE_RAMP = 0.12  # eye distances over which the lids' pictures pass into the base at the box' edges

GLINT_GAIN = 1.6  # display-referred: a highlight lost its range when it was rendered to 8 bits


def build_eyes(keys: Keyframes) -> EyeAssets:
    """Everything of the eyes."""
    meta = keys.meta
    box = meta.boxes["eyes"]
    x0, y0, x1, y1 = box
    y, x = np.mgrid[0 : y1 - y0, 0 : x1 - x0].astype(np.float32)
    inward = np.minimum(np.minimum(x, x1 - x0 - 1 - x), np.minimum(y, y1 - y0 - 1 - y))
    share = np.clip(inward / (EDGE_RAMP * meta.eye_distance), 0, 1)[..., None]
    share = share * share * (3 - 2 * share)
    base = keys.picture("base", box)
    lids = [base + (keys.picture(f"lid_{step}", box) - base) * share for step in range(LID_STEPS)]
    balls = keys.picture("eyes", box)
    glint = np.clip((keys.picture("eyes_glint", box) - balls) * GLINT_GAIN, 0, 255)[..., :3]
    spheres = [[eye[0] - x0, eye[1] - y0, meta.eye_radius] for eye in (meta.eye_right, meta.eye_left)]
    return EyeAssets(
        lids=to_bytes(np.stack(lids)),
        eyeballs=to_bytes(balls),
        glint=to_bytes(glint),
        spheres=np.array(spheres, np.float32),
    )
