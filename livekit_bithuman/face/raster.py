"""A face: viseme weights and a presentation in, a picture out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pose import Picture, Presentation, VisemeWeights
from .avatar import Avatar
from .background import background
from .badge import Badge
from .bundle import POSES, Box
from .framing import Framing
from .mouth import Pixels, PoseWeights
from .warp import Warp

_SIL, _SMILE = POSES.index("sil"), POSES.index("smile")


class Face:
    """Draws one avatar at one size.

    A picture is a pure function of the avatar, the size and the arguments of `draw`: the same bytes whatever was drawn
    before and however many threads OpenCV uses. Faces of one avatar share its rig and may draw in different threads;
    one face draws one picture at a time or many, it keeps nothing between them.
    """

    def __init__(
        self,
        avatar: Avatar,
        size: tuple[int, int] | None = None,
        behind: str | None = None,
        badge: bool = False,
    ) -> None:
        """Frame the avatar.

        Args:
            avatar: What is drawn.
            size: (width, height) of the pictures in pixels, 16..4096 each; None: the avatar's own.
            behind: The background; see `background`.
            badge: Show a small "AI" in the upper left corner.

        Raises:
            ValueError: The size is out of range.
            BackgroundError: The background cannot be shown behind this avatar.
        """
        self.avatar = avatar if behind is None else avatar.cut_out
        self.size = avatar.size if size is None else (int(size[0]), int(size[1]))
        if not all(16 <= side <= 4096 for side in self.size):
            width, height = self.size
            raise ValueError(f"A picture of {width} x {height} is out of range. Use 16 to 4096 pixels a side.")
        bundle = self.avatar.bundle
        behind_it = background(behind, avatar.bundle, *self.size)
        self._warp = Warp(bundle, Framing.of(bundle.manifest, *self.size), behind_it)
        x0, y0, x1, y1 = self._warp.seen
        self._corner = x0, y0
        self._base = bundle.base[y0:y1, x0:x1]
        self._badge = Badge(*self.size) if badge else None
        self._shares = np.array(bundle.manifest.shares, np.float32)

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
        eyes = rig.eyes.draw(presentation.blink, presentation.gaze_x, presentation.gaze_y, presentation.expression.lids)
        self._place(canvas, eyes, rig.eyes.box)
        picture = self._warp.draw(canvas, rig.head.inverse(presentation, self._warp.window))
        if self._badge is not None:
            self._badge.lay_over(picture)
        return picture

    def _place(self, canvas: Pixels, part: Pixels, box: Box) -> None:
        x, y = box[0] - self._corner[0], box[1] - self._corner[1]
        canvas[y : y + part.shape[0], x : x + part.shape[1]] = part


def _pose(weights: VisemeWeights, smile: float, shares: NDArray[np.float32]) -> PoseWeights:
    """Weights of the rig's poses. What a viseme does not show of its keyframe is rest; a smile differs from rest."""
    pose = np.zeros(len(POSES), np.float32)
    shown = pose[: len(weights)]
    np.multiply(weights, shares, out=shown)
    pose[_SIL] += weights.sum() - shown.sum() - np.float32(smile)
    pose[_SMILE] = np.float32(smile)
    return pose
