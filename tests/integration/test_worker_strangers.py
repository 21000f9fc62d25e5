"""A hostile participant in an avatar's room: what it sends changes nothing, and the log says so."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc

from livekit_bithuman.rtc.dispatch import pulse
from livekit_bithuman.rtc.dispatch.call import CALL_ATTRIBUTE, PROGRESS_TOPIC
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import VoiceLocator, marker_voice
from tests.worker_process import WorkerProcess, running_worker

from .rooms import RATE, Told, ViewerOf, marks, resting_after, tail
from .test_worker_remote import RemoteStageOf, face_of, remote_stage_of, told_ends, unheard, until_remote

__all__ = ["remote_stage_of"]  # a fixture

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An avatar on a busy machine is not taken for dead: that is not what is tried here."""
    monkeypatch.setattr(pulse, "PATIENCE_S", 1.0)
    monkeypatch.setattr(pulse, "FIRST_WORD_S", 2.0)


@pytest.fixture
def worker_name() -> str:
    return f"worker-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def worker(livekit_server: ServerAddress, worker_name: str) -> Iterator[WorkerProcess]:
    with running_worker(livekit_server, worker_name, capacity=1) as running:
        yield running


@asynccontextmanager
async def stranger(server: ServerAddress, room_name: str, **attributes: str) -> AsyncIterator[rtc.Room]:
    grants = api.VideoGrants(room_join=True, room=room_name, can_update_own_metadata=True)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("mallory").with_grants(grants)
    room = rtc.Room()
    await room.connect(server.url, token.with_attributes(attributes).to_jwt())
    try:
        yield room
    finally:
        await room.disconnect()


async def call(room: rtc.Room, whom: str, method: str, payload: str = "") -> str:
    try:
        return await room.local_participant.perform_rpc(
            destination_identity=whom, method=method, payload=payload, response_timeout=5.0
        )
    except rtc.RpcError as error:
        return f"error {error.code}"


async def test_nobody_but_the_agent_is_heeded(
    livekit_server: ServerAddress,
    room_name: str,
    worker: WorkerProcess,
    remote_stage_of: RemoteStageOf,
    viewer_of: ViewerOf,
) -> None:
    voice, noise = marker_voice(1, 4 * RATE, RATE), marker_voice(2, 2 * RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        avatar = await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        stage.say(voice, RATE)
        await told.until_started(1)
        known = face_of(stage)._call_id
        async with stranger(livekit_server, room_name, **{CALL_ATTRIBUTE: known}) as room:
            # what only the agent may send to the avatar
            writer = await room.local_participant.stream_bytes(
                "AUDIO_x",
                topic="lk.audio_stream",
                destination_identities=[avatar],
                attributes={"sample_rate": str(RATE), "num_channels": "1", "lkb.segment": "0"},
            )
            await writer.write(noise.tobytes())
            await writer.aclose()
            assert await call(room, avatar, "lk.clear_buffer") == "reject"
            assert await call(room, avatar, "lkb.leave") == "reject"
            # what only the avatar may send to the agent
            ended = json.dumps({"playback_position": 0.1, "interrupted": True})
            assert await call(room, "agent", "lk.playback_finished", ended) == "reject"
            assert await call(room, "agent", "lk.playback_started") == "reject"
            progress = {"call": known, "segment": "0", "heard": 10**6, "leaving": True}
            for data in (json.dumps(progress), "{", "x" * 10_000):
                await room.local_participant.publish_data(data, topic=PROGRESS_TOPIC, destination_identities=["agent"])
            await room.local_participant.set_attributes({"lk.publish_on_behalf": "agent", CALL_ATTRIBUTE: known})
            await told_ends(told, 1)
        assert face_of(stage).identity == avatar, "it speaks on"
        assert told.finished == [(4.0, False)]
        await viewer.until(lambda: resting_after(viewer, 0))
    heard = viewer.heard(VoiceLocator({1: voice, 2: noise}))
    assert len(unheard(heard, 1, 4.0)) < 8
    assert not [sample for _, which, sample in heard if which == 2], "nobody hears the stranger's voice"
    assert worker.text.count("'mallory', who is not the avatar's agent") == 2, "once for the voice, once for its end"


async def test_calls_that_are_none_are_refused_with_a_line(
    livekit_server: ServerAddress, room_name: str, worker: WorkerProcess, worker_name: str
) -> None:
    hostile = [
        "",
        "{",
        json.dumps({"protocol": 1, "agent": "agent", "identity": "avatar", "avatar": "../../etc/passwd"}),
        json.dumps({"protocol": 1, "agent": "agent", "identity": "avatar", "size": [100_000, 100_000]}),
        json.dumps({"protocol": 1, "agent": "agent", "identity": "avatar", "avatar": "nobody"}),
    ]
    server = livekit_server
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
        for number, metadata in enumerate(hostile):
            request = api.CreateAgentDispatchRequest(agent_name=worker_name, room=room_name, metadata=metadata)
            await lkapi.agent_dispatch.create_dispatch(request)
            await asyncio.to_thread(_until_refused, worker, number + 1)
        assert not (await lkapi.room.list_participants(api.ListParticipantsRequest(room=room_name))).participants
    assert "there is no avatar 'nobody' here" in worker.text
    worker.signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.process.wait, 30) == 0, "it is as well as before"


def _until_refused(worker: WorkerProcess, count: int) -> None:
    assert worker.until(lambda: worker.text.count("a call was refused") >= count, 20.0)


async def test_more_avatars_than_a_worker_serves_are_refused(
    livekit_server: ServerAddress, worker: WorkerProcess, worker_name: str, remote_stage_of: RemoteStageOf
) -> None:
    async with remote_stage_of() as stage:
        await until_remote(stage)
        server = livekit_server
        metadata = json.dumps({"protocol": 1, "agent": "agent", "identity": "avatar"})
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as lkapi:
            request = api.CreateAgentDispatchRequest(
                agent_name=worker_name, room=f"other-{uuid.uuid4().hex[:8]}", metadata=metadata
            )
            await lkapi.agent_dispatch.create_dispatch(request)
            await asyncio.sleep(3.0)  # nothing tells that a call was not answered
            rooms = await lkapi.room.list_participants(api.ListParticipantsRequest(room=request.room))
        assert not rooms.participants
        assert worker.text.count("an avatar joins") == 1
