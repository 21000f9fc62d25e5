"""The resampler's promises, for every rate, length and chunking."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.speech.pcm import PcmCarry
from livekit_bithuman.speech.resample import StreamResampler

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]) | st.integers(
    8_000, 192_000
)


def noise(count: int, seed: int) -> NDArray[np.int16]:
    """Loud noise: every rounding decision is taken."""
    return np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)


@settings(max_examples=60, deadline=None)
@given(
    rate=RATES, count=st.integers(0, 3_000), cuts=st.lists(st.integers(0, 3_000), max_size=12), seed=st.integers(0, 9)
)
def test_chunking_changes_no_byte_and_the_length_is_exact(rate: int, count: int, cuts: list[int], seed: int) -> None:
    pcm = noise(count, seed)
    whole, pieces = StreamResampler(rate), StreamResampler(rate)
    expected = np.concatenate([whole.push(pcm), whole.finish()])
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    parts = [pieces.push(pcm[start:stop]) for start, stop in pairwise(edges)]
    made = np.concatenate([*parts, pieces.finish()])
    assert made.dtype == np.int16
    assert made.tobytes() == expected.tobytes()
    assert len(made) == -(-count * 16_000 // rate)


@settings(max_examples=30, deadline=None)
@given(rate=RATES, seed=st.integers(0, 9))
def test_one_sample_at_a_time_is_the_same(rate: int, seed: int) -> None:
    pcm = noise(400, seed)
    whole, pieces = StreamResampler(rate), StreamResampler(rate)
    expected = np.concatenate([whole.push(pcm), whole.finish()])
    made = np.concatenate([*(pieces.push(pcm[i : i + 1]) for i in range(len(pcm))), pieces.finish()])
    assert made.tobytes() == expected.tobytes()


@given(pieces=st.lists(st.binary(max_size=9), max_size=12))
def test_bytes_of_any_length_give_the_samples_of_the_whole(pieces: list[bytes]) -> None:
    carry = PcmCarry()
    samples = np.concatenate([np.zeros(0, np.int16), *(carry.push(piece) for piece in pieces)])
    joined = b"".join(pieces)
    assert samples.astype("<i2").tobytes() == joined[: len(joined) // 2 * 2]
    assert carry.finish() == (len(joined) % 2 == 1)
