"""An avatar whose background is part of its picture, cut out along its outline, and what was behind it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .bundle import Bundle
from .flow import grid_nodes
from .framing import Framing

Pixels = NDArray[np.uint8]

INNER = 0.98  # share of the person from which on a pixel shows nothing else
RIM = 7  # canvas pixels around the outline whose colours have the old background in them


def cut_out(bundle: Bundle) -> Bundle:
    """A bundle without its background: transparent wherever its outline is 0. It must have one."""
    outline = _outline(bundle)
    colours = _unmixed(bundle.base[..., :3], outline)
    x0, y0, x1, y1 = bundle.manifest.mouth
    textures = [
        _premultiplied(_unmixed(texture[..., :3], outline[y0:y1, x0:x1]), outline[y0:y1, x0:x1])
        for texture in bundle.mouth_textures
    ]
    x0, y0, x1, y1 = bundle.manifest.eyes
    share = outline[y0:y1, x0:x1].copy()
    nodes = grid_nodes(y1 - y0, x1 - x0) + np.float32(0.5)
    for x, y, radius in bundle.spheres.tolist():  # where lids are transparent, eyeballs are seen
        share[np.hypot(nodes[..., 0] - x, nodes[..., 1] - y) <= radius + 1] = 255
    lids = [_times(_recoloured(lid, share), share) for lid in bundle.lids]
    return replace(
        bundle, base=_premultiplied(colours, outline), mouth_textures=np.stack(textures), lids=np.stack(lids)
    )


def own_background(bundle: Bundle, width: int, height: int) -> Pixels:
    """What is behind the person, guessed from what is beside: BGR, (height, width, 3). There must be an outline."""
    seen = (cv2.dilate(_outline(bundle), np.ones((5, 5), np.uint8)) == 0).astype(np.float32)
    plate = _filled(bundle.base[..., :3].astype(np.float32), seen)
    framing = Framing.of(bundle.manifest, width, height)
    step = 1 / framing.scale
    sources = np.array([[step, 0, framing.left + step / 2 - 0.5], [0, step, framing.top + step / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(np.rint(plate).astype(np.uint8), sources, (width, height), flags=flags), np.uint8)


def _outline(bundle: Bundle) -> Pixels:
    if bundle.outline is None:
        raise ValueError(f"{bundle.manifest.title} has no outline.")
    return bundle.outline


def _filled(picture: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture with what is not known of it filled in from around, coarser the farther away (pull and push)."""
    height, width = known.shape
    if min(height, width) <= 2 or known.min() > 0:
        return picture
    half = (width + 1) // 2, (height + 1) // 2
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    small = sums / np.maximum(weight, 1e-6)[..., None]
    coarse = _filled(np.asarray(small, np.float32), np.asarray(weight > 0, np.float32))
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture * known[..., None] + large * (1 - known[..., None]), np.float32)


def _unmixed(picture: Pixels, outline: Pixels) -> Pixels:
    """The person's own colours at the outline's soft edge, continued from within."""
    inner = (outline >= INNER * 255).astype(np.uint8)
    rim = cv2.dilate(inner, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) > inner
    if not rim.any():
        return picture
    continued = _filled(picture.astype(np.float32), inner.astype(np.float32))
    return np.where(rim[..., None], np.rint(continued), picture).astype(np.uint8)


def _recoloured(layer: Pixels, outline: Pixels) -> Pixels:
    return np.dstack([_unmixed(layer[..., :3], outline), layer[..., 3]])


def _premultiplied(colours: Pixels, share: Pixels) -> Pixels:
    return _times(np.dstack([colours, np.full(share.shape, 255, np.uint8)]), share)


def _times(layer: Pixels, share: Pixels) -> Pixels:
    """A premultiplied layer, less of it."""
    return np.asarray(cv2.multiply(layer, cv2.merge([share] * 4), scale=1 / 255), np.uint8)
