"""A face: viseme weights and a presentation in, a picture out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..pose import Picture, Presentation, VisemeWeights
from .avatar import Avatar
from .bundle import HEAD_STEP, POSES, Box
from .flow import Field, sampled
from .framing import Framing, backdrop, laid_over
from .head import Window
from .mouth import Pixels, PoseWeights

_SIL, _SMILE = POSES.index("sil"), POSES.index("smile")


class Face:
    """Draws one avatar at one size.

    A picture is a pure function of the avatar, the size and the arguments of `draw`: the same bytes whatever was drawn
    before and however many threads OpenCV uses. Faces of one avatar share its rig and may draw in different threads;
    one face draws one picture at a time or many, it keeps nothing between them.
    """

    def __init__(self, avatar: Avatar, size: tuple[int, int] | None = None) -> None:
        """Frame the avatar.

        Args:
            avatar: What is drawn.
            size: (width, height) of the pictures in pixels, 16..4096 each; None: the avatar's own.

        Raises:
            ValueError: The size is out of range.
        """
        self.avatar = avatar
        self.size = avatar.size if size is None else (int(size[0]), int(size[1]))
        if not all(16 <= side <= 4096 for side in self.size):
            width, height = self.size
            raise ValueError(f"A picture of {width} x {height} is out of range. Use 16 to 4096 pixels a side.")
        manifest = avatar.bundle.manifest
        self._framing = Framing.of(manifest, *self.size)
        seen = _containing(self._framing.seen(manifest.canvas), manifest.mouth, manifest.eyes)
        x0, y0, x1, y1 = seen
        self._corner = x0, y0
        self._base = np.ascontiguousarray(avatar.bundle.base[y0:y1, x0:x1])
        self._pixels = self._framing.pixel_sources(self._corner)
        self._window = _nodes_of(seen)
        self._nodes = self._framing.node_sources((self._window[1].start, self._window[0].start))
        self._backdrop = backdrop(manifest, *self.size)
        self._shares = np.array(manifest.shares, np.float32)

    def draw(self, weights: VisemeWeights, presentation: Presentation) -> Picture:
        """Draw one picture.

        Args:
            weights: Viseme weights, float32, shape (15,), summing to 1.
            presentation: Everything that speech does not decide.

        Returns:
            BGR uint8, shape (height, width, 3), newly allocated.
        """
        canvas = self._base.copy()
        rig = self.avatar
        pose = _pose(presentation.mouth(weights), presentation.smile, self._shares)
        self._place(canvas, rig.mouth.draw(pose), rig.mouth.box)
        self._place(canvas, rig.eyes.draw(presentation.blink, presentation.gaze_x, presentation.gaze_y), rig.eyes.box)
        moved = sampled(canvas, self._sources(presentation), cv2.BORDER_CONSTANT)
        return laid_over(moved, self._backdrop)

    def _place(self, canvas: Pixels, part: Pixels, box: Box) -> None:
        x, y = box[0] - self._corner[0], box[1] - self._corner[1]
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part

    def _sources(self, presentation: Presentation) -> Field:
        """Where in the canvas each output pixel comes from."""
        inverse = self.avatar.head.inverse(presentation, self._window)
        on_nodes = sampled(inverse, self._nodes)
        return np.asarray(cv2.subtract(self._pixels, self._framing.spread(on_nodes)), np.float32)


def _pose(weights: VisemeWeights, smile: float, shares: NDArray[np.float32]) -> PoseWeights:
    """Weights of the rig's poses. What a viseme does not show of its keyframe is rest; a smile differs from rest."""
    pose = np.zeros(len(POSES), np.float32)
    shown = pose[: len(weights)]
    np.multiply(weights, shares, out=shown)
    pose[_SIL] += weights.sum() - shown.sum() - np.float32(smile)
    pose[_SMILE] = np.float32(smile)
    return pose


def _containing(box: Box, *others: Box) -> Box:
    x0, y0, x1, y1 = zip(box, *others, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _nodes_of(box: Box) -> Window:
    """The window of the head's grid that covers a box of the canvas."""
    x0, y0, x1, y1 = box
    return slice(y0 // HEAD_STEP, -(-y1 // HEAD_STEP) + 1), slice(x0 // HEAD_STEP, -(-x1 // HEAD_STEP) + 1)
