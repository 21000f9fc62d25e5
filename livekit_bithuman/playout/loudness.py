"""Loudness as pictures carry it: 255 is full scale, two less is a decibel less, 0 is silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def loudness_of(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of mean squares, full scale is 1; not rounded, 0..255, the shape of `power`."""
    levels: NDArray[np.float64] = np.clip(255 + 20 * np.log10(np.maximum(power, 1e-15)), 0, 255)
    return levels
