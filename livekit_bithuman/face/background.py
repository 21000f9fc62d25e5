"""What is seen behind the head: the avatar's own backdrop, a colour, or a picture, sharp or out of focus."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import AvatarFormatError, BackgroundError
from .bundle import Bundle
from .cutout import own_background
from .framing import backdrop
from .portrait.picture import MAX_PICTURE_BYTES, read_picture

GREEN_BGR = (64, 177, 0)  # what studios paint their screens with, for programs that cut the head out
BLUR = "blur"  # alone: the avatar's own; "blur:" and a picture
OUT_OF_FOCUS = 0.018  # sigma of a picture that is out of focus, in the picture's longer sides

_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")


def background(choice: str | None, bundle: Bundle, width: int, height: int) -> NDArray[np.uint8]:
    """What is behind an avatar.

    Args:
        choice: "green"; a colour like "#1b2a3c"; the path of a picture; "blur:" and one, or "blur" for the avatar's
            own, which are then out of focus. None: the avatar's own.
        bundle: The avatar.
        width: Of the picture, in pixels.
        height: The same.

    Returns:
        BGR, (height, width, 3).

    Raises:
        BackgroundError: Another background than its own cannot be shown behind this avatar, or the picture not read.
    """
    if choice is None:
        return backdrop(bundle.manifest, width, height)
    opaque = int(bundle.base[..., 3].min()) == 255
    if opaque and bundle.outline is None:
        raise BackgroundError(
            choice,
            f"{bundle.manifest.title} has no outline: its background is part of its picture. Leave the background out, "
            "choose a built-in character, or make the avatar of a photograph that shows head and shoulders, or of a "
            "picture that is transparent around the person.",
        )
    colour = _COLOUR.fullmatch(choice)
    if colour is not None or choice == "green":
        bgr = GREEN_BGR if colour is None else tuple(bytes.fromhex(colour[1])[::-1])
        plain = np.empty((height, width, 3), np.uint8)
        plain[:] = bgr
        return plain
    if choice == BLUR:
        has_own = bundle.outline is not None
        own = own_background(bundle, width, height) if has_own else backdrop(bundle.manifest, width, height)
        return _out_of_focus(own)
    if choice.startswith(BLUR + ":"):
        return _out_of_focus(_covering(_read(choice.removeprefix(BLUR + ":")), width, height))
    return _covering(_read(choice), width, height)


def _out_of_focus(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), OUT_OF_FOCUS * max(picture.shape)), np.uint8)


def _read(path: str) -> NDArray[np.uint8]:
    try:
        with Path(path).open("rb") as file:
            return read_picture(file.read(MAX_PICTURE_BYTES + 1), path)
    except (OSError, ValueError) as error:
        if isinstance(error, AvatarFormatError):
            raise BackgroundError(path, f"The background cannot be used. {error}") from error
        raise BackgroundError(
            path,
            f'There is no background {path!r}. Use "blur", "green", a colour like "#1b2a3c", or the path of a picture.',
        ) from error


def _covering(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Scaled until it covers width x height, its middle cut out."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    across, down = max(width, round(columns * scale)), max(height, round(rows * scale))
    scaled = cv2.resize(picture, (across, down), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (across - width) // 2, (down - height) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width], np.uint8)
