"""The stream on sounds whose mouth is known."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.resample import StreamResampler
from livekit_bithuman.speech.shape import mouth_shape
from livekit_bithuman.speech.stream import SpeechStream

CLIP = Path(__file__).parents[2] / "data" / "speech.wav"

#: Where the voice of the clip says that p, b and m are, in seconds: "Maybe", "move my purple boots".
CLOSURES = [(0.325, 0.375), (0.475, 0.55), (0.95, 0.975), (1.175, 1.25), (1.35, 1.4), (1.5, 1.55), (1.7, 1.75)]
#: "five".
TUCK = (3.275, 3.325)
#: "m*o*ve".
ROUNDED = (1.0, 1.08)
#: The s of "boots", without the t before it.
HISS = (1.98, 2.08)
#: Before, between and after the two sentences.
PAUSES = [(0.0, 0.2), (2.4, 2.7), (4.12, 4.28)]


def clip(gain: float = 1.0) -> NDArray[np.int16]:
    """The test clip at 16 kHz."""
    with wave.open(str(CLIP)) as sound:
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        resampler = StreamResampler(sound.getframerate())
    louder = np.rint(pcm * gain).astype(np.int16)
    return np.concatenate([resampler.push(louder), resampler.finish()])


def told(pcm: NDArray[np.int16], fps: int = 25) -> NDArray[np.float32]:
    """The frames of a whole turn."""
    stream = SpeechStream(fps)
    stream.push(pcm)
    stream.finish(-(-len(pcm) * fps // 16_000))
    return stream.poll()


def during(frames: NDArray[np.float32], span: tuple[float, float], slack: int = 0) -> NDArray[np.float32]:
    """The frames at 25 FPS that a span of time touches, and `slack` more on either side."""
    return frames[max(0, int(span[0] * 25) - slack) : int(np.ceil(span[1] * 25)) + slack]


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_p_b_and_m_shut_the_lips(gain: float) -> None:
    frames = told(clip(gain))
    shut = [float(during(frames, span, slack=1)[:, VISEMES.index("PP")].max()) for span in CLOSURES]
    assert min(shut) > (0.7 if gain == 1.0 else 0.5), shut
    assert np.median(shut) > 0.99, shut


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_between_closures_the_mouth_opens(gain: float) -> None:
    openness, _ = mouth_shape(told(clip(gain)))
    between = [(0.38, 0.46), (1.26, 1.3), (1.41, 1.5), (3.34, 3.42)]
    widest = [float(openness[int(start * 25) : int(np.ceil(end * 25))].max()) for start, end in between]
    assert min(widest) > 0.2, widest


def test_f_tucks_s_shows_teeth_and_oo_rounds() -> None:
    frames = told(clip())
    assert during(frames, TUCK, slack=1)[:, VISEMES.index("FF")].max() > 0.5
    assert during(frames, HISS)[:, VISEMES.index("SS")].max() > 0.5
    _, width = mouth_shape(frames)
    assert during(width, ROUNDED).min() < -0.5


def test_pauses_close_the_mouth() -> None:
    frames = told(clip())
    for start, end in PAUSES:
        openness, _ = mouth_shape(frames[int(start * 25) : int(end * 25)])
        assert openness.max() < 0.05


def test_digital_silence_is_the_resting_mouth() -> None:
    openness, width = mouth_shape(told(np.zeros(32_000, np.int16)))
    assert openness.max() < 0.01
    assert np.abs(width).max() < 0.02


def sounds() -> dict[str, NDArray[np.int16]]:
    """Two seconds each of sounds that nobody says."""
    rng = np.random.default_rng(7)
    time = np.arange(32_000) / 16_000
    hum = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 6))
    breath = np.convolve(rng.standard_normal(32_000), np.ones(4) / 4, "same") * np.sin(np.pi * time) ** 2
    return {
        "white noise": (rng.standard_normal(32_000) * 600).astype(np.int16),
        "hum": np.rint(hum * 1_500).astype(np.int16),
        "breath": np.rint(breath * 900).astype(np.int16),
    }


@pytest.mark.parametrize("name", ["white noise", "hum", "breath"])
def test_what_is_not_speech_does_not_chatter(name: str) -> None:
    openness, _ = mouth_shape(told(sounds()[name])[5:])
    assert openness.max() < (0.4 if name == "breath" else 0.2)  # one may breathe through a parted mouth
    assert np.abs(np.diff(openness)).max() < 0.12


def test_a_push_after_the_end_is_refused() -> None:
    stream = SpeechStream()
    stream.finish(0)
    with pytest.raises(InvalidStateError, match="finished"):
        stream.push(np.zeros(1, np.int16))


def test_fewer_frames_than_are_ready_cannot_be_asked_for() -> None:
    stream = SpeechStream()
    stream.push(np.zeros(16_000, np.int16))
    with pytest.raises(ValueError, match="ready"):
        stream.finish(1)


def test_a_frame_that_is_ready_has_no_preview() -> None:
    stream = SpeechStream()
    stream.push(np.zeros(16_000, np.int16))
    with pytest.raises(ValueError, match="poll"):
        stream.preview(0)


@pytest.mark.parametrize("fps", [0, -1, 101])
def test_odd_frame_rates_are_refused(fps: int) -> None:
    with pytest.raises(ValueError, match="fps"):
        SpeechStream(fps)


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_the_whole_path_waits_120_ms_at_most(rate: int) -> None:
    assert SpeechStream(25).lookahead_s + StreamResampler(rate).lookahead_s <= 0.120
