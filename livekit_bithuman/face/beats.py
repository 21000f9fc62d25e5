"""Beats: what brows and head do where the voice stresses a syllable.

They come with the stress and are as strong as it. Which of them moves, and how far, drifts with the seed: some
stresses are passed over, and no two look the same.
"""

from __future__ import annotations

from dataclasses import replace

from ..pose import Presentation
from .noise import wander

BROW = 0.75  # at the strongest
NOD = 0.075  # radians of pitch
LEAN = 0.030  # radians of roll, to either side

BROW_S, NOD_S, LEAN_S = 1.3, 1.1, 1.9  # seconds per unit of the drift

_BROW, _NOD, _LEAN = 80, 81, 82  # streams of chance


def emphasised(face: Presentation, emphasis: float, seed: int, time: float) -> Presentation:
    """A face's own motion with a beat on it; itself where nothing is stressed.

    Args:
        face: Its own motion.
        emphasis: Of the voice, 0..1; see `TurnFrame.emphasis`.
        seed: Of the drift, any integer.
        time: In seconds, of the same clock from picture to picture.
    """
    if emphasis <= 0.0:
        return face
    return replace(
        face,
        brow=min(1.0, face.brow + BROW * emphasis * _share(seed, _BROW, time / BROW_S)),
        pitch=face.pitch + NOD * emphasis * _share(seed, _NOD, time / NOD_S),
        roll=face.roll + LEAN * emphasis * wander(seed, _LEAN, time / LEAN_S),
    )


def _share(seed: int, stream: int, position: float) -> float:
    """0 passes over a stress, 1 takes it wholly; mostly between."""
    return min(max(0.55 + 1.1 * wander(seed, stream, position), 0.0), 1.0)
