"""Reads a picture of any common kind into 8-bit BGR, upright, or says what is wrong with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import PortraitError
from .landmarks import Colours

Opacity = NDArray[np.uint8]  # (height, width), 255 opaque

MAX_PICTURE_BYTES = 256 << 20
LONGEST_SIDE = 3200  # pixels that are worth decoding: a face needs a few hundred
LEAST_SIDE = 64
BEHIND_TRANSPARENT = 216.0  # grey
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_OTHERS = (b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_ADVICE = "Use a JPEG or PNG of one person's face, seen from the front"


def looks_like_picture(data: bytes) -> bool:
    """Whether a file begins as pictures do."""
    if data.startswith((_JPEG, _PNG, *_OTHERS)):
        return True
    return (data[:4] == b"RIFF" and data[8:12] == b"WEBP") or data[4:12] in (b"ftypavif", b"ftypheic")


def read_picture(data: bytes, source: str) -> Colours:
    """Decode a picture: any size, grey, colour or CMYK, 8 or 16 bits, turned as its EXIF says, its first frame.

    Args:
        data: The file's bytes; any bytes at all.
        source: What to call it in errors.

    Returns:
        BGR, (height, width, 3), no side longer than `LONGEST_SIDE`. What is transparent becomes light grey.

    Raises:
        PortraitError: It is no picture, is cut off, too large or tiny.
    """
    return read_cut_out(data, source)[0]


def read_cut_out(data: bytes, source: str) -> tuple[Colours, Opacity | None]:
    """The same, and how opaque each pixel is; None where all are."""
    if len(data) > MAX_PICTURE_BYTES:
        raise PortraitError(source, f"{source} has more than {MAX_PICTURE_BYTES >> 20} MB. {_ADVICE}, below that size.")
    if not looks_like_picture(data):
        raise PortraitError(source, f"{source} is not a picture that can be read. {_ADVICE}.")
    if _is_cut_off(data):
        raise PortraitError(source, f"{source} is cut off: its end is missing. Copy or download it again.")
    picture, opacity = _decoded(data, source)
    if min(picture.shape[:2]) < LEAST_SIDE:
        height, width = picture.shape[:2]
        raise PortraitError(
            source, f"{source} has only {width} x {height} pixels. {_ADVICE}, with 256 pixels a side or more."
        )
    return picture, opacity


def _is_cut_off(data: bytes) -> bool:
    if data.startswith(_JPEG):
        return b"\xff\xd9" not in data[-65_536:]  # cameras append things after the end
    return data.startswith(_PNG) and b"IEND" not in data[-65_536:]


def _decoded(data: bytes, source: str) -> tuple[Colours, Opacity | None]:
    buffer = np.frombuffer(data, np.uint8)
    try:
        picture = cv2.imdecode(buffer, _how(buffer))
        alpha = None if data.startswith(_JPEG) else _alpha(buffer)
    except cv2.error as error:
        raise PortraitError(source, f"{source} cannot be decoded. {_ADVICE}, of at most 200 megapixels.") from error
    if picture is None:
        raise PortraitError(source, f"{source} cannot be decoded: it is damaged, or of an unknown kind. {_ADVICE}.")
    longest = max(picture.shape[:2])
    if alpha is not None:
        alpha = _resized(alpha, (picture.shape[1], picture.shape[0]))
        share = alpha.astype(np.float32)[..., None] / 255
        picture = picture * share + BEHIND_TRANSPARENT * (1 - share)
    if longest > LONGEST_SIDE:
        factor = LONGEST_SIDE / longest
        size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        alpha = None if alpha is None else _resized(alpha, size)
    opacity = None if alpha is None or alpha.min() == 255 else alpha
    return np.asarray(np.rint(picture), np.uint8), opacity


def _resized(opacity: Opacity, size: tuple[int, int]) -> Opacity:
    return np.asarray(cv2.resize(opacity, size, interpolation=cv2.INTER_AREA), np.uint8)


def _how(buffer: NDArray[np.uint8]) -> int:
    """The flag that decodes no more pixels than are of use: a JPEG of 100 megapixels in a fraction of its time."""
    if len(buffer) < 4 << 20:
        return cv2.IMREAD_COLOR
    eighth = cv2.imdecode(buffer, cv2.IMREAD_REDUCED_COLOR_8)
    longest = 0 if eighth is None else 8 * max(eighth.shape[:2])
    for factor, flag in ((1, cv2.IMREAD_COLOR), (2, cv2.IMREAD_REDUCED_COLOR_2), (4, cv2.IMREAD_REDUCED_COLOR_4)):
        if longest <= factor * LONGEST_SIDE:
            return flag
    return cv2.IMREAD_REDUCED_COLOR_8


def _alpha(buffer: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    whole = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim != 3 or whole.shape[2] != 4:
        return None
    alpha = whole[..., 3]
    return np.asarray(alpha if alpha.dtype == np.uint8 else alpha // 257, np.uint8)
