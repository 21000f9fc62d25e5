"""Portraits drawn from the built-in character: faces that may be used freely, whose pose is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.portrait import make_portrait
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import Presentation, resting_mouth

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def photograph() -> Picture:
    """A closed mouth, 640 x 640."""
    return Face(Avatar.load(), (640, 640)).draw(resting_mouth(), Presentation())


@pytest.fixture(scope="session")
def laughing() -> Picture:
    """An open mouth with teeth."""
    return Face(Avatar.load(), (640, 640)).draw(mixed("E"), Presentation(smile=0.5))


@pytest.fixture(scope="session")
def painted(photograph: Picture) -> Picture:
    """The photograph as a painting: flat patches, few colours."""
    return np.asarray(cv2.stylization(photograph, sigma_s=30, sigma_r=0.35), np.uint8)


@pytest.fixture(scope="session")
def avatars(photograph: Picture, laughing: Picture, painted: Picture) -> dict[str, Avatar]:
    """An avatar of each."""
    pictures = {"photograph": photograph, "laughing": laughing, "painted": painted}
    return {name: Avatar(make_portrait(png(picture), f"{name}.png")) for name, picture in pictures.items()}


def png(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()
