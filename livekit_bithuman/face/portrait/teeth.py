"""The portrait's own upper teeth, where an open mouth shows them: the rendered ones make room."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .crop import Sitting
from .landmarks import Points

BRIGHT = 0.5  # of the brightest inside the mouth: what is darker is no tooth
RED = 14.0  # CIELAB's a* above the teeth's own: what is redder is gum, tongue or lip
LEAST_ACROSS = 0.45  # of the mouth's width that must show teeth ..
LEAST_HIGH = 0.07  # .. as high as this share of it: less is no row of teeth to speak with
MOST_HIGH = 0.20  # of the mouth's width: what is higher is two rows, with no gap between them
ROOTS = 0.20  # of the mouth's width that a tooth goes on beneath the upper lip
RIM = 1.5  # pixels along a tooth's ends that have lip or darkness in them
LEVEL = 0.05  # of the mouth's width, over which the row's ends are evened out
SOFT = 1.2  # pixels
GAIN = 1.1  # the renderer adds the lips' shade, of which the picture has some


def own_teeth(
    sitting: Sitting, rims: tuple[Points, Points], corner: Points, rendered: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """The portrait's row of upper teeth in place of a rendered one.

    Its lower edge comes where the rendered row's is, so that poses show as much of it; beneath the upper lip it goes on
    in the colours that are seen of it.

    Args:
        sitting: The face.
        rims: The open lips' inner rims.
        corner: The mouth box' upper left, in canvas pixels.
        rendered: What it replaces: BGRA, premultiplied, 0..255, (height, width, 4), the mouth box.

    Returns:
        The same, or None where the picture shows too little.
    """
    height, width = rendered.shape[:2]
    x0, y0 = (int(value) for value in corner)
    picture = sitting.canvas[y0 : y0 + height, x0 : x0 + width].astype(np.float32)
    mouth = float(np.linalg.norm(rims[0][-1] - rims[0][0]))
    ends = _ends(_teeth(picture, [rim - corner for rim in rims]), mouth)
    if ends is None:
        return None
    across, top, bottom = ends
    middle = slice(len(across) // 3, -(len(across) // 3))
    lowered = _edge(rendered) - float(np.median(bottom[middle]))
    rows = np.arange(height, dtype=np.float64)[:, None] + 0.5 - lowered
    source = np.clip(rows, (top + RIM)[None], np.maximum(bottom - RIM, top + RIM)[None])
    x = np.broadcast_to(across.astype(np.float32), source.shape)
    colour = cv2.remap(picture, x.copy(), (source - 0.5).astype(np.float32), cv2.INTER_LINEAR)
    share = np.clip((bottom[None] - rows) / SOFT + 0.5, 0, 1)
    share *= np.clip((rows - top[None] + ROOTS * mouth) / SOFT, 0, 1)
    share *= np.clip(np.minimum(across - across[0], across[-1] - across) / (2 * SOFT), 0, 1)[None]
    row = np.zeros_like(rendered)
    row[:, across, :3] = np.clip(colour * GAIN, 0, 255) * share[..., None]
    row[:, across, 3] = 255 * share
    return row


def _teeth(picture: NDArray[np.float32], rims: list[Points]) -> NDArray[np.bool_]:
    """What is bright and not red between the rims."""
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(np.concatenate([rims[0], rims[1][::-1]]) - 0.5).astype(np.int32)], 1)
    lab = cv2.cvtColor(picture / 255, cv2.COLOR_BGR2Lab)
    light, red = lab[..., 0], lab[..., 1]
    brightest = float(np.percentile(light[inside > 0], 85))
    teeth_red = float(np.median(red[(inside > 0) & (light >= 0.85 * brightest)]))
    return np.asarray((inside > 0) & (light > BRIGHT * brightest) & (red < teeth_red + RED))


def _ends(
    seen: NDArray[np.bool_], mouth: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None:
    """The columns of the upper row, and by column the rows where it begins and ends; None where it is too little."""
    columns = _together(np.flatnonzero(seen.sum(axis=0) > LEAST_HIGH * mouth / 2), LEVEL * mouth)
    if len(columns) < LEAST_ACROSS * mouth:
        return None
    tops = seen[:, columns].argmax(axis=0)
    gap = np.cumsum(~seen[:, columns] & (np.arange(len(seen))[:, None] > tops), axis=0)
    bottoms = tops + (seen[:, columns] & (gap == 0)).sum(axis=0)  # beneath a gap the lower row begins
    bottoms = np.minimum(bottoms, tops + MOST_HIGH * mouth)
    if np.median(bottoms - tops) < LEAST_HIGH * mouth:
        return None
    across = np.arange(columns[0], columns[-1] + 1)
    top, bottom = (_evened(np.interp(across, columns, rows), LEVEL * mouth) for rows in (tops, bottoms))
    return across, top, bottom


def _together(columns: NDArray[np.int64], gap: float) -> NDArray[np.int64]:
    """The largest part of some columns that has no wider gap."""
    if not len(columns):
        return columns
    return max(np.split(columns, np.flatnonzero(np.diff(columns) > gap) + 1), key=len)


def _evened(rows: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    line = np.ascontiguousarray(rows[None], np.float64)
    return np.asarray(cv2.GaussianBlur(line, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0], np.float64)


def _edge(rendered: NDArray[np.float32]) -> float:
    """The row where a rendered row of teeth ends, in its middle third."""
    solid = rendered[..., 3] > 127
    columns = np.flatnonzero(solid.any(axis=0))
    columns = columns[len(columns) // 3 : -(len(columns) // 3)]
    return float(np.median(len(solid) - solid[::-1, columns].argmax(axis=0)))
