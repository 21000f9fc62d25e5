"""Emphasis: it follows what is louder than the rest, never jumps, and hears nothing in silence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.speech.emphasis import MOST_CHANGE, Emphasis
from livekit_bithuman.speech.features import RATE

FPS = 25


def syllables(levels: list[float], seconds: float = 0.2) -> NDArray[np.int16]:
    """Vowel-like tones of these amplitudes (1 is full scale), each swelling and fading."""
    time = np.arange(int(seconds * RATE)) / RATE
    swell = np.sin(np.pi * time / seconds) ** 0.5
    tone = sum(np.sin(2 * np.pi * 130 * part * time) / part for part in range(1, 8))
    return np.concatenate([(level * 12_000 * swell * tone).astype(np.int16) for level in levels])


def heard(pcm: NDArray[np.int16], fps: int = FPS, edges: list[int] | None = None) -> NDArray[np.float64]:
    """The emphasis of every frame; asked for as soon as its look-ahead is in, where there are edges to stop at."""
    emphasis = Emphasis(fps)
    values: list[float] = []
    for start, end in pairwise([0, *(edges or []), len(pcm)]):
        emphasis.push(pcm[start:end])
        while (len(values) + 1) * RATE // fps + RATE // 10 <= end:
            values.append(emphasis.next())
    while len(values) < -(-len(pcm) * fps // RATE):
        values.append(emphasis.next())
    return np.array(values)


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0])
def test_a_louder_syllable_stands_out_however_loud_the_voice_is(gain: float) -> None:
    levels = [0.3] * 20
    levels[12] = 0.9
    values = heard(syllables([gain * level for level in levels]))
    loud = slice(12 * 5, 13 * 5)  # five frames a syllable
    assert values[loud].max() > 0.6
    assert 60 - 3 <= values[10:].argmax() + 10 <= 60 + 6  # with the syllable
    assert values[25:55].max() < 0.15
    assert values[80:].max() < 0.15


def test_an_even_voice_has_no_stress_and_silence_is_exactly_none() -> None:
    assert heard(syllables([0.5] * 25))[25:].max() < 0.15
    assert not heard(np.zeros(3 * RATE, np.int16)).any()
    tail = heard(np.concatenate([syllables([0.2] * 8 + [0.9]), np.zeros(2 * RATE, np.int16)]))
    assert tail.max() > 0.5
    assert not tail[-20:].any()


def test_hiss_is_no_stress() -> None:
    hiss = np.diff(np.random.default_rng(3).normal(0, 6_000, RATE // 5 + 1), n=1).clip(-32_768, 32_767)
    vowels = syllables([0.4] * 12)
    spoken = np.concatenate([vowels, hiss.astype(np.int16), vowels])
    assert heard(spoken)[40:].max() < 0.3


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.sampled_from([7, 20, 25, 30, 60, 100]),
    st.lists(st.integers(0, 38_400), max_size=8).map(sorted),
)
def test_it_never_jumps_and_chunks_do_not_matter(levels: list[float], fps: int, cuts: list[int]) -> None:
    pcm = syllables(levels)
    values = heard(pcm, fps)
    assert heard(pcm, fps, [cut for cut in cuts if cut <= len(pcm)]).tobytes() == values.tobytes()
    assert ((values >= 0) & (values <= 1)).all()
    hops = -(-100 // fps)  # that a frame has at most, of 10 ms
    assert (np.abs(np.diff(values)) <= MOST_CHANGE * hops / 100).all()
