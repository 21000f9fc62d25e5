"""Only what changes is drawn anew, and that can be seen in no picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.face.bundle import Bundle
from livekit_bithuman.face.mouth import MouthRig
from livekit_bithuman.face.warp import Warp, lay_over
from livekit_bithuman.pose import VISEMES, Expression, Presentation, VisemeWeights, resting_mouth

LOOKS = {
    "rest": Presentation(),
    "breath": Presentation(breath=1.0),
    "turned": Presentation(yaw=0.12, pitch=-0.05, roll=0.04, breath=-0.7),
    "far": Presentation(yaw=-0.35, pitch=0.3, roll=-0.2, blink=0.5),
    "moved": Presentation(brow=1.0, smile=0.8, expression=Expression(inner_brows=-1, corners=-1, sneer=1, lids=1)),
}


def spoken(**shares: float) -> VisemeWeights:
    weights = np.zeros(len(VISEMES), np.float32)
    for name, share in shares.items():
        weights[VISEMES.index(name)] = share
    return weights


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("size", [(512, 512), (640, 360), (90, 160)])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", builtin_names())
def test_a_picture_is_what_it_is_when_all_of_it_is_drawn(
    monkeypatch: pytest.MonkeyPatch, name: str, look: str, size: tuple[int, int]
) -> None:
    face, mouth = Face(Avatar.load(name), size), spoken(aa=0.7, ou=0.3)
    picture = face.draw(mouth, LOOKS[look])
    monkeypatch.setattr(Warp, "_changed", lambda warp, back: np.ones(back.shape[:2], bool))
    assert apart(face.draw(mouth, LOOKS[look]), picture) <= 1  # coordinates are rounded elsewhere


@pytest.mark.parametrize("size", [(512, 512), (1280, 720)])
def test_less_than_all_is_drawn(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    drawn: list[int] = []

    def lay(front: NDArray[np.uint8], behind: NDArray[np.uint8], picture: NDArray[np.uint8]) -> None:
        drawn.append(front.shape[0] * front.shape[1])
        lay_over(front, behind, picture)

    face = Face(Avatar.load("maya"), size)
    monkeypatch.setattr("livekit_bithuman.face.warp.lay_over", lay)
    face.draw(resting_mouth(), Presentation(breath=0.5, yaw=0.03))
    assert 0 < sum(drawn) < 0.8 * size[0] * size[1]


def test_pictures_do_not_share_what_is_still(flat_avatar: Avatar) -> None:
    face = Face(flat_avatar, (300, 200))
    first = face.draw(resting_mouth(), Presentation())
    expected = first.copy()
    first[:] = 0
    assert np.array_equal(face.draw(resting_mouth(), Presentation()), expected)


@pytest.mark.parametrize("alpha", ["clear", "solid", "half", "solid in the middle", "solid beside it", "one column"])
def test_a_picture_is_laid_over_another(alpha: str) -> None:
    random = np.random.default_rng(1)
    front = random.integers(0, 256, (40, 70, 4), np.uint8)
    plane = front[..., 3]
    if alpha in ("clear", "solid", "half"):
        plane[:] = {"clear": 0, "solid": 255, "half": 128}[alpha]
    elif alpha == "one column":
        plane[:], plane[:, 35] = 255, 9
    else:
        plane[:, slice(20, 50) if alpha == "solid in the middle" else slice(40, 70)] = 255
    front[..., :3] = np.minimum(front[..., :3], front[..., 3:])  # premultiplied
    behind = random.integers(0, 256, (40, 70, 3), np.uint8)
    picture = np.zeros((50, 90, 3), np.uint8)
    lay_over(front, behind, picture[5:45, 10:80])
    expected = front[..., :3] + behind * (1 - front[..., 3:] / 255.0)
    assert np.abs(picture[5:45, 10:80] - expected).max() <= 0.51
    picture[5:45, 10:80] = 0
    assert not picture.any()


@pytest.mark.parametrize("name", builtin_names())
@pytest.mark.parametrize("viseme", VISEMES)
def test_lips_meet_where_they_are_looked_for(monkeypatch: pytest.MonkeyPatch, name: str, viseme: str) -> None:
    rig = Avatar.load(name).mouth
    for smile in (0.0, 0.6):
        pose = np.zeros(16, np.float32)
        pose[VISEMES.index(viseme)] = 1.0
        pose[0] -= smile
        pose[15] = smile
        some = rig.draw(pose)
        with monkeypatch.context() as whole:
            whole.setattr(MouthRig, "_seam_of", lambda rig, flow: (0, rig._height))
            assert apart(rig.draw(pose), some) <= 1


def test_layers_that_go_the_same_way_have_no_seam(flat_bundle: Bundle) -> None:
    upper, lower = flat_bundle.mouth_masks.copy()
    upper[:, :8] = upper[:, -8:] = lower[:, :8] = lower[:, -8:] = 255  # the cheeks, which no pose moves here
    flow = flat_bundle.mouth_flow.copy()
    flow[..., :6, :] = flow[..., -6:, :] = 0
    rig = MouthRig(replace(flat_bundle, mouth_masks=np.stack([upper, lower]), mouth_flow=flow))
    first, last = rig._seam_of(rig._flow[0])
    assert 0 < first < last < len(upper)


def test_the_number_of_threads_changes_no_large_picture() -> None:
    face, threads = Face(Avatar.load("maya"), (1280, 720)), cv2.getNumThreads()
    pictures = []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            pictures.append(face.draw(spoken(aa=0.5, E=0.5), LOOKS["turned"]))
    finally:
        cv2.setNumThreads(threads)
    assert np.array_equal(pictures[0], pictures[1])
