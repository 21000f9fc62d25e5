"""What is asked for can be measured in the picture, and the picture depends on nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.bundle import Bundle
from livekit_bithuman.face.framing import backdrop
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth

from .conftest import EYES, FRAME, IRIS, JAW_DROP, MOUTH, SKIN, WHITE

REST = Presentation()


def mouth(**shares: float) -> VisemeWeights:
    """Weights of the given visemes, the rest silent."""
    weights = np.zeros(len(VISEMES), np.float32)
    for name, share in shares.items():
        weights[VISEMES.index(name)] = share
    weights[0] += 1 - weights.sum()
    return weights


def count(picture: NDArray[np.uint8], colour: tuple[int, int, int], within: int = 40) -> int:
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= within).sum())


def gap(picture: NDArray[np.uint8]) -> int:
    """Pixels of the mouth box that are not skin."""
    x0, y0, x1, y1 = MOUTH
    box = picture[y0 - FRAME[1] : y1 - FRAME[1], x0 - FRAME[0] : x1 - FRAME[0]]
    return int(box.shape[0] * box.shape[1]) - count(box, SKIN, 12)


def eyes(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[EYES[1] - FRAME[1] : EYES[3] - FRAME[1], EYES[0] - FRAME[0] : EYES[2] - FRAME[0]]


def irises(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Their middle, (row, column)."""
    seen = np.argwhere(np.abs(eyes(picture).astype(int) - IRIS).max(axis=2) < 60)
    return np.asarray(seen.mean(axis=0), np.float64)


@pytest.fixture(scope="module")
def face(flat_avatar: Avatar) -> Face:
    return Face(flat_avatar)


def test_a_picture_has_the_asked_size_and_belongs_to_the_caller(face: Face, flat_avatar: Avatar) -> None:
    first, second = face.draw(resting_mouth(), REST), face.draw(resting_mouth(), REST)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert not np.shares_memory(first, second)
    assert Face(flat_avatar, (200, 120)).draw(resting_mouth(), REST).shape == (120, 200, 3)


def test_the_gap_grows_with_the_weight_of_an_open_viseme(face: Face) -> None:
    areas = [gap(face.draw(mouth(aa=share), REST)) for share in np.linspace(0, 1, 11)]
    assert areas[0] == 0
    assert all(narrower < wider for narrower, wider in pairwise(areas))


def test_the_gap_follows_the_pose(face: Face) -> None:
    drops = [JAW_DROP.get(name, 0.0) for name in VISEMES]
    areas = [gap(face.draw(mouth(**{name: 1.0}), REST)) for name in VISEMES]
    assert np.corrcoef(drops, areas)[0, 1] > 0.98
    assert all(area == 0 for drop, area in zip(drops, areas, strict=True) if drop == 0)


def test_a_mixture_is_one_pose_half_way_and_not_two(face: Face) -> None:
    half = gap(face.draw(mouth(aa=0.5), REST))
    same = gap(face.draw(mouth(E=0.75), REST))  # 0.75 x 8 pixels are 0.5 x 12
    assert abs(half - same) <= 2


def test_the_mouth_being_left_is_mixed_in(face: Face) -> None:
    leaving = Presentation(mouth_from=mouth(aa=1), mouth_blend=0.5)
    assert np.array_equal(face.draw(resting_mouth(), leaving), face.draw(mouth(aa=0.5), REST))


def test_a_blink_covers_the_eyes_step_by_step(face: Face) -> None:
    open_areas = [
        count(eyes(face.draw(resting_mouth(), Presentation(blink=share))), WHITE)
        + count(eyes(face.draw(resting_mouth(), Presentation(blink=share))), IRIS)
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert open_areas[0] > 100
    assert all(wider > narrower for wider, narrower in pairwise(open_areas))
    closed = eyes(face.draw(resting_mouth(), Presentation(blink=1)))
    assert count(closed, SKIN, 2) == closed.shape[0] * closed.shape[1]


@pytest.mark.parametrize(("gaze", "axis"), [((1, 0), 1), ((-1, 0), 1), ((0, 1), 0), ((0, -1), 0)])
def test_gaze_moves_the_irises_where_it_says(face: Face, gaze: tuple[int, int], axis: int) -> None:
    looking = face.draw(resting_mouth(), Presentation(gaze_x=gaze[0], gaze_y=gaze[1]))
    moved = irises(looking) - irises(face.draw(resting_mouth(), REST))
    assert moved[axis] * (gaze[0] + gaze[1]) > 1
    assert abs(moved[1 - axis]) < 0.5


def test_angles_move_the_head_and_not_the_shoulders(face: Face) -> None:
    rest = face.draw(resting_mouth(), REST)

    right = face.draw(resting_mouth(), Presentation(yaw=0.1))
    down = face.draw(resting_mouth(), Presentation(pitch=0.1))
    assert irises(right)[1] - irises(rest)[1] > 1
    assert irises(down)[0] - irises(rest)[0] > 1
    assert np.array_equal(right[-4:], rest[-4:])
    assert np.array_equal(down[-4:], rest[-4:])


def test_breath_moves_the_shoulders(face: Face) -> None:
    out, into = (face.draw(resting_mouth(), Presentation(breath=breath)) for breath in (-1, 1))
    assert not np.array_equal(out, into)


def test_a_picture_depends_on_its_arguments_alone(face: Face, flat_avatar: Avatar) -> None:
    asked = mouth(aa=0.3, E=0.2), Presentation(yaw=0.05, blink=0.4, gaze_x=0.3, smile=0.2, brow=0.5)
    expected = face.draw(*asked)
    face.draw(mouth(oh=1), Presentation(pitch=0.1, blink=1))
    assert np.array_equal(face.draw(*asked), expected)
    assert np.array_equal(Face(flat_avatar).draw(*asked), expected)


def test_a_picture_does_not_depend_on_the_number_of_threads(face: Face) -> None:
    asked = mouth(aa=0.3, E=0.2), Presentation(yaw=0.05, roll=0.03, blink=0.4, gaze_x=0.3)
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = face.draw(*asked)
        cv2.setNumThreads(4)
        together = face.draw(*asked)
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(alone, together)


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (320, 180), (180, 320), (400, 100), (97, 131)])
def test_the_face_is_framed_in_every_size(flat_avatar: Avatar, size: tuple[int, int]) -> None:
    picture = Face(flat_avatar, size).draw(mouth(aa=1), REST)
    skin = np.argwhere(np.abs(picture.astype(int) - SKIN).max(axis=2) < 20)
    top, left = skin.min(axis=0)
    bottom, right = skin.max(axis=0)
    assert bottom == size[1] - 1  # the body reaches the picture's bottom
    assert abs((left + right) / 2 - (size[0] - 1) / 2) <= max(2.0, size[0] * 0.02)
    assert count(picture, IRIS, 60) > 0
    if size[0] >= size[1]:
        assert top > 0


@pytest.mark.parametrize("size", [(0, 100), (100, 8), (5000, 100), (-1, -1)])
def test_a_size_out_of_range_is_refused(flat_avatar: Avatar, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="16 to 4096"):
        Face(flat_avatar, size)


def test_the_backdrop_shows_beside_the_head(face: Face, flat_avatar: Avatar) -> None:
    picture = face.draw(resting_mouth(), REST)
    behind = backdrop(flat_avatar.bundle.manifest, 96, 96)
    assert np.array_equal(picture[:, :8], behind[:, :8])


def test_a_bundle_may_show_a_share_of_a_keyframe_and_the_remainder_is_rest(flat_bundle: Bundle, face: Face) -> None:
    shares = tuple(0.5 if viseme == "aa" else 1.0 for viseme in VISEMES)
    shy = Face(Avatar(replace(flat_bundle, manifest=replace(flat_bundle.manifest, shares=shares))))
    assert np.array_equal(shy.draw(mouth(aa=1.0), REST), face.draw(mouth(aa=0.5), REST))
    assert np.array_equal(shy.draw(mouth(E=1.0), REST), face.draw(mouth(E=1.0), REST))
