"""Posteriors that somebody made up, and the frames that must come of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.coarticulation import Coarticulation, frame_rows
from livekit_bithuman.speech.shape import OPENNESS, WIDTH, mouth_shape


def rows(*parts: tuple[str, int]) -> NDArray[np.float32]:
    """Certain posteriors: each viseme for so many rows."""
    index = np.repeat([VISEMES.index(viseme) for viseme, _ in parts], [count for _, count in parts])
    return np.asarray(np.eye(len(VISEMES), dtype=np.float32)[index])


def frames(posteriors: NDArray[np.float32], loudness: float = 0.0, fps: int = 25) -> NDArray[np.float32]:
    """The frames that the rows complete."""
    return np.stack(Coarticulation(fps).push(posteriors, np.full(len(posteriors), loudness, np.float32)))


@pytest.mark.parametrize("length", [2, 3, 5])
@pytest.mark.parametrize("lead", [20, 21, 22, 23])
@pytest.mark.parametrize("contact", ["PP", "FF"])
def test_a_short_contact_between_vowels_is_never_averaged_away(contact: str, lead: int, length: int) -> None:
    told = frames(rows(("aa", lead), (contact, length), ("aa", 20)))
    assert told[:, VISEMES.index(contact)].max() > 0.99


def test_a_vowel_alone_reaches_its_shape() -> None:
    told = frames(rows(("oh", 40)))
    np.testing.assert_allclose(told[4], np.eye(len(VISEMES))[VISEMES.index("oh")], atol=1e-6)


def test_the_mouth_moves_towards_a_vowel_before_it_sounds() -> None:
    told = frames(rows(("SS", 20), ("ou", 20)))
    assert told[3, VISEMES.index("ou")] < 1e-6
    assert 0.02 < told[4, VISEMES.index("ou")] < 0.5


def test_a_faint_vowel_opens_less_and_a_faint_closure_shuts_as_much() -> None:
    faint = -2.0  # of the features' scale: 35 dB below the voice
    vowels = rows(("aa", 40))
    assert 0.4 < mouth_shape(frames(vowels, faint)[5])[0] < 0.8 * mouth_shape(frames(vowels)[5])[0]
    closure = rows(("aa", 20), ("PP", 4), ("aa", 20))
    assert frames(closure, faint)[5, VISEMES.index("PP")] > 0.99


def test_doubt_about_silence_is_not_shown() -> None:
    doubtful = 0.9 * rows(("sil", 40)) + 0.1 * rows(("aa", 40))
    assert mouth_shape(frames(doubtful)[5])[0] < 1e-6


@pytest.mark.parametrize("fps", [20, 24, 25, 30, 50, 60, 100])
def test_every_row_belongs_to_one_frame(fps: int) -> None:
    edges = [frame_rows(frame, fps) for frame in range(fps)]
    assert edges[0][0] == 0
    assert edges[-1][1] == 100
    assert all(stop > start for start, stop in edges)
    assert all(before[1] == after[0] for before, after in pairwise(edges))


def test_shapes_read_off_the_tables() -> None:
    openness, width = mouth_shape(np.eye(len(VISEMES), dtype=np.float32))
    np.testing.assert_array_equal(openness, OPENNESS)
    np.testing.assert_array_equal(width, WIDTH)
    assert openness[VISEMES.index("aa")] == openness.max()
    assert width[VISEMES.index("ou")] == width.min()
