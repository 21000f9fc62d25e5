"""A real avatar worker in a process of its own, dispatched by a real server, for agents that know nothing of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc
from livekit.agents.types import ATTRIBUTE_PUBLISH_ON_BEHALF
from livekit.agents.voice.avatar import DataStreamAudioOutput
from numpy.typing import NDArray

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import agent_token, frames
from tests.worker_process import WorkerProcess, running_worker

from .rooms import RATE, Told, ViewerOf, marks, resting_after, slots

pytestmark = pytest.mark.server

AVATAR = "the-avatar"


@pytest.fixture(scope="module")
def worker_name() -> str:
    return f"worker-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def worker(livekit_server: ServerAddress, worker_name: str) -> Iterator[WorkerProcess]:
    with running_worker(livekit_server, worker_name) as running:
        yield running


async def dispatch(server: ServerAddress, name: str, room: str, **fields: object) -> None:
    told = {"protocol": 1, "agent": "agent", "identity": AVATAR, **fields}
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
        request = api.CreateAgentDispatchRequest(agent_name=name, room=room, metadata=json.dumps(told))
        await lkapi.agent_dispatch.create_dispatch(request)


@asynccontextmanager
async def stock_agent(server: ServerAddress, room_name: str) -> AsyncIterator[tuple[rtc.Room, DataStreamAudioOutput]]:
    """An agent that speaks through livekit-agents' own output for remote avatars."""
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    try:
        yield room, DataStreamAudioOutput(room, destination_identity=AVATAR, wait_playback_start=True)
    finally:
        await room.disconnect()


async def say(output: DataStreamAudioOutput, voice: NDArray, *, flush: bool = True) -> None:  # type: ignore[type-arg]
    async for frame in frames(voice, RATE):
        await output.capture_frame(frame)
    if flush:
        output.flush()


async def test_an_agent_with_the_stock_output_is_served(
    livekit_server: ServerAddress, room_name: str, worker: WorkerProcess, worker_name: str, viewer_of: ViewerOf
) -> None:
    voice = marker_voice(1, 2 * RATE, RATE)
    locator = VoiceLocator({1: voice})
    async with stock_agent(livekit_server, room_name) as (room, output), viewer_of() as viewer:
        told = Told(output)
        await dispatch(livekit_server, worker_name, room_name)
        await viewer.until(lambda: viewer.loudness() and marks(viewer))
        avatar = room.remote_participants[AVATAR]
        assert avatar.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        assert avatar.attributes[ATTRIBUTE_PUBLISH_ON_BEHALF] == "agent"

        await say(output, voice)
        await asyncio.wait_for(output.wait_for_playout(), 20)
        await viewer.until(lambda: resting_after(viewer, 0))

        assert told.started == 1
        assert told.finished == [(2.0, False)]
        seen = slots(viewer, 0)
        assert seen == sorted(seen)
        assert len(set(seen)) > 40, "of 50"
        heard = [sample for _, _, sample in viewer.heard(locator)]
        assert min(heard) < 0.2 * RATE
        assert max(heard) > 1.7 * RATE


async def test_an_interruption_is_exact_and_the_next_reply_whole(
    livekit_server: ServerAddress, room_name: str, worker: WorkerProcess, worker_name: str, viewer_of: ViewerOf
) -> None:
    long, short = marker_voice(1, 20 * RATE, RATE), marker_voice(2, RATE, RATE)
    locator = VoiceLocator({1: long, 2: short})
    async with stock_agent(livekit_server, room_name) as (_, output), viewer_of() as viewer:
        told = Told(output)
        await dispatch(livekit_server, worker_name, room_name)
        await viewer.until(lambda: viewer.loudness() and marks(viewer))
        await say(output, long, flush=False)
        await viewer.until(lambda: len(slots(viewer, 0)) > 25)
        output.flush()
        output.clear_buffer()
        output.clear_buffer()
        await asyncio.wait_for(output.wait_for_playout(), 20)
        await say(output, short)
        await asyncio.wait_for(output.wait_for_playout(), 20)
        await viewer.until(lambda: resting_after(viewer, 1))

        (cut, interrupted), whole = told.finished
        assert interrupted
        assert whole == (1.0, False)
        assert told.started == 2
        heard = [(voice, sample) for _, voice, sample in viewer.heard(locator)]
        last = max(sample for voice, sample in heard if voice == 1)
        assert abs(last / RATE - cut) < 0.1, "the viewer heard as much as was reported"
        assert len(set(slots(viewer, 1))) > 18, "of 25"
