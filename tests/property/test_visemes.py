"""The public viseme stream: the same rows for every way to cut the sound."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_bithuman import VisemeFrame, VisemeStream

RATES = st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000]) | st.integers(8_000, 96_000)


@settings(max_examples=40, deadline=None)
@given(
    rate=RATES,
    fps=st.sampled_from([1, 10, 25, 30, 100]),
    count=st.integers(0, 12_000),
    cuts=st.lists(st.integers(0, 24_000), max_size=10),
    seed=st.integers(0, 5),
)
def test_chunking_changes_no_row(rate: int, fps: int, count: int, cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0, 9000, count // 700 + 1), 700)[:count]
    data = (rng.standard_normal(count) * swell).clip(-32768, 32767).astype("<i2").tobytes()
    whole, pieces = VisemeStream(rate, fps), VisemeStream(rate, fps)
    expected = whole.push(data) + whole.finish()
    rows: list[VisemeFrame] = []
    for start, stop in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
        rows += pieces.push(data[start:stop])  # bytes: samples are cut in half as well
    rows += pieces.finish()
    assert len(rows) == len(expected) == -(-count * fps // rate)
    for index, (row, other) in enumerate(zip(rows, expected, strict=True)):
        assert row.index == other.index == index
        assert row.t == other.t == index / fps
        assert (row.openness, row.width) == (other.openness, other.width)
        assert row.weights.tobytes() == other.weights.tobytes()
