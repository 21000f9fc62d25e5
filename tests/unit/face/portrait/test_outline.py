"""A photograph's outline is found, and another background can be shown behind the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman.errors import BackgroundError
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.bundle import read_bundle, write_bundle
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.crop import FRAME
from livekit_bithuman.face.portrait.landmarks import find_faces, fit_mesh
from livekit_bithuman.face.portrait.outline import own_outline
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import Presentation, resting_mouth

from .conftest import Picture, png

PORTRAITS = Path(__file__).parents[3] / "data" / "portraits"
RED = "#ff0000"
_RED_BGR = np.array((0, 0, 255))


def test_the_outline_is_that_of_the_head(avatars: dict[str, Avatar]) -> None:
    """The portrait was drawn from a character whose own outline is exact."""
    found = avatars["photograph"].bundle.outline
    assert found is not None
    built_in = Avatar.load().bundle
    x0, y0, x1, y1 = FRAME
    a, b, c, d = built_in.manifest.frame
    head = cv2.resize(built_in.base[b:d, a:c, 3], (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    apart = np.abs(found[y0:y1, x0:x1].astype(int) - head) / 255
    assert apart.mean() < 0.015
    sure = cv2.erode(head, np.ones((15, 15), np.uint8)) > 250
    assert (found[y0:y1, x0:x1][sure] > 250).mean() > 0.995


@pytest.mark.parametrize("file", ["astronaut.jpg", "hopper.jpg"])
def test_photographs_get_another_background(file: str) -> None:
    avatar = Avatar(make_portrait((PORTRAITS / file).read_bytes(), file))
    own, other = Face(avatar), Face(avatar, behind=RED)
    look = Presentation(yaw=0.1)
    before, after = own.draw(resting_mouth(), look), other.draw(resting_mouth(), look)
    assert (after[4, 4] == _RED_BGR).all()
    x0, y0, x1, y1 = avatar.bundle.manifest.mouth
    middle = (y0 + y1) // 2 - FRAME[1], (x0 + x1) // 2 - FRAME[0]
    face = np.s_[middle[0] - 90 : middle[0] + 20, middle[1] - 35 : middle[1] + 35]
    assert np.abs(before[face].astype(int) - after[face]).max() <= 2
    # No square of the old background stays around the mouth and the eyes.
    outline = avatar.bundle.outline
    assert outline is not None
    seen = outline[FRAME[1] : FRAME[3], FRAME[0] : FRAME[2]]
    behind = cv2.dilate(seen, np.ones((31, 31), np.uint8)) == 0
    for viseme in ("sil", "aa", "ou"):
        picture = other.draw(mixed(viseme), Presentation()).astype(int)
        assert (np.abs(picture - _RED_BGR).max(axis=2)[behind] <= 3).all()


def test_the_own_background_out_of_focus_hides_the_head_behind_the_head(photograph: Picture) -> None:
    """Behind a person before stripes there are soft stripes, and no second person."""
    striped = photograph.copy()
    avatar = Avatar(make_portrait(png(photograph), "plain.png"))
    outline = avatar.bundle.outline
    assert outline is not None
    x0, y0, x1, y1 = FRAME
    inside = cv2.resize(outline[y0:y1, x0:x1], (640, 640)) > 20
    stripes = np.where((np.arange(640) // 10 % 2)[None, :, None], 225, 150).astype(np.uint8)
    striped[~inside] = np.broadcast_to(stripes, striped.shape)[~inside]
    avatar = Avatar(make_portrait(png(striped), "stripes.png"))
    sharp, soft = (Face(avatar, behind=behind).draw(resting_mouth(), Presentation()) for behind in (None, "blur"))
    corner = np.s_[20:80, 10:70]
    assert soft[corner].std() < 0.5 * sharp[corner].std()
    assert soft[corner].mean() == pytest.approx(sharp[corner].mean(), abs=8)
    assert np.abs(soft[200:330, 230:290].astype(int) - sharp[200:330, 230:290]).max() <= 2


def test_without_another_background_nothing_changes(avatars: dict[str, Avatar]) -> None:
    avatar = avatars["photograph"]
    bundle = avatar.bundle
    without = Avatar(type(bundle)(**{**vars(bundle), "outline": None}))
    look = Presentation(yaw=0.1, blink=0.4)
    assert np.array_equal(Face(avatar).draw(mixed("oh"), look), Face(without).draw(mixed("oh"), look))
    with pytest.raises(BackgroundError, match="has no outline"):
        Face(without, behind="blur")


def test_an_outline_is_kept_in_the_file(avatars: dict[str, Avatar]) -> None:
    bundle = avatars["photograph"].bundle
    read = read_bundle(write_bundle(bundle), "kept")
    assert bundle.outline is not None
    assert read.outline is not None
    assert np.array_equal(read.outline, bundle.outline)


def test_a_transparent_picture_stands_before_the_background_by_its_own_alpha(photograph: Picture) -> None:
    """A vignette, which no model would take for the outline of a person."""
    alpha = np.zeros(photograph.shape[:2], np.uint8)
    cv2.circle(alpha, (320, 300), 240, 255, -1, cv2.LINE_AA)
    avatar = Avatar(make_portrait(png(np.dstack([photograph, alpha])), "vignette.png"))
    shown = Face(avatar, behind=RED).draw(mixed("aa"), Presentation()).astype(int)
    plain = Face(avatar).draw(mixed("aa"), Presentation()).astype(int)
    covered = np.abs(shown - _RED_BGR).max(axis=2) > 6
    (contour,) = cv2.findContours(covered.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    _, radius = cv2.minEnclosingCircle(contour)
    assert covered.sum() > 0.97 * np.pi * radius**2  # a disc
    inside = cv2.erode(covered.astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert np.abs(shown - plain).max(axis=2)[inside].max() <= 3


def test_alpha_that_hides_the_face_or_nothing_is_no_outline(photograph: Picture) -> None:
    points = fit_mesh(photograph, find_faces(photograph)[0]).points
    opaque = np.full(photograph.shape[:2], 255, np.uint8)
    veiled, around = opaque.copy(), opaque.copy()
    veiled[:280] = 60
    around[:, :60] = 0
    assert own_outline(veiled, points) is None
    assert own_outline(opaque, points) is None
    assert own_outline(around, points) is around
