"""livekit-plugins-bithuman, unchanged, with our runtime: a real room, a real viewer, replies and an interruption."""

from __future__ import annotations

import asyncio
import sys
import uuid
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.plugins import bithuman
from numpy.typing import NDArray

from livekit_bithuman import AsyncBithuman, InvalidStateError
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer
from livekit_bithuman.testing.stage import Stage, agent_with_avatar
from tests.integration.rooms import Told, tail

from .mouth import CLOSED, OPEN, MouthReader, MouthWatch

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
SIZE = (256, 256)
PATIENCE_S = 30.0


def speech() -> tuple[NDArray[np.int16], int]:
    with wave.open(str(ROOT / "tests" / "data" / "speech.wav")) as recording:
        return np.frombuffer(recording.readframes(recording.getnframes()), np.int16), recording.getframerate()


@dataclass
class Show:
    """The official plugin in a room, and somebody who watches."""

    stage: Stage
    viewer: Viewer
    mouth: MouthWatch
    runtime: AsyncBithuman


@pytest.fixture
async def show(livekit_server: ServerAddress) -> AsyncIterator[Show]:
    async with showing(livekit_server) as shown:
        yield shown


@asynccontextmanager
async def showing(server: ServerAddress) -> AsyncIterator[Show]:
    runtime = await AsyncBithuman.create(output_size=SIZE, filler_images=True)
    avatar: Any = bithuman.AvatarSession(model_path="unused.imx", api_secret="unused", runtime=runtime)
    room = f"official-{uuid.uuid4().hex[:8]}"
    viewer = Viewer.joining(server.url, server.api_key, server.api_secret, room)
    mouth = MouthWatch(viewer.room, MouthReader(SIZE))
    async with viewer, agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar) as stage:
        await viewer.until(lambda: len(viewer.pictures) > 10, PATIENCE_S)
        yield Show(stage, viewer, mouth, runtime)
    await mouth.aclose()


async def test_a_reply_is_heard_and_seen(show: Show) -> None:
    voice, rate = speech()
    told = Told(tail(show.stage))
    begin = asyncio.get_running_loop().time()
    at_rest = show.mouth.since(0.0)
    await asyncio.wait_for(show.stage.say(voice, rate), PATIENCE_S)
    await show.viewer.until(lambda: len(show.mouth.since(begin)) > 90, PATIENCE_S)
    ((position, interrupted),) = told.finished
    assert not interrupted
    assert position == pytest.approx(len(voice) / rate, abs=0.05)
    assert told.started == 1
    assert max(level for _, level in show.viewer.loudness(begin)) > 0.05
    print(f"rest {min(at_rest):.2f}..{max(at_rest):.2f}, speech up to {max(show.mouth.since(begin)):.2f}")
    assert max(at_rest) < CLOSED
    assert max(show.mouth.since(begin)) > OPEN


async def test_after_an_interruption_the_next_reply_is_whole(show: Show) -> None:
    voice, rate = speech()
    told = Told(tail(show.stage))
    reply = show.stage.say(np.concatenate([voice] * 3), rate)
    await show.viewer.until(lambda: any(level > 0.05 for _, level in show.viewer.loudness()), PATIENCE_S)
    reply.interrupt()
    await asyncio.wait_for(reply, PATIENCE_S)
    ((position, interrupted),) = told.finished
    assert interrupted
    assert 0 < position < len(voice) / rate
    begin = asyncio.get_running_loop().time()
    await asyncio.wait_for(show.stage.say(voice, rate), PATIENCE_S)
    ((position, interrupted),) = told.finished[1:]
    assert not interrupted
    # the framework's runner counts what was on its way when the reply before was interrupted to this one
    assert len(voice) / rate <= position < len(voice) / rate + 0.2
    await show.viewer.until(lambda: len(show.mouth.since(begin)) > 90, PATIENCE_S)
    assert max(show.mouth.since(begin)) > OPEN


async def test_the_plugin_closes_the_runtime(livekit_server: ServerAddress) -> None:
    async with showing(livekit_server) as shown:
        runtime = shown.runtime
    with pytest.raises(InvalidStateError):
        await runtime.push_audio(b"", 16_000)


async def test_the_example_makes_the_plugins_own_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "others"))
    import official_plugin

    monkeypatch.delitem(sys.modules, "official_plugin")
    avatar = await official_plugin.face()
    assert isinstance(avatar, bithuman.AvatarSession)
    assert isinstance(avatar.runtime, AsyncBithuman)
    await avatar.runtime.stop()
