"""What happens to a voice on its way: whatever it is, the labels still lie on the sound."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.pose import VISEMES
from training.speech.augment import augmented, coded, not_speech, resized
from training.speech.voices import RATE, Utterance


def bursts(rng: np.random.Generator) -> Utterance:
    """Noise that comes and goes, labelled where it is."""
    labels = np.repeat(np.tile([0, VISEMES.index("aa")], 8), 15).astype(np.int8)
    sound = rng.normal(0.0, 3000.0, len(labels) * 160) * np.repeat(labels > 0, 160)
    return Utterance(np.rint(sound).astype(np.int16), labels)


@pytest.mark.parametrize(("codec", "bit_rate"), [("libopus", 16_000), ("g722", None)])
def test_a_codec_costs_quality_but_no_time(codec: str, bit_rate: int | None) -> None:
    time = np.arange(RATE) / RATE
    sound = (0.3 * np.sin(2 * np.pi * (200 * time + 900 * time**2))).astype(np.float32)
    heard = coded(sound, codec, bit_rate)
    assert len(heard) == len(sound)
    assert not np.array_equal(heard, sound)
    lags = np.arange(-40, 41)
    match = [float(np.dot(np.roll(heard, -lag), sound)) for lag in lags]
    assert abs(int(lags[int(np.argmax(match))])) <= 2


def test_labels_stay_on_the_sound_through_every_augmentation() -> None:
    rng = np.random.default_rng(4)
    others = rng.normal(0.0, 0.1, RATE).astype(np.float32)
    for _ in range(12):
        taken = augmented(bursts(rng), others, rng)
        loud = (taken.pcm[: len(taken.labels) * 160].reshape(-1, 160).astype(float) ** 2).mean(axis=1)
        spoken, silent = loud[taken.labels > 0].mean(), loud[taken.labels == 0].mean()
        assert spoken > 2.0 * silent


def test_a_slower_speaker_has_longer_labels() -> None:
    slow = resized(bursts(np.random.default_rng(1)), 1.2)
    assert len(slow.labels) == 240 * 12 // 10
    assert np.flatnonzero(np.diff(slow.labels))[0] == 17


def test_what_is_not_speech_is_labelled_silence() -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        quiet = not_speech(RATE, rng)
        assert len(quiet.pcm) == RATE
        assert not quiet.labels.any()
