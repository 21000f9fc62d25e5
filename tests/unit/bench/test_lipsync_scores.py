"""What is counted of a mouth, on tracks made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.lipsync.closures import Closures, runs
from bench.lipsync.told import Told
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.shape import OPENNESS, WIDTH
from training.speech.score import Tally, blurred


def said(*parts: tuple[str, int]) -> NDArray[np.int64]:
    """Labels from (viseme, rows)."""
    return np.concatenate([np.full(rows, VISEMES.index(viseme)) for viseme, rows in parts]).astype(np.int64)


SHUT_LIPS = VISEMES.index("PP")

#: Two bilabials of 80 ms, one too short to be asked for, and an f.
SENTENCE = said(
    ("sil", 20), ("aa", 20), ("PP", 8), ("aa", 20), ("PP", 2), ("aa", 20), ("FF", 8), ("aa", 20), ("PP", 8), ("aa", 20),
    ("sil", 20),
)  # fmt: skip


def test_a_perfect_mouth_scores_full_marks() -> None:
    tally = Tally()
    weights = np.eye(15, dtype=np.float32)[SENTENCE]
    tally.add(weights, SENTENCE)
    assert tally.openness_r[0] > 0.99
    assert tally.width_r[0] > 0.99
    assert tally.right == [1.0]
    assert (tally.shut, tally.closures, tally.vowel_rows_shut) == (2, 2, 0)
    assert tally.onset_ms == [20.0, 20.0]  # what the blur takes off a closure beside a wide vowel


def test_a_mouth_that_tells_openness_alone_is_scored_for_that() -> None:
    tally = Tally()
    tally.add_tracks(SENTENCE, OPENNESS[SENTENCE])
    assert len(tally.openness_r) == 1
    assert tally.width_r == []
    assert tally.right == []
    assert tally.shut == 2


def test_whole_and_separate_tracks_score_the_same() -> None:
    weights = np.random.default_rng(3).dirichlet(np.ones(15), len(SENTENCE)).astype(np.float32)
    whole, separate = Tally(), Tally()
    whole.add(weights, SENTENCE)
    told = Told.of_weights(weights)
    separate.add_tracks(SENTENCE, told.openness, told.width, told.visemes)
    assert whole.line() == separate.line()
    assert np.array_equal(whole.confusion, separate.confusion)


def test_rows_that_are_told_right_are_as_their_labels_say() -> None:
    wrong = Told.of_weights(np.eye(15, dtype=np.float32)[np.zeros_like(SENTENCE)])
    right = wrong.corrected(SENTENCE == SHUT_LIPS, SENTENCE)
    assert right.visemes is not None
    assert right.width is not None
    assert (right.visemes == np.where(SENTENCE == SHUT_LIPS, SHUT_LIPS, 0)).all()
    assert np.array_equal(right.openness[SENTENCE == SHUT_LIPS], OPENNESS[SENTENCE[SENTENCE == SHUT_LIPS]])
    assert np.array_equal(right.width[SENTENCE != SHUT_LIPS], np.full((SENTENCE != SHUT_LIPS).sum(), WIDTH[0]))
    every = wrong.corrected(np.ones_like(SENTENCE, bool), SENTENCE)
    tally = Tally()
    tally.add_tracks(SENTENCE, every.openness, every.width, every.visemes)
    assert tally.right == [1.0]
    assert tally.openness_r[0] > 0.99


def test_a_late_mouth_has_late_onsets_and_less_correlation() -> None:
    on_time, late = Tally(), Tally()
    told = Told(OPENNESS[SENTENCE], WIDTH[SENTENCE])
    on_time.add_tracks(SENTENCE, told.openness, told.width)
    moved = told.later(3)
    late.add_tracks(SENTENCE, moved.openness, moved.width)
    assert late.onset_ms == [50.0, 50.0]
    assert late.openness_r[0] < on_time.openness_r[0] - 0.1
    assert late.width_r[0] < on_time.width_r[0] - 0.1


@pytest.mark.parametrize("threshold", [0.08, 0.13, 0.2])
def test_a_mouth_like_the_labels_has_full_precision_and_recall(threshold: float) -> None:
    counted = Closures(threshold)
    counted.add(OPENNESS[SENTENCE], SENTENCE)
    assert (counted.made, counted.recall, counted.precision) == (2, 1.0, 1.0)


def test_pauses_and_tucks_are_neither_right_nor_wrong() -> None:
    counted = Closures(0.13)
    openness = OPENNESS[SENTENCE]
    openness[np.equal(SENTENCE, SHUT_LIPS)] = 0.9
    assert (blurred(openness.astype(np.float64), 1.5) < 0.13).any()  # the silences and the f
    counted.add(openness, SENTENCE)
    assert (counted.made, counted.found, counted.shown, counted.right) == (2, 0, 0, 0)
    assert counted.recall == 0.0
    assert np.isnan(counted.precision)


def test_a_closure_within_a_vowel_costs_precision() -> None:
    counted = Closures(0.13)
    openness = OPENNESS[SENTENCE]
    openness[26:34] = 0.0  # in the middle of the first aa, but 60 ms from what follows
    counted.add(openness, SENTENCE)
    assert (counted.shown, counted.right) == (3, 2)
    assert counted.recall == 1.0


@pytest.mark.parametrize(
    ("openness", "seen"), [(0.05, (2, 2, 2)), (0.1, (0, 2, 2)), (0.16, (0, 0, 2)), (0.3, (0, 0, 0))]
)
def test_half_closed_lips_count_above_the_stricter_thresholds(openness: float, seen: tuple[int, int, int]) -> None:
    mouth = OPENNESS[SENTENCE]
    mouth[np.equal(SENTENCE, SHUT_LIPS)] = openness
    found = []
    for threshold in (0.08, 0.13, 0.2):
        counted = Closures(threshold)
        counted.add(mouth, SENTENCE)
        found.append(counted.found)
    assert tuple(found) == seen


@pytest.mark.parametrize(("shown", "found"), [(-9, 0), (-7, 1), (0, 1), (7, 1), (9, 0)])
def test_a_closure_may_be_shown_40_ms_beside_itself(shown: int, found: int) -> None:
    labels = said(("aa", 40), ("PP", 6), ("aa", 40))
    openness = np.full(len(labels), 0.9)
    openness[40 + shown : 46 + shown] = 0.0
    counted = Closures(0.13)
    counted.add(openness, labels)
    assert counted.found == found


def test_runs_are_found_at_both_ends() -> None:
    flags = np.array([True, True, False, True, False, False, True])
    assert runs(flags) == [(0, 2), (3, 4), (6, 7)]
    assert runs(np.zeros(4, bool)) == []
    assert runs(np.zeros(0, bool)) == []


def test_25_frames_a_second_hold_the_middle_of_each() -> None:
    told = Told(np.arange(10, dtype=float), visemes=np.arange(10))
    seen = told.at_frame_rate(25)
    assert seen.openness.tolist() == [2, 2, 2, 2, 6, 6, 6, 6, 9, 9]  # the last frame's middle is past the end
    assert seen.visemes is not None
    assert seen.visemes.tolist() == seen.openness.tolist()
    assert seen.width is None
    assert told.at_frame_rate(100).openness.tolist() == told.openness.tolist()


def test_a_closure_shorter_than_a_frame_may_fall_between_two() -> None:
    labels = said(("ih", 40), ("PP", 3), ("ih", 41))
    openness = np.where(labels == SHUT_LIPS, 0.0, 0.35)
    found = []
    for shift in range(4):
        counted = Closures(0.13)
        counted.add(Told(np.roll(openness, shift)).at_frame_rate(25).openness, np.roll(labels, shift))
        found.append(counted.found)
    assert sorted(found) == [0, 1, 1, 1]
