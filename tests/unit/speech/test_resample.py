"""The resampler against the theory of sampling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.speech.resample import StreamResampler

RATES = (8_000, 11_025, 12_345, 22_050, 24_000, 32_000, 44_100, 44_099, 48_000, 96_000, 192_000)


def tone(hertz: float, rate: int, seconds: float = 0.25) -> NDArray[np.int16]:
    """A sine at -10 dBFS."""
    time = np.arange(round(rate * seconds)) / rate
    return np.asarray(np.rint(10_000 * np.sin(2 * np.pi * hertz * time)), np.int16)


def resampled(pcm: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    """A whole turn at 16 kHz."""
    stream = StreamResampler(rate)
    return np.concatenate([stream.push(pcm), stream.finish()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [200.0, 1_000.0, 3_000.0])
def test_a_tone_comes_out_at_the_same_time_and_level(rate: int, hertz: float) -> None:
    made = resampled(tone(hertz, rate), rate)
    ideal = 10_000 * np.sin(2 * np.pi * hertz * np.arange(len(made)) / 16_000)
    inner = slice(100, -100)  # the ends lie next to silence
    assert np.abs(made[inner] - ideal[inner]).max() < 3.0


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000, 192_000])
def test_what_cannot_be_kept_is_taken_out(rate: int) -> None:
    made = resampled(tone(9_200.0, rate), rate)
    assert np.abs(made[100:-100]).max() <= 3  # 10000 at -70 dB


def test_16_khz_passes_untouched() -> None:
    stream = StreamResampler(16_000)
    pcm = tone(440.0, 16_000)
    assert stream.push(pcm) is pcm
    assert len(stream.finish()) == 0
    assert stream.lookahead_s == 0.0


@pytest.mark.parametrize("rate", RATES)
def test_the_look_ahead_is_short_and_exact(rate: int) -> None:
    stream = StreamResampler(rate)
    assert stream.lookahead_s <= 0.0041
    waited = round(stream.lookahead_s * rate)
    assert len(stream.push(np.ones(waited, np.int16))) == 0
    assert len(stream.push(np.ones(1, np.int16))) == -(-16_000 // rate)  # those before input sample 1


@pytest.mark.parametrize("rate", [7_999, 0, 192_001])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="8000 to 192000"):
        StreamResampler(rate)
