"""Where a picture of any size looks at the canvas, and what is behind the head there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bundle import Box, Manifest
from .flow import Field

OUTPUT_STEP = 8  # output pixels between the nodes on which motion is computed; even
MARGIN = 40  # canvas pixels kept around what is seen: no motion reaches farther
NARROWEST = 0.5  # the least share of the frame's width that is shown; narrower pictures get room above the head
GRADIENT_CENTRE = (0.42, 0.38)  # of the backdrop's light, in widths and heights
GRADIENT_REACH = 0.85  # where it has faded, in the picture's longer side
DITHER_SEED = 1


@dataclass(frozen=True)
class Framing:
    """How an output of some size is laid over the canvas.

    The frame's height fills the output's, its bottom is the output's bottom, and both are centred. What the canvas
    has to the frame's left and right fills wide outputs; beyond the canvas there is backdrop alone.
    """

    width: int
    height: int
    scale: float  # output pixels to a canvas pixel
    left: float  # canvas x of the output's left edge
    top: float  # canvas y of the output's top edge

    @classmethod
    def of(cls, manifest: Manifest, width: int, height: int) -> Framing:
        """Frame an avatar in width x height pixels."""
        x0, _, x1, y1 = manifest.frame
        frame_w, frame_h = manifest.size
        scale = min(height / frame_h, width / (NARROWEST * frame_w))
        return cls(width, height, scale, (x0 + x1) / 2 - width / scale / 2, y1 - height / scale)

    def seen(self, canvas: tuple[int, int]) -> Box:
        """The part of the canvas that is seen, with the margin that motion needs."""
        x0 = max(0, int(self.left) - MARGIN)
        y0 = max(0, int(self.top) - MARGIN)
        x1 = min(canvas[0], int(self.left + self.width / self.scale) + 1 + MARGIN)
        y1 = min(canvas[1], int(self.top + self.height / self.scale) + 1 + MARGIN)
        return x0, y0, x1, y1

    def nodes(self) -> Field:
        """Where in the canvas each node of the output's grid is, in pixels from its corner; a node lies at every
        `OUTPUT_STEP` output pixels."""
        columns = -(-self.width // OUTPUT_STEP) + 1
        rows = -(-self.height // OUTPUT_STEP) + 1
        x = np.arange(columns) * OUTPUT_STEP / self.scale + self.left
        y = np.arange(rows) * OUTPUT_STEP / self.scale + self.top
        return np.dstack(np.meshgrid(x, y)).astype(np.float32)


def backdrop(manifest: Manifest, width: int, height: int) -> NDArray[np.uint8]:
    """The avatar's background: a soft light on a wall, dithered so that it shows no bands.

    Returns:
        BGR, (height, width, 3).
    """
    centre, edge = (np.array(colour, np.float32) for colour in manifest.background)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = GRADIENT_REACH * max(width, height)
    distance = np.hypot(x - GRADIENT_CENTRE[0] * width, y - GRADIENT_CENTRE[1] * height) / reach
    share = np.clip(distance, 0, 1)[..., None] ** 1.3
    noise = np.random.default_rng(DITHER_SEED).random((height, width, 1), np.float32)
    shade = np.floor(centre * (1 - share) + edge * share + noise)
    return np.asarray(shade.clip(0, 255), np.uint8)
