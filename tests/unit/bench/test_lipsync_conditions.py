"""Telephone, codec and noise do to a voice what they say, and do not move it in time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.lipsync.conditions import CONDITIONS, noisy, opus, telephone

RATE = 16_000


def bursts(seconds: float = 2.0) -> NDArray[np.int16]:
    """Noise that comes and goes, like syllables."""
    count = round(seconds * RATE)
    noise = np.random.default_rng(7).standard_normal(count)
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= (hertz > 400) & (hertz < 3000)
    swell = np.maximum(0.0, np.sin(2 * np.pi * 4 * np.arange(count) / RATE))
    return (np.fft.irfft(spectrum, count) * swell * 9000).astype(np.int16)


def lag(sound: NDArray[np.int16], other: NDArray[np.int16]) -> tuple[int, float]:
    """Samples by which `other` is late, within 20 ms, and the correlation there."""
    reach = 320
    middle = other[reach:-reach].astype(float)
    places = np.arange(-reach, reach)
    windows = [sound[reach - place : len(sound) - reach - place].astype(float) for place in places]
    found = [np.corrcoef(window, middle)[0, 1] for window in windows]
    best = int(np.argmax(found))
    return int(places[best]), float(found[best])


@pytest.mark.parametrize("name", CONDITIONS)
def test_no_condition_moves_the_sound_or_changes_its_length(name: str) -> None:
    sound = bursts()
    changed = CONDITIONS[name](sound)
    assert changed.dtype == np.int16
    assert len(changed) == len(sound)
    late, likeness = lag(sound, changed)
    assert abs(late) <= 1
    assert likeness > 0.8


@pytest.mark.parametrize("count", [160, 12_345])
def test_any_length_comes_back_as_it_was(count: int) -> None:
    sound = bursts(1.0)[:count]
    for change in CONDITIONS.values():
        assert len(change(sound)) == count
        assert np.array_equal(change(sound), change(sound))


def power(sound: NDArray[np.int16], low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(sound.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(spectrum[(hertz >= low) & (hertz < high)].sum())


def test_a_telephone_passes_its_band_alone() -> None:
    sound = (np.random.default_rng(2).standard_normal(2 * RATE) * 3000).astype(np.int16)
    changed = telephone(sound)
    assert power(changed, 400, 3300) == pytest.approx(power(sound, 400, 3300), rel=0.1)
    assert power(changed, 0, 150) < 0.01 * power(sound, 0, 150)
    assert power(changed, 4200, 8000) < 0.01 * power(sound, 4200, 8000)


def test_opus_gives_less_than_it_got() -> None:
    sound = bursts()
    likeness = [lag(sound, opus(sound, rate))[1] for rate in (8_000, 32_000)]
    assert likeness[0] < likeness[1] < 0.9999


def test_noise_is_as_loud_as_asked() -> None:
    sound = bursts()
    for snr_db in (0.0, 10.0, 20.0):
        added = noisy(sound, snr_db).astype(float) - sound
        found = 10 * np.log10((sound.astype(float) ** 2).mean() / (added**2).mean())
        assert found == pytest.approx(snr_db, abs=0.1)


def test_silence_stays_silence() -> None:
    for change in CONDITIONS.values():
        assert np.abs(change(np.zeros(RATE, np.int16)).astype(int)).max() <= 8  # mu-law has no zero
