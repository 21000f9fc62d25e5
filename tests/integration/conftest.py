"""A room of each test's own, an agent with an avatar in it, and viewers for it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

from .rooms import StageOf, ViewerOf
from .traces import Spans, collected_spans


@pytest.fixture
def room_name() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected_spans() as spans:
        yield spans


@pytest.fixture
def stage_of(livekit_server: ServerAddress, room_name: str) -> StageOf:
    def make(**options: object) -> AbstractAsyncContextManager[Stage]:
        avatar = AvatarSession(**{"engine": MarkerEngine(), **options})  # type: ignore[arg-type]
        server = livekit_server
        return agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar)

    return make


@pytest.fixture
def viewer_of(livekit_server: ServerAddress, room_name: str) -> ViewerOf:
    def make(**options: object) -> Viewer:
        server = livekit_server
        return Viewer.joining(server.url, server.api_key, server.api_secret, room_name, **options)  # type: ignore[arg-type]

    return make
