"""Eyes of flat drawings close: no white and no iris is left, and what is around them stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from livekit_bithuman.face.portrait.drawn import drawn_contour, is_flat
from livekit_bithuman.face.portrait.landmarks import Points

from .conftest import Picture

SKIN = np.array((200.0, 215.0, 250.0))
CENTRE, HALF, TALL = (100, 80), 40, 18


@pytest.fixture
def drawing() -> Picture:
    """A white eye with a black outline, a brow above and a line that touches its corner."""
    picture = np.empty((160, 200, 3), np.uint8)
    picture[:] = SKIN
    cv2.ellipse(picture, CENTRE, (HALF, TALL), 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(picture, CENTRE, 12, (40, 60, 90), -1, cv2.LINE_AA)
    cv2.ellipse(picture, CENTRE, (HALF, TALL), 0, 0, 360, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.line(picture, (CENTRE[0] + HALF, CENTRE[1]), (199, 40), (0, 0, 0), 1, cv2.LINE_AA)
    cv2.line(picture, (60, 40), (140, 36), (10, 10, 30), 5, cv2.LINE_AA)
    return picture


def misplaced() -> tuple[Points, Points]:
    """Where a mesh that has met no such eyes has the lids: too small, and too low."""
    x = np.linspace(-25, 25, 9)
    rise = 8 * np.sqrt(1 - (x / 25) ** 2)
    at = np.array((CENTRE[0], CENTRE[1] + 6))
    return np.column_stack([x, -rise]) + at, np.column_stack([x, rise]) + at


def test_an_eye_is_found_where_it_is_drawn(drawing: Picture) -> None:
    found = drawn_contour(drawing, SKIN, *misplaced())
    assert found is not None
    upper, lower = found
    assert upper[0, 0] == pytest.approx(CENTRE[0] - HALF, abs=4)
    assert upper[-1, 0] == pytest.approx(CENTRE[0] + HALF, abs=8)  # the line is a little of it
    assert upper[:, 1].min() == pytest.approx(CENTRE[1] - TALL, abs=4)
    assert lower[:, 1].max() == pytest.approx(CENTRE[1] + TALL, abs=4)


def test_photographs_are_not_flat(drawing: Picture, photograph: Picture) -> None:
    assert is_flat(drawing, SKIN)
    assert not is_flat(photograph[200:340, 200:440], np.median(photograph[340:360, 250:290], axis=(0, 1)))


def test_skin_alone_is_no_eye() -> None:
    bare = np.empty((160, 200, 3), np.uint8)
    bare[:] = SKIN
    assert drawn_contour(bare, SKIN, *misplaced()) is None
