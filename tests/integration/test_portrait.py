"""A picture in place of an avatar, in a real room: its face is seen, and speaks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman import AvatarSession, PortraitError
from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.pose import resting_mouth
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar

from .rooms import RATE, Told, ViewerOf, tail

pytestmark = pytest.mark.server


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """The built-in character, photographed."""
    path = tmp_path / "portrait.png"
    cv2.imwrite(str(path), Face(Avatar.load()).draw(resting_mouth(), IdleMotion(0).at(0)))
    return path


async def test_a_picture_of_a_face_is_an_avatar(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, portrait: Path
) -> None:
    server, avatar = livekit_server, AvatarSession(portrait)
    agent = agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar)
    async with agent as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: len(viewer.pictures) > 5)
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        assert told.finished == [(1.0, False)]
        assert stage.avatar.statistics.engine_failures == 0
        assert all(picture.mean > 30 for picture in viewer.pictures)


async def test_a_picture_without_a_face_is_an_error_before_the_first_word(
    livekit_server: ServerAddress, room_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((512, 512, 3), 128, np.uint8))
    server, avatar = livekit_server, AvatarSession(path)
    with pytest.raises(PortraitError, match="face"):
        async with agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar):
            pass
