"""What speech says to a face: viseme weights, and the presentation that is added on top of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The 15 visemes of the Oculus set, in their usual order. An array of viseme weights follows this order.
VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou",
)  # fmt: skip

#: float32, shape (15,), each 0..1, summing to 1 (`sil` takes what the others leave).
VisemeWeights = NDArray[np.float32]

#: uint8, shape (height, width, 3), BGR, C-contiguous.
Picture = NDArray[np.uint8]


def resting_mouth() -> VisemeWeights:
    """The weights of a closed, silent mouth."""
    weights = np.zeros(len(VISEMES), np.float32)
    weights[0] = 1.0
    return weights


@dataclass(frozen=True)
class Presentation:
    """Everything in one picture that speech does not decide.

    Angles are in radians, positive yaw turns the face to the viewer's right, positive pitch lowers the chin,
    positive roll tilts the head clockwise as seen by the viewer. Gaze is -1..1 in each axis, positive to the
    viewer's right and down.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    blink: float = 0.0  # 0 open .. 1 closed
    brow: float = 0.0  # -1 lowered .. 1 raised
    smile: float = 0.0  # 0..1, beyond the avatar's own resting expression
    breath: float = 0.0  # -1..1, one breath's phase as chest height
    mouth_from: VisemeWeights | None = field(default=None, compare=False)  # the mouth that is being left
    mouth_blend: float = 0.0  # share of `mouth_from` that is still shown, 0..1

    def mouth(self, weights: VisemeWeights) -> VisemeWeights:
        """The weights to draw: `weights`, with the mouth that is being left mixed in."""
        if self.mouth_from is None or self.mouth_blend <= 0.0:
            return weights
        share = np.float32(self.mouth_blend)
        mixed: NDArray[Any] = self.mouth_from * share + weights * (np.float32(1.0) - share)
        return mixed.astype(np.float32, copy=False)
