"""The built-in character as a performer: what her mouth does in each pose, for another face to do likewise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose import Presentation, resting_mouth
from ..bundle import MOUTH_STEP, POSES, Bundle
from ..flow import Field, grid_nodes, inverse_field, sampled
from .landmarks import Colours, Points, find_faces, fit_mesh

EDGE = 22.0  # pixels inside her mouth box over which her motion is taken: a sharper end would leave a line
_SIL = POSES.index("sil")


@dataclass(frozen=True)
class Performer:
    """A character whose poses were rendered, at rest, with the points of the mesh on her face."""

    bundle: Bundle
    points: Points  # (468, 3), canvas pixels, mouth at rest
    picture: Colours  # her frame, at rest
    lip_line: Points  # (n, 2), canvas pixels, from the left corner to the right

    def motion(self, layer: int, points: Points) -> NDArray[np.float64]:
        """How far points of her resting face go in each pose, in canvas pixels.

        Args:
            layer: 0 the upper lip's, 1 the lower's.
            points: (n, 2), canvas pixels.

        Returns:
            (poses, n, 3): to the right, down, and into the picture. Zero outside her mouth box.
        """
        x0, y0, x1, y1 = self.bundle.manifest.mouth
        flow = np.ascontiguousarray(self.bundle.mouth_flow[:, layer].astype(np.float32))
        nodes = grid_nodes(*flow.shape[1:3])
        back = inverse_field(np.ascontiguousarray(flow[_SIL, ..., :2]), nodes, MOUTH_STEP, 12)
        local: Field = ((points - (x0, y0)) / MOUTH_STEP).astype(np.float32)[None]
        atlas: Field = (local - sampled(back, local) / MOUTH_STEP).astype(np.float32)
        rest = sampled(np.ascontiguousarray(flow[_SIL]), atlas)[0]
        moved = np.stack([sampled(np.ascontiguousarray(pose), atlas)[0] - rest for pose in flow])
        margin = np.minimum(points - (x0, y0), (x1, y1) - points).min(axis=1)
        share = np.clip(margin / EDGE, 0, 1)
        share = share * share * (3 - 2 * share)
        return np.asarray(moved * share[None, :, None], np.float64)


@lru_cache(1)
def performer() -> Performer:
    """The default character, looked at once."""
    from ..avatar import Avatar  # it knows portraits itself
    from ..raster import Face

    avatar = Avatar.load()
    picture = Face(avatar).draw(resting_mouth(), Presentation())
    mesh = fit_mesh(picture, find_faces(picture)[0])
    points = mesh.points.copy()
    points[:, :2] += avatar.bundle.manifest.frame[:2]
    return Performer(avatar.bundle, points, picture, _lip_line(avatar.bundle))


def _lip_line(bundle: Bundle) -> Points:
    """Where her closed lips meet: the rim of the upper one, taken from the atlas to rest."""
    upper, lower = bundle.mouth_masks
    hole = (upper < 128) & (lower < 128)
    columns = np.flatnonzero(hole.any(axis=0))
    rim = np.array([np.flatnonzero(hole[:, column]).min() for column in columns], np.float32)
    at_rim = np.column_stack([columns + 0.5, rim]).astype(np.float32)
    flow = np.ascontiguousarray(bundle.mouth_flow[_SIL, 0].astype(np.float32))
    moved = at_rim + sampled(flow, (at_rim / MOUTH_STEP)[None].astype(np.float32))[0, :, :2]
    smooth = cv2.GaussianBlur(np.ascontiguousarray(moved), (1, 5), 1.5, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, np.float64) + bundle.manifest.mouth[:2]
