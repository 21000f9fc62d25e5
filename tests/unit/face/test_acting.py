"""Attitudes, emotions and gestures over time: reproducible, without jumps, and without a loop that one can spot."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.cues import ACTION_S, Act, Action, Attend, Attitude, Cue, Feel, Paused
from livekit_bithuman.face import IdleMotion
from livekit_bithuman.face.acting import Acting
from livekit_bithuman.face.gestures import GESTURES
from livekit_bithuman.media import Emotion
from livekit_bithuman.pose import Presentation

FPS = 25
SEED = 3
CHANNELS = ("yaw", "pitch", "roll", "gaze_x", "gaze_y", "brow", "smile")
EXPRESSION = ("inner_brows", "outer_brows", "lids", "corners", "sneer", "jaw", "grin")
#: Farthest that each may go within a tick of 40 ms. A saccade crosses the gaze's whole range in two.
FASTEST = {"yaw": 0.085, "pitch": 0.07, "roll": 0.04, "gaze_x": 0.8, "gaze_y": 0.7, "brow": 0.35, "smile": 0.15}
CUES: list[Cue] = [
    *(Attend(attitude) for attitude in Attitude),
    *(Feel(((emotion, 1.0),)) for emotion in Emotion),
    *(Act(action) for action in Action),
    Feel(),
    Paused(),
]


class Still:
    """A face that does nothing by itself."""

    def at(self, tick: int, speaking: float = 0.0) -> Presentation:
        return Presentation(smile=0.34)


def play(cues: Iterable[tuple[int, Cue]], ticks: int, *, still: bool = False, seed: int = SEED) -> list[Presentation]:
    """A face that is told each cue at its tick."""
    motion = Still() if still else IdleMotion(seed, FPS)
    acting, waiting, seen = Acting(seed, FPS), list(cues), []
    for tick in range(ticks):
        for at, cue in waiting:
            if at == tick:
                acting.take(cue, tick)
        seen.append(acting.played(motion.at(tick), tick, 0.0))
    return seen


def series(seen: list[Presentation], channel: str) -> NDArray[np.float64]:
    return np.array([getattr(face.expression if channel in EXPRESSION else face, channel) for face in seen])


def test_a_face_that_was_told_nothing_moves_as_it_does_by_itself() -> None:
    motion = IdleMotion(SEED, FPS)
    assert play([], 50) == [motion.at(tick) for tick in range(50)]


@settings(max_examples=20, deadline=None)
@given(cues=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(CUES)), max_size=8))
def test_nothing_jumps_whatever_is_told_and_when(cues: list[tuple[int, Cue]]) -> None:
    seen = play(cues, 100)
    together = 1 if len(cues) < 2 else 2  # one may end while another begins
    for channel, fastest in FASTEST.items():
        assert np.abs(np.diff(series(seen, channel))).max() < together * fastest, channel
    for channel in EXPRESSION:
        assert np.abs(np.diff(series(seen, channel))).max() < together * 0.40, channel
    assert seen == play(cues, 100), "and the same again"


def test_a_gesture_begins_and_ends_at_rest_and_is_over_when_it_says() -> None:
    for action, make in GESTURES.items():
        seconds = ACTION_S[action]
        for chance in (-0.9, -0.1, 0.3, 1.0):
            ticks = [make(tick / 200, chance) for tick in range(round(200 * seconds) + 40)]
            assert max(map(abs, vars(ticks[0]).values())) < 0.01, action
            assert max(abs(x) for pull in ticks[round(200 * seconds) :] for x in vars(pull).values()) < 0.01, action
            assert max(abs(x) for pull in ticks for x in vars(pull).values()) > 0.1


def test_a_nod_goes_down_and_a_shake_to_both_sides() -> None:
    down = series(play([(5, Act(Action.NOD))], 50, still=True), "pitch")
    assert down.max() > 0.1
    assert down.min() > -0.01
    aside = series(play([(5, Act(Action.SHAKE))], 60, still=True), "yaw")
    assert aside.max() > 0.08
    assert aside.min() < -0.08
    assert np.ptp(series(play([(5, Act(Action.SHAKE, 0.5))], 60, still=True), "yaw")) < 0.6 * np.ptp(aside)


def test_a_gesture_that_is_asked_for_again_is_not_made_twice_as_large() -> None:
    once = series(play([(5, Act(Action.NOD))], 60, still=True), "pitch").max()
    again = series(play([(5, Act(Action.NOD)), (8, Act(Action.NOD))], 60, still=True), "pitch").max()
    assert again < 1.3 * once


def test_an_emotion_comes_within_its_time_stays_and_goes() -> None:
    cues = [(10, Feel(((Emotion.SURPRISE, 1.0),), 0.8)), (60, Feel((), 0.4))]
    lids = series(play(cues, 90, still=True), "lids")
    assert lids[9] == 0
    assert 0 < lids[12] < 1
    assert (lids[30:60] == 1).all()
    assert lids[71:].max() == 0
    assert all(later >= earlier for earlier, later in itertools.pairwise(lids[:60]))


def test_half_an_emotion_is_half_as_much() -> None:
    half = play([(0, Feel(((Emotion.ANGER, 0.5),), 0.0))], 3, still=True)[-1]
    assert half.expression.inner_brows == pytest.approx(-0.5)


def test_listening_eyes_stay_on_the_viewer_and_thinking_ones_do_not() -> None:
    ticks = 60 * FPS

    def gaze(attitude: Attitude) -> NDArray[np.float64]:
        seen = play([(0, Attend(attitude))], ticks)[FPS:]
        return np.hypot(series(seen, "gaze_x"), series(seen, "gaze_y"))

    assert gaze(Attitude.LISTENING).max() < 0.13
    assert np.quantile(gaze(Attitude.THINKING), 0.02) > 0.3


def test_idle_is_calmer_than_listening() -> None:
    def motion(attitude: Attitude) -> float:
        seen = play([(0, Attend(attitude))], 120 * FPS)
        return sum(float(np.abs(np.diff(series(seen, axis))).mean()) for axis in ("yaw", "pitch", "roll"))

    assert motion(Attitude.IDLE) < 0.8 * motion(Attitude.LISTENING)


def test_a_listener_nods_to_most_pauses_and_not_to_all() -> None:
    nods = 0
    for tick in range(100):
        pitch = series(play([(tick, Paused())], tick + 30, still=True), "pitch")
        nods += pitch.max() > 0.03
    assert 50 < nods < 90


@pytest.mark.parametrize("attitude", list(Attitude))
@pytest.mark.parametrize("seed", [0, 11])
def test_no_loop_can_be_spotted_within_a_minute(attitude: Attitude, seed: int) -> None:
    """A loop of any length up to half a minute would correlate the motion with itself by 1."""
    seen = play([(0, Attend(attitude))], 61 * FPS, seed=seed)[FPS:]
    moving = [series(seen, channel) for channel in ("yaw", "pitch", "roll", "gaze_x", "brow")]
    for lag in range(2 * FPS, 30 * FPS):
        alike = [np.corrcoef(values[:-lag], values[lag:])[0, 1] for values in moving]
        assert np.mean(alike) < 0.5, lag / FPS


def test_seeds_act_differently() -> None:
    cues = [(0, Attend(Attitude.THINKING))]
    assert play(cues, 40, still=True, seed=1) != play(cues, 40, still=True, seed=2)
