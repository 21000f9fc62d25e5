"""Portraits in every form, and what is said of those that cannot be used."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from livekit_bithuman.adapters.errors import BitHumanException, InvalidAvatar
from livekit_bithuman.rtc.cloud.portrait import MAX_BYTES, Portrait

RED = (200, 30, 20)


def _seen(encoded: bytes) -> tuple[tuple[int, int], list[int]]:
    """(width, height) and mean colour, RGB."""
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return (picture.shape[1], picture.shape[0]), [round(float(value)) for value in picture.mean(axis=(0, 1))[::-1]]


def _is_red(encoded: bytes, size: tuple[int, int] = (64, 48)) -> bool:
    seen, colour = _seen(encoded)
    return seen == size and all(abs(a - b) < 6 for a, b in zip(colour, RED, strict=True))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_a_pil_image_of_any_mode_becomes_a_jpeg(mode: str) -> None:
    portrait = Portrait.of(Image.new("RGB", (64, 48), RED).convert(mode))
    assert portrait.url is None
    assert portrait.data.startswith(b"\xff\xd8")
    assert _is_red(portrait.data)
    assert base64.b64decode(portrait.as_text()) == portrait.data


@pytest.mark.parametrize("name", ["face.png", "face.jpg", "face.webp"])
@pytest.mark.parametrize("form", [str, Path])
def test_a_file_becomes_a_jpeg(tmp_path: Path, name: str, form: type) -> None:
    path = tmp_path / name
    Image.new("RGB", (64, 48), RED).save(path)
    portrait = Portrait.of(form(path))
    assert portrait.data.startswith(b"\xff\xd8")
    assert _is_red(portrait.data)


def test_a_phones_portrait_stands_upright(tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright, stored on its side
    Image.new("RGB", (64, 48), RED).save(path, exif=exif)
    assert _is_red(Portrait.of(path).data, (48, 64))


def test_a_link_is_passed_on_and_not_followed() -> None:
    portrait = Portrait.of("https://example.invalid/face.jpg")
    assert portrait.url == portrait.as_text() == "https://example.invalid/face.jpg"
    assert portrait.data == b""


def test_base64_is_passed_on_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    Image.new("RGB", (64, 48), RED).save(path)
    text = base64.b64encode(path.read_bytes()).decode()
    assert Portrait.of(text).as_text() == text
    assert Portrait.of(f"{text[:20]}\n{text[20:]}").data == path.read_bytes()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nobody.jpg", "Check the path"),
        (Path("nobody.jpg"), "No such file"),
        ("face", "Check the path"),  # base64 of nothing
        ("", "is empty"),
        ("ftp://example.invalid/face.jpg", "Check the path"),
        ("!" * 500, "…"),
    ],
)
def test_what_is_no_picture_is_one_error(source: str | Path, said: str) -> None:
    with pytest.raises(InvalidAvatar, match=said) as raised:
        Portrait.of(source)
    assert isinstance(raised.value, BitHumanException)
    assert len(str(raised.value)) < 200


def test_a_file_that_is_no_picture_or_too_large_is_named(tmp_path: Path) -> None:
    text = tmp_path / "face.jpg"
    text.write_text("not a picture")
    with pytest.raises(InvalidAvatar, match=r"face\.jpg is not a picture"):
        Portrait.of(text)
    large = tmp_path / "large.png"
    large.write_bytes(b"\x89PNG" + bytes(MAX_BYTES))
    with pytest.raises(InvalidAvatar, match="more than 10 MB"):
        Portrait.of(large)
    with pytest.raises(InvalidAvatar, match="cannot be read"):
        Portrait.of(tmp_path)


def test_a_picture_that_is_too_large_once_encoded_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3000, 3000, 3), np.uint8)
    with pytest.raises(InvalidAvatar, match="more than 10 MB"):
        Portrait.of(Image.fromarray(noise))


def test_a_pil_image_whose_file_is_truncated_is_one_error(tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.jpg", tmp_path / "half.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).save(whole)
    half.write_bytes(whole.read_bytes()[:2000])
    with Image.open(half) as image, pytest.raises(InvalidAvatar, match="cannot be read"):
        Portrait.of(image)
