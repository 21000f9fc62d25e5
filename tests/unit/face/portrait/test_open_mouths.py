"""Open smiles: their rims are found, they close without a trace, and their own teeth are shown."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.crop import Sitting, seat
from livekit_bithuman.face.portrait.landmarks import Points, find_faces, fit_mesh
from livekit_bithuman.face.portrait.mesh_indices import LOWER_INNER, UPPER_INNER
from livekit_bithuman.face.portrait.rims import dense, open_rims
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import Presentation, resting_mouth

from .conftest import Picture, png

GREEN = np.array((0, 255, 0))


@pytest.fixture(scope="module")
def mouth_inside(laughing: Picture) -> NDArray[np.bool_]:
    """Which pixels of the laughing picture show what is behind its lips."""
    bundle = Avatar.load().bundle
    green = np.empty_like(bundle.inner_parts)
    green[:] = (*GREEN, 255)
    marked = Face(Avatar(replace(bundle, inner_parts=green)), (640, 640)).draw(mixed("E"), Presentation(smile=0.5))
    return np.asarray(np.abs(marked.astype(int) - laughing).max(axis=2) > 60)


def inside(sitting: Sitting, upper: Points, lower: Points) -> NDArray[np.bool_]:
    filled = np.zeros(sitting.canvas.shape[:2], np.uint8)
    cv2.fillPoly(filled, [np.rint(np.concatenate([upper, lower[::-1]]) - 0.5).astype(np.int32)], 1)
    return filled > 0


def test_the_rims_are_nearer_to_the_lips_than_the_mesh(laughing: Picture, mouth_inside: NDArray[np.bool_]) -> None:
    mesh = fit_mesh(laughing, find_faces(laughing)[0])
    sitting = seat(laughing, mesh)
    marked = laughing.copy()
    marked[mouth_inside] = GREEN
    known = np.abs(seat(marked, mesh).canvas.astype(int) - GREEN).max(axis=2) < 100

    def shared(upper: Points, lower: Points) -> float:
        found = inside(sitting, upper, lower)
        return float((found & known).sum() / (found | known).sum())

    upper, lower = (dense(sitting.points[list(ids), :2]) for ids in (UPPER_INNER, LOWER_INNER))
    assert shared(*open_rims(sitting)) > max(0.85, shared(upper, lower) + 0.03)


def test_a_closed_smile_leaves_nothing_of_the_open_one(laughing: Picture, mouth_inside: NDArray[np.bool_]) -> None:
    marked = laughing.copy()
    marked[mouth_inside] = (140, 235, 140)
    face = Face(Avatar(make_portrait(png(marked), "marked.png")))
    for viseme in ("sil", "PP"):
        blue, green, red = cv2.split(face.draw(mixed(viseme), Presentation()).astype(np.int32))
        assert int((green - np.maximum(blue, red) > 25).sum()) <= 12  # pixels


def test_an_open_smile_keeps_its_own_teeth(laughing: Picture, mouth_inside: NDArray[np.bool_]) -> None:
    """Teeth of another colour are shown in that colour; without any in the picture, the rendered ones are."""
    ivory = laughing.copy()
    ivory[mouth_inside] = (ivory[mouth_inside] * np.array((0.6, 1.0, 1.05))).clip(0, 255).astype(np.uint8)

    def yellow(picture: Picture) -> float:
        avatar = Avatar(make_portrait(png(picture), "smile.png"))
        x0, y0, x1, y1 = avatar.bundle.manifest.mouth
        left, top, _, _ = avatar.bundle.manifest.frame
        drawn = Face(avatar).draw(mixed("aa"), Presentation())[y0 - top : y1 - top, x0 - left : x1 - left].astype(int)
        at_rest = Face(avatar).draw(resting_mouth(), Presentation())[y0 - top : y1 - top, x0 - left : x1 - left]
        blue, green, red = cv2.split(drawn)
        teeth = (drawn.min(axis=2) > 70) & (red - green < 25) & (np.abs(drawn - at_rest).max(axis=2) > 40)
        assert teeth.sum() > 100
        return float((green - blue)[teeth].mean())

    assert yellow(ivory) > yellow(laughing) + 30


def test_teeth_are_dark_in_the_dark_and_not_in_a_dark_face(photograph: Picture) -> None:
    def bright(picture: Picture) -> float:
        upper = make_portrait(png(picture), "teeth.png").inner_parts[0]
        return float(upper[upper[..., 3] > 250][:, :3].mean())

    kofi = Face(Avatar.load("kofi"), (640, 640)).draw(resting_mouth(), Presentation())
    dim = (photograph * 0.55).astype(np.uint8)
    assert bright(kofi) > 0.9 * bright(photograph)
    assert bright(dim) < 0.8 * bright(photograph)
