"""Avatars made of portraits do what they are asked, measured in their frames."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.face.bundle import MAX_FILE_BYTES, read_bundle, write_bundle
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.crop import FRAME
from livekit_bithuman.face.portrait.landmarks import find_faces, fit_mesh
from livekit_bithuman.face.portrait.sheet import draw_sheet, mixed
from livekit_bithuman.pose import VISEMES, Presentation, resting_mouth

from .conftest import Picture, png

NAMES = ("photograph", "laughing", "painted")
_INNER_UP, _INNER_LOW, _CORNER_LEFT, _CORNER_RIGHT = 13, 14, 78, 308


def mesh_of(picture: Picture) -> NDArray[np.float64]:
    return fit_mesh(picture, find_faces(picture)[0]).points


def opened(share: float) -> NDArray[np.float32]:
    weights = resting_mouth() * np.float32(1 - share)
    weights[VISEMES.index("aa")] += np.float32(share)
    return np.asarray(weights, np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_lips_open_as_asked(avatars: dict[str, Avatar], name: str) -> None:
    face = Face(avatars[name])
    asked = np.linspace(0, 1, 9)
    seen = []
    for share in asked:
        points = mesh_of(face.draw(opened(float(share)), Presentation()))
        seen.append(points[_INNER_LOW, 1] - points[_INNER_UP, 1])
    assert np.corrcoef(asked, seen)[0, 1] >= 0.95
    assert seen[-1] > 15


@pytest.mark.parametrize("name", NAMES)
def test_vowels_are_as_wide_as_they_should(avatars: dict[str, Avatar], name: str) -> None:
    face = Face(avatars[name])
    width = {}
    for viseme in ("ih", "sil", "ou"):
        points = mesh_of(face.draw(mixed(viseme), Presentation()))
        width[viseme] = points[_CORNER_RIGHT, 0] - points[_CORNER_LEFT, 0]
    assert width["ou"] < 0.92 * width["sil"]
    assert width["ou"] < 0.92 * width["ih"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("viseme", ["sil", "PP"])
def test_closed_lips_show_nothing_behind_them(avatars: dict[str, Avatar], name: str, viseme: str) -> None:
    avatar = avatars[name]
    bundle = avatar.bundle
    pure_green = bundle.inner_parts.copy()
    pure_green[:] = (0, 255, 0, 255)
    marked = Avatar(type(bundle)(**{**vars(bundle), "inner_parts": pure_green}))
    plain = Face(avatar).draw(mixed(viseme), Presentation()).astype(int)
    green = Face(marked).draw(mixed(viseme), Presentation()).astype(int)
    assert (np.abs(green - plain).max(axis=2) > 40).sum() <= 25  # pixels, at the very corners
    opened_wide = np.abs(Face(marked).draw(mixed("aa"), Presentation()).astype(int) - plain).max(axis=2) > 40
    assert opened_wide.sum() > 300


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_lid_leaves_no_eye_pixel(avatars: dict[str, Avatar], name: str) -> None:
    bundle = avatars[name].bundle
    magenta = bundle.eyeballs.copy()
    magenta[:] = (255, 0, 255, 255)
    face = Face(Avatar(type(bundle)(**{**vars(bundle), "eyeballs": magenta})))

    def eye_pixels(blink: float) -> int:
        blue, green, red = cv2.split(face.draw(resting_mouth(), Presentation(blink=blink)).astype(np.int32))
        return int(((np.minimum(blue, red) - green) > 60).sum())

    assert eye_pixels(1.0) == 0
    area = [eye_pixels(blink) for blink in np.linspace(0, 1, 7)]
    assert area[0] > 150
    assert all(later <= earlier for earlier, later in itertools.pairwise(area))


def test_every_blink_is_found(avatars: dict[str, Avatar]) -> None:
    face = Face(avatars["photograph"])
    idle = IdleMotion(7)
    looks = [idle.at(tick) for tick in range(0, 1500)]
    blinks = [k for k in range(1, len(looks) - 1) if looks[k].blink == 1.0 and looks[k - 1].blink < 1.0]
    x0, y0, x1, y1 = avatars["photograph"].bundle.manifest.eyes
    box = slice(y0 - FRAME[1], y1 - FRAME[1]), slice(x0 - FRAME[0], x1 - FRAME[0])
    closed = face.draw(resting_mouth(), Presentation(blink=1.0))[box].astype(float)
    awake = face.draw(resting_mouth(), Presentation())[box].astype(float)
    found = 0
    for tick in blinks:
        still = Presentation(blink=looks[tick].blink, gaze_x=looks[tick].gaze_x)
        seen = face.draw(resting_mouth(), still)[box].astype(float)
        found += bool(np.abs(seen - closed).mean() < 0.25 * np.abs(seen - awake).mean())
    assert len(blinks) >= 10
    assert found >= 0.98 * len(blinks)


def test_at_rest_the_portrait_looks_like_itself(avatars: dict[str, Avatar]) -> None:
    avatar = avatars["photograph"]
    x0, y0, x1, y1 = FRAME
    drawn = Face(avatar).draw(resting_mouth(), Presentation()).astype(float)
    given = avatar.bundle.base[y0:y1, x0:x1, :3].astype(float)
    assert np.abs(drawn - given).mean() < 0.6


def test_the_background_stands_still(avatars: dict[str, Avatar]) -> None:
    face = Face(avatars["photograph"], (1280, 720))
    calm = face.draw(resting_mouth(), Presentation())
    moved = face.draw(resting_mouth(), Presentation(yaw=0.14, pitch=0.1, roll=0.1, breath=1.0))
    for edge in (np.s_[:, :40], np.s_[:, -40:], np.s_[-6:, :]):
        assert np.array_equal(calm[edge], moved[edge])
    assert not np.array_equal(calm, moved)


def test_the_same_picture_gives_the_same_bundle(photograph: Picture, avatars: dict[str, Avatar]) -> None:
    data = write_bundle(avatars["photograph"].bundle)
    assert write_bundle(make_portrait(png(photograph), "photograph.png")) == data
    assert len(data) < MAX_FILE_BYTES
    read = Face(Avatar(read_bundle(data, "again")))
    look = Presentation(yaw=0.05, blink=0.3, gaze_x=0.2)
    assert np.array_equal(read.draw(mixed("oh"), look), Face(avatars["photograph"]).draw(mixed("oh"), look))


def test_a_portrait_loads_like_an_avatar(tmp_path: Path, photograph: Picture) -> None:
    path = tmp_path / "Ada L.png"
    path.write_bytes(png(photograph))
    engine = EmbeddedEngine(path)
    assert engine.info.size == (512, 512)
    assert engine.avatar.name == "ada-l"
    assert any("CC0" in line for line in engine.avatar.licences)


def test_dark_glasses_stay_whole(photograph: Picture) -> None:
    points = mesh_of(photograph)[:, :2]
    masked = photograph.copy()
    for eye in ((33, 133, 159, 145), (263, 362, 386, 374)):
        centre = points[list(eye)].mean(axis=0)
        cv2.ellipse(masked, (int(centre[0]), int(centre[1])), (48, 36), 0, 0, 360, (12, 10, 10), -1)
    avatar = Avatar(make_portrait(png(masked), "glasses.png"))
    face = Face(avatar)
    shut = face.draw(resting_mouth(), Presentation(blink=1.0))
    assert np.array_equal(shut, face.draw(resting_mouth(), Presentation()))


def test_the_sheet_shows_everything(avatars: dict[str, Avatar]) -> None:
    sheet = draw_sheet(avatars["painted"])
    assert sheet.shape == (256 * 5, 256 * 6, 3)
