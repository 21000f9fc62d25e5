"""Sounds that are not speech leave the mouth alone, whatever their loudness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from livekit_bithuman.speech.shape import mouth_shape
from training.speech.augment import breath, chords, coloured_noise, hum
from training.speech.score import told
from training.speech.voices import RATE

COUNT = 4 * RATE

SOUNDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "white noise": lambda rng: coloured_noise(COUNT, 0.0, rng),
    "pink noise": lambda rng: coloured_noise(COUNT, 3.0, rng),
    "hum": lambda rng: hum(COUNT, rng),
    "music": lambda rng: chords(COUNT, rng),
    "breath": lambda rng: breath(COUNT, rng),
}


@pytest.mark.parametrize("level_db", [-45.0, -25.0])
@pytest.mark.parametrize("name", SOUNDS)
def test_the_mouth_stays_shut(name: str, level_db: float) -> None:
    sound = SOUNDS[name](np.random.default_rng(31)) * 10.0 ** (level_db / 20.0)
    weights = told(np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16), 25)
    openness, _ = mouth_shape(weights)
    assert (openness > 0.13).mean() < 0.03
