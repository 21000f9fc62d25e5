"""Idle motion is pure, keeps within what faces do, and does not repeat."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.face import IdleMotion

FPS = 25
MINUTES = 10
SEEDS = (0, 1, 20_250)


def series(seed: int, attribute: str, *, speaking: float = 0.0, seconds: float = 60 * MINUTES) -> NDArray[np.float64]:
    motion = IdleMotion(seed, FPS)
    return np.array([getattr(motion.at(tick, speaking), attribute) for tick in range(int(seconds * FPS))])


def blink_starts(blink: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.flatnonzero((blink[1:] > 0) & (blink[:-1] == 0))


@given(seed=st.integers(-(2**70), 2**70), fps=st.integers(1, 120), tick=st.integers(0, 10**9), speaking=st.floats(0, 1))
def test_every_tick_is_within_range(seed: int, fps: int, tick: int, speaking: float) -> None:
    now = IdleMotion(seed, fps).at(tick, speaking)
    assert 0 <= now.blink <= 1
    assert -1 <= now.brow <= 1
    assert -1 <= now.breath <= 1
    assert 0 < now.smile <= 0.55
    assert max(abs(now.gaze_x), abs(now.gaze_y)) <= 1
    assert max(abs(now.yaw), abs(now.pitch), abs(now.roll)) < math.radians(8)


def test_the_order_of_calls_does_not_matter() -> None:
    ticks = list(range(500))
    expected = [IdleMotion(7, FPS).at(tick, 0.5) for tick in ticks]
    motion = IdleMotion(7, FPS)
    shuffled = ticks.copy()
    random.Random(1).shuffle(shuffled)
    found = {tick: motion.at(tick, 0.5) for tick in shuffled}
    assert [found[tick] for tick in ticks] == expected


def test_seeds_differ() -> None:
    assert IdleMotion(1, FPS).at(200) != IdleMotion(2, FPS).at(200)


@pytest.mark.parametrize("seed", range(20))
def test_the_eyes_are_open_at_first(seed: int) -> None:
    first = IdleMotion(seed, FPS).at(0)
    assert first.blink == 0
    assert max(abs(first.gaze_x), abs(first.gaze_y)) < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_blinks_come_at_natural_intervals(seed: int) -> None:
    starts = blink_starts(series(seed, "blink")) / FPS
    assert 10 <= len(starts) / MINUTES <= 20
    intervals = np.diff(starts)
    single = intervals[intervals > 1]
    assert single.min() >= 1.5
    assert single.max() <= 6.1
    assert single.std() > 0.4  # no metronome
    assert 0 < (intervals < 1).mean() < 0.25  # some are double


@pytest.mark.parametrize("fps", [10, 25, 30, 60])
def test_every_blink_closes_the_eye_on_a_tick(fps: int) -> None:
    motion = IdleMotion(3, fps)
    blink = np.array([motion.at(tick).blink for tick in range(120 * fps)])
    starts = blink_starts(blink)
    assert len(starts) > 20
    assert all(blink[start : start + fps // 2 + 1].max() == 1 for start in starts)


def test_a_blink_takes_three_or_four_frames_to_close() -> None:
    blink = series(3, "blink", seconds=120)
    for start in blink_starts(blink):
        assert 2 <= int(np.argmax(blink[start + 1 :] == 1)) + 1 <= 4


@pytest.mark.parametrize("attribute", ["yaw", "pitch", "roll", "brow"])
def test_motion_is_smooth_and_speech_makes_it_livelier(attribute: str) -> None:
    rest = np.diff(series(5, attribute, seconds=120))
    speech = np.diff(series(5, attribute, speaking=1.0, seconds=120))
    assert speech.std() > 1.5 * rest.std()
    assert np.abs(np.diff(speech)).max() < np.abs(speech).max()  # no jump from one frame to the next


@pytest.mark.parametrize("attribute", ["yaw", "gaze_x", "breath"])
def test_no_loop_can_be_spotted(attribute: str) -> None:
    values = series(9, attribute, seconds=180)
    window = values[: 10 * FPS]
    later = np.lib.stride_tricks.sliding_window_view(values[15 * FPS :], len(window))
    assert np.abs(later - window).max(axis=1).min() > 0.1 * np.ptp(values)


def test_too_few_ticks_a_second_are_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        IdleMotion(1, 0)
