"""The shipped models are the converter's, and find a face where it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

import livekit_bithuman.face.portrait as package
from livekit_bithuman.face.portrait.crop import eye_middles
from livekit_bithuman.face.portrait.landmarks import find_faces, fit_mesh

from .conftest import Picture

DIGESTS = {
    "face_detector.onnx": "db06f42e4ba6a3f9a892f66d874559db6433869fe6677cbe367fcbf1c59e4a18",
    "face_mesh.onnx": "383555cc1d6a396d8ffbc61b8ca66bd2a2b1942c8a6d7348c4bbc2725db45edf",
    "outline.onnx": "aa4aef2311d07d834920c1bc81b635a7eed2ae13512a34a27430b809430abe65",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_models_are_what_the_converter_wrote(name: str) -> None:
    data = (Path(package.__file__).with_name("models") / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGESTS[name]


def test_the_mesh_finds_the_eyes(photograph: Picture) -> None:
    (face,) = find_faces(photograph)
    mesh = fit_mesh(photograph, face)
    assert mesh.presence > 0.99
    # In the built-in's frame of 512 the eyeballs' centres are known.
    known = np.array([(466.2, 201.7), (557.8, 201.7)]) - (256, 0)
    assert np.abs(eye_middles(mesh.points) - known * 640 / 512).max() < 6


def test_a_small_face_in_a_large_picture_is_found(photograph: Picture) -> None:
    scene = np.full((900, 1400, 3), 128, np.uint8)
    scene[560:860, 1050:1350] = cv2.resize(photograph, (300, 300), interpolation=cv2.INTER_AREA)
    (face,) = find_faces(scene)
    assert 1050 < face.box[0] < 1350
    assert 560 < face.box[1] < 860


def test_faces_come_from_the_largest(photograph: Picture) -> None:
    scene = np.full((640, 1000, 3), 128, np.uint8)
    scene[:300, :300] = cv2.resize(photograph, (300, 300))
    scene[40:600, 400:960] = cv2.resize(photograph, (560, 560))
    large, small = find_faces(scene)
    assert large.box[0] > 400 > small.box[0]
