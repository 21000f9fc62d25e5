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


#: Silent mouths that are open, as `Expression.jaw` and `Expression.grin` open them: round, and wide.
_HANGING = ((VISEMES.index("oh"), 0.6), (VISEMES.index("ou"), 0.4))
_GRINNING = ((VISEMES.index("E"), 0.7), (VISEMES.index("SS"), 0.3))


@dataclass(frozen=True)
class Expression:
    """What a feeling does to a face beside its brows, smile, gaze and head. All 0: nothing."""

    inner_brows: float = 0.0  # -1 their inner ends drawn down and together .. 1 raised
    outer_brows: float = 0.0  # -1 their outer ends drawn down .. 1 raised
    lids: float = 0.0  # -1 narrowed .. 1 wide open
    corners: float = 0.0  # of the mouth: -1 drawn down .. 1 up
    sneer: float = 0.0  # 0..1 the upper lip and the sides of the nose drawn up
    jaw: float = 0.0  # 0..1 how far a silent mouth hangs open; one that speaks does what it says
    grin: float = 0.0  # 0..1 how far a silent mouth shows its teeth


NO_EXPRESSION = Expression()


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
    expression: Expression = NO_EXPRESSION

    def mouth(self, weights: VisemeWeights) -> VisemeWeights:
        """The weights to draw: `weights`, with the mouth that is being left mixed in, and hanging open where silent."""
        return _parted(self.spoken(weights), self.expression)

    def spoken(self, weights: VisemeWeights) -> VisemeWeights:
        """What of `mouth` speech decides: `weights`, with the mouth that is being left mixed in."""
        if self.mouth_from is None or self.mouth_blend <= 0.0:
            return weights
        share = np.float32(self.mouth_blend)
        mixed: NDArray[Any] = self.mouth_from * share + weights * (np.float32(1.0) - share)
        return mixed.astype(np.float32, copy=False)


def _parted(weights: VisemeWeights, expression: Expression) -> VisemeWeights:
    """Let the silent share of a mouth open: all of it where nothing is said, next to none of it in p, b and m."""
    if expression.jaw <= 0.0 and expression.grin <= 0.0:
        return weights
    jaw, grin = max(expression.jaw, 0.0), max(expression.grin, 0.0)
    silent = float(weights[0]) ** 2 / max(1.0, jaw + grin)
    parted: VisemeWeights = weights.copy()
    for shape, amount in ((_HANGING, jaw), (_GRINNING, grin)):
        for viseme, part in shape:
            moved = np.float32(silent * amount * part)
            parted[viseme] += moved
            parted[0] = max(parted[0] - moved, np.float32(0.0))
    return parted
