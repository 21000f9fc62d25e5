"""The picture that a cloud avatar is made from, in the forms that the service takes: a link, or a JPEG."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...adapters.errors import InvalidAvatar

if TYPE_CHECKING:
    from PIL import Image

#: The service takes pictures of up to 10 MB (docs.bithuman.ai/api/errors, FILE_TOO_LARGE).
MAX_BYTES = 10_000_000
#: As livekit-plugins-bithuman encodes pictures.
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Portrait:
    """A picture that the service fetches from `url`, or, where that is None, `data`: an encoded picture."""

    url: str | None = None
    data: bytes = b""

    def as_text(self) -> str:
        """The link, or the picture in base64."""
        return self.url or base64.b64encode(self.data).decode("ascii")

    @classmethod
    def of(cls, source: str | os.PathLike[str] | Image.Image) -> Portrait:
        """Read and check a picture.

        Args:
            source: A PIL image, a file, an http(s) link or an encoded picture in base64. Files and PIL images become a
                JPEG without transparency; base64 goes as it is; a link is not followed here.

        Raises:
            InvalidAvatar: It is none of them, cannot be read, or is larger than the service takes.
        """
        if hasattr(source, "convert"):
            return cls(data=_small_enough(_jpeg(_bgr(source)), "The portrait"))
        if isinstance(source, os.PathLike) or os.path.exists(source):
            return cls(data=_from_file(Path(source)))
        if source.startswith(("http://", "https://")):
            return cls(url=source)
        return cls(data=_from_base64(source))


def _from_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidAvatar(f"The portrait {path} has more than {MAX_BYTES // 10**6} MB: make it smaller.")
        encoded = path.read_bytes()
    except OSError as error:
        raise InvalidAvatar(f"The portrait {path} cannot be read: {error.strerror}. Check the path.") from error
    return _small_enough(_jpeg(_decoded(encoded, f"The portrait {path}")), f"The portrait {path}")


def _from_base64(text: str) -> bytes:
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    nothing = f"avatar_image is no file, no http(s) link and no picture in base64: {shown!r}. Check the path."
    try:
        encoded = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAvatar(nothing) from error
    if not encoded:
        raise InvalidAvatar("avatar_image is empty: pass a picture, a path, a link or base64.")
    _small_enough(encoded, "The portrait in base64")
    try:
        _decoded(encoded, "")
    except InvalidAvatar as error:
        raise InvalidAvatar(nothing) from error
    return encoded


def _decoded(encoded: bytes, what: str) -> NDArray[np.uint8]:
    """The picture, BGR, upright; shape (h, w, 3)."""
    import cv2  # at first use: most agents have no such avatar

    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    except cv2.error:  # more pixels than OpenCV takes
        picture = None
    if picture is None:
        raise InvalidAvatar(f"{what} is not a picture that can be read: use a JPEG, PNG or WebP.")
    return np.asarray(picture, np.uint8)


def _bgr(image: Any) -> NDArray[np.uint8]:
    try:
        return np.ascontiguousarray(np.asarray(image.convert("RGB"), np.uint8)[:, :, ::-1])
    except (OSError, ValueError) as error:  # PIL reads a file when it is first needed
        raise InvalidAvatar(f"The portrait cannot be read: {error}. Open it anew, or pass its path.") from error


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    import cv2

    try:
        _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    except cv2.error as error:
        height, width = picture.shape[:2]
        raise InvalidAvatar(f"A portrait of {width}x{height} pixels cannot be sent: make it smaller.") from error
    return encoded.tobytes()


def _small_enough(encoded: bytes, what: str) -> bytes:
    if len(encoded) > MAX_BYTES:
        raise InvalidAvatar(f"{what} has more than {MAX_BYTES // 10**6} MB: make it smaller.")
    return encoded
