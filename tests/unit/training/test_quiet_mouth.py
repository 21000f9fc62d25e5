"""Sounds that are not speech leave the mouth alone, whatever their loudness; a laugh opens it once for each burst."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter, sawtooth

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


BURSTS_PER_S = 4.8


def laugh(pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Ha ha ha: bursts of breath and then of a voice that falls, through the resonances of an open mouth."""
    t = np.arange(COUNT) / RATE
    burst, place = np.divmod(t * BURSTS_PER_S, 1.0)
    voiced = np.clip(np.minimum((place - 0.30) / 0.08, (0.80 - place) / 0.15), 0.0, 1.0)
    breathy = np.clip(np.minimum(place / 0.1, (0.4 - place) / 0.1), 0.0, 1.0)
    melody = pitch * (1.0 + 0.25 * np.exp(-burst / 4.0)) * (1.0 - 0.12 * place)
    sound = sawtooth(2.0 * np.pi * np.cumsum(melody) / RATE) * voiced + rng.normal(0.0, 0.2, COUNT) * breathy
    for formant, bandwidth in ((800, 90), (1250, 110), (2600, 170), (3500, 250)):
        radius = np.exp(-np.pi * bandwidth / RATE)
        poles = [1.0, -2.0 * radius * np.cos(2.0 * np.pi * formant / RATE), radius**2]
        sound = lfilter([1.0 - radius], poles, sound)
    return np.asarray(sound / np.abs(sound).max())


@pytest.mark.parametrize("level_db", [-30.0, -8.0])
@pytest.mark.parametrize("pitch", [130.0, 230.0, 300.0])
def test_a_laugh_opens_the_mouth_once_a_burst(pitch: float, level_db: float) -> None:
    sound = laugh(pitch, np.random.default_rng(7)) * 10.0 ** (level_db / 20.0)
    openness, _ = mouth_shape(told(np.rint(sound * 32767.0).astype(np.int16), 25)[::4])
    steps = np.diff(openness)
    directions = np.sign(steps[np.abs(steps) > 0.03])
    turns = int((np.diff(directions) != 0).sum())
    bursts = COUNT / RATE * BURSTS_PER_S
    assert abs(turns - 2 * bursts) <= 3, "it opens and closes once for each"
    assert np.percentile(openness, 90) > 0.5
