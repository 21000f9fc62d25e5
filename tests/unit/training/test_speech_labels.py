"""What the viseme net learns from: phonemes to rows, and the boundaries of neural voices."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.pose import VISEMES
from training.speech.align import moved, usual_delay
from training.speech.languages import PHRASES, phrases
from training.speech.phonemes import EUROPEAN, IPA, RUSSIAN, Segment, row_labels
from training.speech.voices.ipa import merge_ipa


def told(rows: np.ndarray) -> list[str]:
    return [VISEMES[row] for row in rows]


def spoken(*segments: tuple[str, int]) -> np.ndarray:
    """Labels of (viseme, rows) in order."""
    return np.concatenate([np.full(rows, VISEMES.index(viseme), np.int8) for viseme, rows in segments])


WORD = (("sil", 20), ("PP", 8), ("aa", 12), ("SS", 9), ("ih", 10), ("sil", 22))


def scores_of(labels: np.ndarray, certainty: float = 0.6) -> np.ndarray:
    """Log posteriors of a listener who is right, but not sure."""
    doubt = (1.0 - certainty) / (len(VISEMES) - 1)
    return np.log(np.where(np.eye(len(VISEMES))[labels] > 0, certainty, doubt))


def test_a_row_takes_the_segment_at_its_centre() -> None:
    segments = [Segment(0.0, 0.024, ("PP",)), Segment(0.024, 0.05, ("aa",))]
    assert told(row_labels(segments, 5)) == ["PP", "PP", "aa", "aa", "aa"]


def test_a_diphthong_is_two_mouths_and_h_takes_the_one_that_follows() -> None:
    segments = [Segment(0.0, 0.02, ("@",)), Segment(0.02, 0.12, ("aa", "ou"))]
    assert told(row_labels(segments, 12)) == ["aa"] * 7 + ["ou"] * 5


def test_short_spaces_are_shared_and_long_ones_are_pauses() -> None:
    shared = merge_ipa("a b", [0.1, 0.04, 0.1])
    assert [(s.visemes, round(s.end, 3)) for s in shared] == [(("aa",), 0.12), (("PP",), 0.24)]
    paused = merge_ipa("a b", [0.1, 0.2, 0.1])
    assert [s.visemes for s in paused] == [("aa",), ("sil",), ("PP",)]


def test_stress_belongs_to_the_sound_after_and_length_to_the_one_before() -> None:
    segments = merge_ipa("ˈaːt", [0.02, 0.1, 0.05, 0.04])
    assert [(s.visemes, round(s.start, 2), round(s.end, 2)) for s in segments] == [
        (("aa",), 0.0, 0.17),
        (("DD",), 0.17, 0.21),
    ]


def test_an_affricate_in_two_letters_is_one_mouth() -> None:
    assert [s.visemes for s in merge_ipa("tʃ", [0.05, 0.05])] == [("CH",)]


@pytest.mark.parametrize("late", [0, 3, 5])
def test_boundaries_return_to_the_sound_though_labels_are_late_and_coarse(late: int) -> None:
    truth = spoken(*WORD)
    coarse = np.repeat(truth[1::3], 3)[: len(truth)]
    labels = np.roll(coarse, late)
    scores = scores_of(truth)
    assert abs(usual_delay([scores], [labels]) - late) <= 1
    found = moved(scores, labels, late)
    assert np.array_equal(found, truth)


def test_no_segment_is_lost_and_none_is_moved_far() -> None:
    truth, other = spoken(*WORD), np.roll(spoken(*WORD), 30)
    found = moved(scores_of(other), truth, 0)
    changes = np.flatnonzero(np.diff(found)) + 1
    assert told(found[np.concatenate([[0], changes])]) == [viseme for viseme, _ in WORD]
    assert np.abs(changes - (np.flatnonzero(np.diff(truth)) + 1)).max() <= 6


def test_the_same_seed_says_the_same_in_every_language() -> None:
    for language in PHRASES:
        assert phrases(language, 5, 1) == phrases(language, 5, 1) != phrases(language, 5, 2)


@pytest.mark.parametrize("phones", [EUROPEAN, RUSSIAN, IPA])
def test_every_phone_has_known_mouths_and_every_mouth_a_phone(phones: dict[str, tuple[str, ...]]) -> None:
    mouths = {viseme for visemes in phones.values() for viseme in visemes}
    assert mouths <= {*VISEMES, "@"}
    assert {"PP", "FF", "SS", "aa", "ou"} <= mouths
