"""The data types of the contract: what they take, what they refuse, and their defaults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from livekit_bithuman.errors import AudioFormatError
from livekit_bithuman.media import AudioChunk, Emotion, EmotionPrediction, VideoControl, VideoFrame


def test_a_chunk_keeps_int16_samples() -> None:
    samples = np.array([0, 1, -32768, 32767], np.int16)
    chunk = AudioChunk(samples, 16_000)
    assert chunk.array is samples
    assert chunk.data is samples
    assert chunk.last_chunk is True
    assert chunk.duration == 4 / 16_000


@given(arrays(np.int16, st.integers(0, 50)))
def test_bytes_make_the_round_trip(samples: np.ndarray) -> None:
    chunk = AudioChunk.from_bytes(samples.tobytes(), 8_000, last_chunk=False)
    assert np.array_equal(chunk.array, samples)
    assert chunk.bytes == samples.tobytes()
    assert chunk.last_chunk is False


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_scaled_truncated_and_clipped(dtype: type) -> None:
    chunk = AudioChunk(np.array([0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -7.0], dtype), 48_000)
    assert chunk.array.dtype == np.int16
    assert chunk.array.tolist() == [0, 16383, -16383, 32767, -32767, 32767, -32767]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.array([0.0, np.nan]), "not finite"),
        (np.array([np.inf], np.float32), "not finite"),
        (np.zeros(3, np.int32), "int32"),
        (np.zeros((3, 2), np.int16), r"\(3, 2\)"),
        (np.zeros((3, 2), np.float32), r"\(3, 2\)"),
        (b"\0\0\0", "half a sample"),
        ([0, 1], "list"),
    ],
)
def test_other_audio_is_refused_with_what_to_do(data: object, says: str) -> None:
    with pytest.raises(AudioFormatError, match=says) as caught:
        AudioChunk(data, 16_000)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).count(". ") >= 1


def test_a_frame_without_a_picture_is_a_filler() -> None:
    frame = VideoFrame()
    assert not frame.has_image
    assert frame.rgb_image is None
    assert not frame.end_of_speech


def test_rgb_is_a_view_of_the_bgr_picture() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    rgb = VideoFrame(bgr_image=picture).rgb_image
    assert rgb is not None
    assert np.shares_memory(rgb, picture)
    assert rgb[0, 0].tolist() == [2, 1, 0]


def test_a_control_is_idle_without_audio_clip_action_or_emotion() -> None:
    assert VideoControl().is_idle
    assert VideoControl(text="hello").is_idle
    assert not VideoControl(action="wave").is_idle
    assert not VideoControl(target_video="intro").is_idle
    assert not VideoControl(emotion_preds=[EmotionPrediction(Emotion.JOY, 0.9)]).is_idle
    speech = VideoControl.from_audio(b"\1\0", 16_000, last_chunk=False)
    assert speech.is_speaking
    assert not speech.is_idle
    assert speech.audio is not None
    assert speech.audio.array.tolist() == [1]
    assert speech.audio.last_chunk is False


def test_every_control_has_an_id_of_its_own() -> None:
    assert VideoControl().message_id != VideoControl().message_id


def test_an_emotion_makes_the_round_trip() -> None:
    prediction = EmotionPrediction(Emotion.SURPRISE, 0.25)
    assert prediction.to_dict() == {"emotion": "surprise", "score": 0.25}
    assert EmotionPrediction.from_dict(prediction.to_dict()) == prediction
    with pytest.raises(ValueError, match="bored"):
        EmotionPrediction.from_dict({"emotion": "bored", "score": 1})
