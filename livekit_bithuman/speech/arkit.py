"""The visemes' mouths as ARKit's blendshapes: one fixed mixture of shapes for each viseme.

Each row below says how far a mouth at that viseme's full weight goes into each shape, from what the lips, jaw and
tongue do for the sound. A frame's shapes are the mean of the rows under its weights, so they are 0..1 as the rows are,
and move as smoothly as the weights do. A name without a side stands for both sides: speech is symmetrical.

`mouthClose` brings the lips together under an open jaw: it must never be more than `jawOpen`, or the lips would cross.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pose import VISEMES, VisemeWeights

#: Every shape of jaw, mouth and tongue that ARKit has, by its name there.
ARKIT_SHAPES: tuple[str, ...] = (
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "tongueOut",
)  # fmt: skip

_MOUTHS: dict[str, dict[str, float]] = {
    # at rest every shape is 0
    "sil": {},
    # lips pressed on each other and rolled in a little, the teeth just apart behind them
    "PP": {"jawOpen": 0.04, "mouthClose": 0.04, "mouthPress": 0.45, "mouthRollLower": 0.25, "mouthRollUpper": 0.25},
    # the lower lip under the edge of the upper teeth, which show
    "FF": {"jawOpen": 0.07, "mouthRollLower": 0.6, "mouthShrugLower": 0.15, "mouthUpperUp": 0.25},
    # the tongue's tip between the teeth
    "TH": {"jawOpen": 0.14, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "tongueOut": 0.3},
    # the tongue behind the upper teeth; lips follow the vowel, a little spread
    "DD": {"jawOpen": 0.15, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "mouthStretch": 0.1},
    # the back of the tongue up: nothing of it shows
    "kk": {"jawOpen": 0.22, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    # teeth together, lips pushed out into a square
    "CH": {"jawForward": 0.1, "jawOpen": 0.1, "mouthFunnel": 0.55, "mouthLowerDown": 0.15, "mouthUpperUp": 0.2},
    # teeth together, lips spread thin
    "SS": {"jawOpen": 0.05, "mouthLowerDown": 0.25, "mouthSmile": 0.15, "mouthStretch": 0.3, "mouthUpperUp": 0.15},
    # as DD, with less breath behind it
    "nn": {"jawOpen": 0.15, "mouthLowerDown": 0.18, "mouthStretch": 0.05, "mouthUpperUp": 0.08},
    # lips a little forward, as for the English r
    "RR": {"jawOpen": 0.16, "mouthFunnel": 0.35, "mouthPucker": 0.2},
    # "father"
    "aa": {"jawOpen": 0.68, "mouthLowerDown": 0.35, "mouthUpperUp": 0.2},
    # "bed"
    "E": {"jawOpen": 0.4, "mouthLowerDown": 0.3, "mouthSmile": 0.2, "mouthStretch": 0.25, "mouthUpperUp": 0.15},
    # "see": the widest
    "ih": {
        "jawOpen": 0.24, "mouthDimple": 0.1, "mouthLowerDown": 0.25, "mouthSmile": 0.3, "mouthStretch": 0.3,
        "mouthUpperUp": 0.1,
    },
    # "law": open and rounded
    "oh": {"jawOpen": 0.48, "mouthFunnel": 0.55, "mouthPucker": 0.2},
    # "you": the narrowest
    "ou": {"jawOpen": 0.2, "mouthFunnel": 0.3, "mouthPucker": 0.8},
}  # fmt: skip


def _row(viseme: str) -> list[float]:
    shapes = _MOUTHS[viseme]
    return [shapes.get(name, shapes.get(name.removesuffix("Left").removesuffix("Right"), 0.0)) for name in ARKIT_SHAPES]


#: float32, shape (15, 28): shapes in `ARKIT_SHAPES` order of each viseme, in `VISEMES` order.
MATRIX: NDArray[np.float32] = np.array([_row(viseme) for viseme in VISEMES], np.float32)


def arkit_shapes(weights: VisemeWeights) -> dict[str, float]:
    """The blendshapes of viseme weights.

    Args:
        weights: float32, shape (15,), in `VISEMES` order.

    Returns:
        Each of `ARKIT_SHAPES`, 0..1.
    """
    mixed = np.clip(weights @ MATRIX, 0.0, 1.0)
    return dict(zip(ARKIT_SHAPES, map(float, mixed), strict=True))
