"""What one sees of each built-in character: a whole face in every pose, a look of its own; what its bundle carries."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.face.eyes import LID_FOLLOWS
from livekit_bithuman.face.gallery import bundle_path
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth

REST = Presentation()
MOST_BYTES = 4_000_000
TURN = math.radians(8)
TURNS = [
    Presentation(yaw=yaw, pitch=pitch, roll=roll)
    for yaw, pitch, roll in (
        (TURN, 0, 0),
        (-TURN, 0, 0),
        (0, TURN, 0),
        (0, -TURN, 0),
        (TURN, -TURN, 0.1),
        (-TURN, TURN, -0.1),
    )
]
GAZES = [Presentation(gaze_x=x, gaze_y=y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
MAGENTA = (255, 0, 255)


def mouth(**shares: float) -> VisemeWeights:
    weights = np.zeros(len(VISEMES), np.float32)
    for name, share in shares.items():
        weights[VISEMES.index(name)] = share
    weights[0] += 1 - weights.sum()
    return weights


EACH_VISEME = [mouth(**{name: 1.0}) for name in VISEMES]
MIXTURES = [mouth(**{a: 0.5, b: 0.5}) for a, b in combinations(VISEMES, 2)]


@pytest.fixture(scope="module", params=builtin_names())
def avatar(request: pytest.FixtureRequest) -> Avatar:
    return Avatar.load(request.param)


@pytest.fixture(scope="module")
def face(avatar: Avatar) -> Face:
    return Face(avatar)


@pytest.fixture(scope="module")
def before_magenta(avatar: Avatar) -> Face:
    """The character before a wall whose colour no face has."""
    bundle = avatar.bundle
    return Face(Avatar(replace(bundle, manifest=replace(bundle.manifest, background=(MAGENTA, MAGENTA)))))


def middle_of_the_face(face: Face) -> NDArray[np.bool_]:
    """Pixels that are face in any pose: both eyes, and from eye to eye down to the lower lip."""
    manifest, bundle = face.avatar.bundle.manifest, face.avatar.bundle
    left, top = manifest.frame[:2]
    x0, y0 = manifest.eyes[0] - left, manifest.eyes[1] - top
    (right_x, right_y, radius), (left_x, _, _) = bundle.spheres
    lip = int(manifest.mouth[1] - top + 0.55 * (manifest.mouth[3] - manifest.mouth[1]))
    middle = np.zeros((face.size[1], face.size[0]), bool)
    upper, lower = int(y0 + right_y - radius), int(y0 + right_y + radius)
    middle[upper:lower, int(x0 + right_x - radius) : int(x0 + left_x + radius)] = True
    middle[lower:lip, int(x0 + right_x) : int(x0 + left_x)] = True
    return middle


def luminance(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def part(face: Face, picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    left, top = face.avatar.bundle.manifest.frame[:2]
    x0, y0, x1, y1 = box
    return picture[y0 - top : y1 - top, x0 - left : x1 - left]


@pytest.mark.parametrize(
    "presentation", [REST, *TURNS, *GAZES, Presentation(blink=0.5), Presentation(blink=1, smile=1)]
)
def test_nothing_behind_the_head_shows_through_the_face(before_magenta: Face, presentation: Presentation) -> None:
    middle = middle_of_the_face(before_magenta)
    for weights in (*EACH_VISEME, mouth(PP=0.5, aa=0.5), mouth(ou=0.5, E=0.5)):
        seen = before_magenta.draw(weights, presentation)[middle].astype(int)
        behind = np.minimum(seen[..., 0], seen[..., 2]) - seen[..., 1] > 60
        assert not behind.any(), f"{int(behind.sum())} pixels of the wall"


def test_every_mixture_of_two_visemes_is_whole(before_magenta: Face) -> None:
    middle = middle_of_the_face(before_magenta)
    for weights in MIXTURES:
        seen = before_magenta.draw(weights, REST)[middle].astype(int)
        assert not (np.minimum(seen[..., 0], seen[..., 2]) - seen[..., 1] > 60).any()


def test_teeth_are_never_brighter_than_the_highlights_of_the_eyes(face: Face) -> None:
    manifest = face.avatar.bundle.manifest
    highlight = luminance(part(face, face.draw(resting_mouth(), REST), manifest.eyes)).max()
    closed = luminance(part(face, face.draw(mouth(PP=1), REST), manifest.mouth)).astype(int)
    for name in ("aa", "E", "SS", "ih", "DD"):
        opened = luminance(part(face, face.draw(mouth(**{name: 1}), REST), manifest.mouth)).astype(int)
        changed = np.abs(opened - closed) > 12
        assert opened[changed].max() <= highlight


def test_teeth_are_seen_where_the_mouth_opens(avatar: Avatar) -> None:
    """The upper row gone, the picture is another: by how much says how well it was seen."""
    bundle = avatar.bundle
    toothless = bundle.inner_parts.copy()
    toothless[:2] = 0
    with_teeth, without = Face(avatar), Face(Avatar(replace(bundle, inner_parts=toothless)))
    for name in ("aa", "E", "SS"):
        pair = [luminance(f.draw(mouth(**{name: 1}), REST)).astype(int) for f in (with_teeth, without)]
        assert (pair[0] - pair[1] > 40).sum() > 60, name


def test_each_viseme_is_a_picture_of_its_own(face: Face) -> None:
    box = face.avatar.bundle.manifest.mouth
    pictures = {name: part(face, face.draw(mouth(**{name: 1}), REST), box).astype(int) for name in VISEMES}
    for first, second in combinations(VISEMES, 2):
        assert np.abs(pictures[first] - pictures[second]).mean() > 0.2, (first, second)


def test_brows_move_and_leave_the_mouth_alone(face: Face) -> None:
    manifest = face.avatar.bundle.manifest
    rest = face.draw(resting_mouth(), REST).astype(int)
    for brow in (-1.0, 1.0):
        moved = face.draw(resting_mouth(), Presentation(brow=brow)).astype(int)
        forehead = (slice(0, manifest.eyes[1] - manifest.frame[1] + 30), slice(None))
        assert (np.abs(moved[forehead] - rest[forehead]).max(axis=2) > 20).sum() > 150
        lower = slice(manifest.mouth[1] - manifest.frame[1] + 20, None)
        assert np.abs(moved[lower] - rest[lower]).max() <= 2


@pytest.mark.parametrize("presentation", TURNS[:2])
def test_shoulders_stay_when_the_head_turns(face: Face, presentation: Presentation) -> None:
    rest, turned = (face.draw(resting_mouth(), p).astype(int) for p in (REST, presentation))
    assert np.abs(turned[-20:] - rest[-20:]).mean() < 1.0
    assert np.abs(turned - rest).mean() > 2.0


@pytest.mark.parametrize("presentation", [p for p in GAZES if p != REST])
def test_a_gaze_keeps_its_highlight(face: Face, presentation: Presentation) -> None:
    eyes = face.avatar.bundle.manifest.eyes
    rest, looking = (luminance(part(face, face.draw(resting_mouth(), p), eyes)) for p in (REST, presentation))
    assert looking.max() >= 0.85 * rest.max()


@pytest.mark.parametrize("presentation", [p for p in GAZES if p != REST])
def test_a_gaze_shows_no_black_edge(avatar: Avatar, presentation: Presentation) -> None:
    """Eyeballs all white look the same wherever they look, under lids that are where the gaze puts them."""
    bundle = avatar.bundle
    white = Face(
        Avatar(replace(bundle, eyeballs=np.full_like(bundle.eyeballs, 255), glint=np.zeros_like(bundle.glint)))
    )
    ahead = Presentation(blink=LID_FOLLOWS * max(presentation.gaze_y, 0.0))
    straight, looking = (white.draw(resting_mouth(), p).astype(int) for p in (ahead, presentation))
    assert (straight - looking).max() <= 30


def test_a_bundle_is_small_and_names_the_licence_of_all_it_is_made_of(avatar: Avatar) -> None:
    manifest = avatar.bundle.manifest
    assert bundle_path(manifest.name).stat().st_size <= MOST_BYTES
    assert manifest.author
    assert manifest.description
    for asset in ("Head shape", "face units", "hair", "clothes", "eyes", "teeth"):
        assert any(asset.lower() in line.lower() for line in manifest.licences), asset
    assert all("CC0 1.0" in line or "Apache-2.0" in line for line in manifest.licences)


def test_the_characters_are_told_apart_at_64_pixels() -> None:
    """Whoever speaks, turns and blinks is nearer to the own resting thumbnail than to anybody else's."""
    faces = {name: Face(Avatar.load(name), (64, 64)) for name in builtin_names()}
    resting = {name: face.draw(resting_mouth(), REST).astype(int) for name, face in faces.items()}
    for first, second in combinations(resting, 2):
        assert np.abs(resting[first] - resting[second]).mean() > 15
    for name, face in faces.items():
        for presentation in (*TURNS, Presentation(blink=1, smile=1, brow=1)):
            seen = face.draw(mouth(aa=0.7), presentation).astype(int)
            away = {other: np.abs(seen - picture).mean() for other, picture in resting.items()}
            assert 2 * away[name] < min((away[other] for other in away if other != name), default=math.inf)
