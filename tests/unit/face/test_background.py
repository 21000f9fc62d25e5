"""What is behind the head is what was asked for, and the head is the same before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.errors import BackgroundError
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.background import GREEN_BGR
from livekit_bithuman.pose import Presentation, resting_mouth

SIZE = (96, 64)


def draw(behind: str | None, avatar: Avatar | None = None) -> NDArray[np.uint8]:
    return Face(avatar or Avatar.load(), SIZE, behind).draw(resting_mouth(), Presentation())


@pytest.mark.parametrize(("choice", "bgr"), [("green", GREEN_BGR), ("#ff0080", (0x80, 0x00, 0xFF))])
def test_a_colour_is_behind_the_head_and_nothing_of_it_before(choice: str, bgr: tuple[int, int, int]) -> None:
    picture, own = draw(choice), draw(None)
    assert (picture[2, 2] == bgr).all()
    assert (picture[2, -3] == bgr).all()
    same = (picture == own).all(axis=-1)
    assert same[25:45, 40:56].all(), "the face"
    assert 0.2 < same.mean() < 0.8


def test_a_picture_covers_the_background_and_is_out_of_focus_when_asked(tmp_path: Path) -> None:
    stripes = np.zeros((12, 20, 3), np.uint8)
    stripes[:, ::2] = 255
    wall = np.full((200, 300, 3), (10, 200, 30), np.uint8)
    cv2.imwrite(str(tmp_path / "wall.png"), wall)
    cv2.imwrite(str(tmp_path / "stripes.png"), np.repeat(np.repeat(stripes, 8, axis=1), 8, axis=0))
    assert (draw(str(tmp_path / "wall.png"))[2, 2] == (10, 200, 30)).all()
    sharp, soft = draw(str(tmp_path / "stripes.png")), draw(f"blur:{tmp_path / 'stripes.png'}")
    assert sharp[:8].std() > 1.4 * soft[:8].std()
    assert np.array_equal(sharp[25:45, 40:56], soft[25:45, 40:56])


@pytest.mark.parametrize(("choice", "says"), [
    ("grene", "no background 'grene'.*green"), ("#12345", "no background"), ("blur:", "no background"),
])  # fmt: skip
def test_what_is_no_background_is_refused(choice: str, says: str) -> None:
    with pytest.raises(BackgroundError, match=says):
        draw(choice)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(BackgroundError, match=r"cannot be used. .*notes\.txt"):
        draw(str(tmp_path / "notes.txt"))


def test_the_characters_own_background_can_be_out_of_focus() -> None:
    own, soft = draw(None), draw("blur")
    assert np.abs(own.astype(int) - soft)[:8].max() <= 6, "there is nothing in it to be in focus"
    assert np.array_equal(own[25:45, 40:56], soft[25:45, 40:56])


def test_an_avatar_whose_background_is_part_of_its_picture_says_so() -> None:
    bundle = Avatar.load().bundle
    base = bundle.base.copy()
    base[..., 3] = 255
    opaque = Avatar(replace(bundle, base=base))
    assert draw(None, opaque).shape == (64, 96, 3)
    with pytest.raises(BackgroundError, match="has no outline"):
        draw("green", opaque)
