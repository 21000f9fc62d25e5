"""Any picture is read, or refused in one clear sentence."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_bithuman.errors import PortraitError
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.picture import LONGEST_SIDE, looks_like_picture, read_picture

from .conftest import Picture, png


def jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_sixteen_bits_and_grey_are_read(photograph: Picture) -> None:
    deep = read_picture(png(photograph.astype(np.uint16) * 257), "deep.png")
    assert np.abs(deep.astype(int) - photograph).max() <= 1
    grey = read_picture(png(np.asarray(cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY), np.uint8)), "grey.png")
    assert grey.shape == photograph.shape


def test_transparent_becomes_light(photograph: Picture) -> None:
    clear = np.dstack([photograph, np.zeros(photograph.shape[:2], np.uint8)])
    assert (read_picture(png(clear), "clear.png") == 216).all()


def test_exif_turns_the_picture(photograph: Picture) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # orientation 6: turn right
    on_its_side = jpeg(np.ascontiguousarray(np.rot90(photograph)))
    turned = on_its_side[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + on_its_side[2:]
    upright = read_picture(turned, "phone.jpg")
    assert np.abs(upright.astype(int) - photograph).mean() < 4


def test_a_huge_picture_is_reduced() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (5000, 2500, 3), np.uint8)
    read = read_picture(jpeg(noise), "huge.jpg")
    assert LONGEST_SIDE / 2 < max(read.shape) <= LONGEST_SIDE


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_cut_off(photograph: Picture, kind: str) -> None:
    data = cv2.imencode(kind, photograph)[1].tobytes()
    with pytest.raises(PortraitError, match="cut off"):
        read_picture(data[: len(data) // 2], "half")


def test_a_claimed_size_beyond_reason_is_refused() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + b"\0\0\0\0IEND"
    with pytest.raises(PortraitError, match="decoded"):
        read_picture(data, "bomb.png")


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.full((40, 40, 3), 200, np.uint8), "pixels"),
        (np.full((400, 400, 3), 200, np.uint8), "No face"),
    ],
)
def test_what_shows_no_face(picture: Picture, says: str) -> None:
    with pytest.raises(PortraitError, match=says):
        make_portrait(png(picture), "wall.png")


def test_a_face_that_is_cut_off(photograph: Picture) -> None:
    with pytest.raises(PortraitError, match=r"cut off|No face"):
        make_portrait(png(np.ascontiguousarray(photograph[:400])), "chinless.png")


def test_a_face_that_is_too_small(photograph: Picture) -> None:
    small = cv2.resize(photograph, (90, 90), interpolation=cv2.INTER_AREA)
    with pytest.raises(PortraitError, match="too small"):
        make_portrait(png(np.asarray(small, np.uint8)), "small.png")


def test_faces_are_chosen_by_number(photograph: Picture) -> None:
    with pytest.raises(PortraitError, match=r"no face 2.*one face"):
        make_portrait(png(photograph), "one.png", face=2)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"]))
def test_any_bytes_are_refused_with_one_error(data: bytes, start: bytes) -> None:
    with pytest.raises(PortraitError):
        read_picture(start + data, "bytes")


def test_bundles_do_not_look_like_pictures() -> None:
    assert not looks_like_picture(b"PK\x03\x04")
