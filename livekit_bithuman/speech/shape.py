"""How far a mouth is open and how wide it is, as two numbers: what viseme weights look like from afar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..pose import VISEMES

#: (openness 0..1, width -1 puckered .. 1 spread) of each viseme at full weight, after the Oculus reference images.
_SHAPES = {
    "sil": (0.0, 0.0),
    "PP": (0.0, 0.0),
    "FF": (0.08, 0.1),
    "TH": (0.2, 0.1),
    "DD": (0.22, 0.2),
    "kk": (0.3, 0.1),
    "CH": (0.18, -0.5),
    "SS": (0.12, 0.35),
    "nn": (0.22, 0.1),
    "RR": (0.25, -0.35),
    "aa": (0.9, 0.1),
    "E": (0.55, 0.45),
    "ih": (0.35, 0.6),
    "oh": (0.65, -0.6),
    "ou": (0.3, -1.0),
}

#: float32, shape (15,), in `VISEMES` order.
OPENNESS: NDArray[np.float32] = np.array([_SHAPES[viseme][0] for viseme in VISEMES], np.float32)
WIDTH: NDArray[np.float32] = np.array([_SHAPES[viseme][1] for viseme in VISEMES], np.float32)


def mouth_shape(weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Openness and width of viseme weights.

    Args:
        weights: float32, shape (..., 15), in `VISEMES` order.

    Returns:
        Openness 0..1 and width -1..1, each float32 of shape (...).
    """
    return weights @ OPENNESS, weights @ WIDTH
