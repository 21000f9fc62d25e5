"""What a speech stream promises, whatever the sound, its length and its chunks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.speech.stream import SpeechStream

FPS = st.sampled_from([20, 24, 25, 30, 50, 100])


def noise(count: int, seed: int) -> NDArray[np.int16]:
    """Noise that swells and fades, so that every part of the net has something to say."""
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0, 8000, count // 800 + 1), 800)[:count]
    return (rng.standard_normal(count) * swell).clip(-32768, 32767).astype(np.int16)


def frames_of(count: int, fps: int) -> int:
    """Frames of a turn of `count` samples."""
    return -(-count * fps // 16_000)


@settings(max_examples=40, deadline=None)
@given(
    fps=FPS, count=st.integers(0, 12_000), cuts=st.lists(st.integers(0, 12_000), max_size=10), seed=st.integers(0, 5)
)
def test_chunking_changes_no_byte(fps: int, count: int, cuts: list[int], seed: int) -> None:
    pcm, frames = noise(count, seed), frames_of(count, fps)
    whole = SpeechStream(fps)
    whole.push(pcm)
    whole.finish(frames)
    pieces, told = SpeechStream(fps), []
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    for start, stop in pairwise(edges):
        pieces.push(pcm[start:stop])
        told.append(pieces.poll())
        pieces.preview()
    pieces.finish(frames)
    told.append(pieces.poll())
    expected = whole.poll()
    assert expected.shape == (frames, 15)
    assert expected.dtype == np.float32
    assert np.concatenate(told).tobytes() == expected.tobytes()


@settings(max_examples=30, deadline=None)
@given(fps=FPS, count=st.integers(0, 8_000), frames=st.integers(0, 40), seed=st.integers(0, 5))
def test_weights_are_shares(fps: int, count: int, frames: int, seed: int) -> None:
    stream = SpeechStream(fps)
    stream.push(noise(count, seed))
    total = max(frames, frames_of(count, fps))
    stream.finish(total)
    told = stream.poll()
    assert told.shape == (total, 15)
    assert np.all((told >= 0.0) & (told <= 1.0 + 1e-6))
    np.testing.assert_allclose(told.sum(axis=1), 1.0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(fps=FPS, frame=st.integers(0, 20), seed=st.integers(0, 5))
def test_nothing_later_than_the_look_ahead_matters_and_the_frame_is_ready_then(fps: int, frame: int, seed: int) -> None:
    stream, other = SpeechStream(fps), SpeechStream(fps)
    known = (frame + 1) * 16_000 // fps + round(stream.lookahead_s * 16_000)
    pcm = noise(known, seed)
    stream.push(pcm)
    told = stream.poll()
    assert len(told) >= frame + 1
    other.push(np.concatenate([pcm, noise(4_000, seed + 100)]))
    assert other.poll()[: frame + 1].tobytes() == told[: frame + 1].tobytes()


@pytest.mark.parametrize("fps", [20, 25, 50, 100])
def test_the_look_ahead_is_exact(fps: int) -> None:
    stream = SpeechStream(fps)
    known = 16_000 // fps + round(stream.lookahead_s * 16_000)
    stream.push(noise(known - 1, 1))
    assert len(stream.poll()) == 0
    stream.push(np.zeros(1, np.int16))
    assert len(stream.poll()) == 1


@settings(max_examples=30, deadline=None)
@given(fps=FPS, count=st.integers(0, 6_000), ahead=st.integers(0, 6), seed=st.integers(0, 5))
def test_a_preview_is_what_silence_would_bring(fps: int, count: int, ahead: int, seed: int) -> None:
    pcm = noise(count, seed)
    stream, silenced = SpeechStream(fps), SpeechStream(fps)
    stream.push(pcm)
    index = len(stream.poll()) + ahead
    silenced.push(pcm)
    silenced.finish(index + 1)
    assert stream.preview(index).tobytes() == silenced.poll()[index].tobytes()
