"""A deployment of several machines, parts of which die: two livekit-server nodes over a Redis, and workers.

Each is a process of its own; whatever is killed gets a SIGKILL. Agent and viewer are in the test's own process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomOptions

from livekit_bithuman.rtc.dispatch import WorkerFace, pulse
from livekit_bithuman.rtc.remote import face as remote_face
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress, find_binary
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar
from tests.cluster import Cluster, find_redis
from tests.leaks import LEAKS
from tests.worker_process import WorkerProcess, running_worker

from .rooms import RATE, Told, bare_agent, marks, no_new_tasks, slots, tail

pytestmark = pytest.mark.redis

#: Everybody has found the other node by then, on a busy machine too.
REJOINED_S = 60.0
#: A reply that lasts longer than that.
REPLY_S = 70.0
#: Of a voice that is located, in samples.
STRETCH = round(0.06 * RATE)
NO_INPUT = RoomOptions(audio_input=False, close_on_disconnect=False)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Its nodes' `retry_timeout` may be passed as the parameter."""
    binary, program = find_binary(), find_redis()
    if program is None:
        pytest.skip("no redis-server on PATH: `apt-get install redis-server` has it")
    if binary is None:
        pytest.skip("no livekit-server on PATH or in the cache: `python -m livekit_bithuman.server` builds one")
    with Cluster(binary, program, retry_timeout=getattr(request, "param", "10m")) as running:
        address = running.address
        LEAKS.keep(address.api_secret)
        for name, value in (("URL", address.url), ("API_KEY", address.api_key), ("API_SECRET", address.api_secret)):
            monkeypatch.setenv(f"LIVEKIT_{name}", value)
        yield running


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """An avatar is lost only when it is, whatever else this machine does."""
    for name in ("PATIENCE_S", "FIRST_WORD_S", "MOST_PATIENCE_S"):
        monkeypatch.setattr(pulse, name, 1.5)


@pytest.fixture
def worker_name() -> str:
    return f"worker-{uuid.uuid4().hex[:8]}"


def keys(address: ServerAddress, room: str) -> tuple[str, str, str, str]:
    return address.url, address.api_key, address.api_secret, room


def face_of(stage: Stage) -> WorkerFace:
    face = stage.avatar._face
    assert isinstance(face, WorkerFace)
    return face


async def until_remote(stage: Stage, timeout: float = 40) -> str:
    """The avatar's identity, once the agent speaks through it."""

    async def look() -> None:
        while not face_of(stage).speaks_by_avatar:  # noqa: ASYNC110 - nothing tells a test
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), timeout)
    return face_of(stage).identity


async def until_finished(told: Told, count: int, timeout: float = 40) -> None:
    async def look() -> None:
        while len(told.finished) < count:  # noqa: ASYNC110 - nothing tells a test
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), timeout)


async def until_loud(viewer: Viewer, timeout: float) -> None:
    """Until a voice is heard for most of a second."""

    async def look() -> None:
        while sum(level > 0.03 for _, level in viewer.loudness(now() - 1.0)) < 60:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    await asyncio.wait_for(look(), timeout)


async def run_another(
    stack: contextlib.ExitStack, server: ServerAddress, name: str, capacity: int = 1
) -> WorkerProcess:
    """A worker that is registered, started beside what else goes on."""
    return await asyncio.to_thread(lambda: stack.enter_context(running_worker(server, name, capacity=capacity)))


def heard(viewer: Viewer, number: int, seconds: float, since: float) -> list[tuple[float, float]]:
    """(when, seconds of it) of a marker voice as a viewer heard it, every 50 ms: to locate more takes long."""
    locator = VoiceLocator({number: marker_voice(number, round(seconds * RATE), RATE)})
    places = []
    for hearing in viewer._by_track:
        frames = hearing.since(since).frames
        samples = np.concatenate([np.zeros(0, np.int16), *(samples for _, samples in frames)])
        times = np.repeat([at for at, _ in frames], [len(samples) for _, samples in frames])
        for begin in range(0, len(samples) - STRETCH, RATE // 20):
            place = locator.locate(samples[begin : begin + STRETCH])
            if place is not None and place[1] >= 0:
                places.append((float(times[begin]), place[1] / RATE))
    return sorted(places)


def unheard(viewer: Viewer, number: int, seconds: float, since: float) -> list[float]:
    """The tenths of a second of a marker voice, but for its edges, that nobody heard."""
    tenths = {round(10 * place) for _, place in heard(viewer, number, seconds, since)}
    missing = [tenth / 10 for tenth in range(3, round(seconds * 10) - 3) if tenth not in tenths]
    print(f"not heard of voice {number}: {missing}")
    return missing


def ends_where_heard(viewer: Viewer, number: int, position: float, since: float) -> bool:
    """Whether the last that a viewer heard of a long marker voice is what was said last."""
    first = max(0, round((position - 4) * RATE))
    stretch = marker_voice(number, round(REPLY_S * RATE), RATE)[first : first + 5 * RATE]
    places = [(first + sample) / RATE for _, _, sample in viewer.heard(VoiceLocator({number: stretch}), since)]
    print(f"said until {position:.2f} s, heard until {places[-1] if places else None}")
    return bool(places) and abs(places[-1] - position) < 1.0


def now() -> float:
    return asyncio.get_running_loop().time()


def avatars_in(room: rtc.Room) -> list[str]:
    return [name for name in room.remote_participants if name.startswith("livekit-bithuman-avatar")]


def say(stage: Stage, number: int, seconds: float) -> None:
    stage.say(marker_voice(number, round(seconds * RATE), RATE), RATE)


async def test_a_worker_of_another_node_is_replaced_when_it_is_cut_off_and_silent_when_it_is_back(
    cluster: Cluster, room_name: str, worker_name: str
) -> None:
    here, there = (node.address for node in cluster.nodes)
    with contextlib.ExitStack() as workers, no_new_tasks():
        first_worker = await run_another(workers, there, worker_name)
        async with (
            agent_with_avatar(*keys(here, room_name), AvatarSession(remote=worker_name)) as stage,
            Viewer.joining(*keys(there, room_name)) as viewer,
        ):
            told = Told(tail(stage))
            first = await until_remote(stage)
            next_worker = await run_another(workers, here, worker_name)
            await viewer.until(lambda: marks(viewer))
            first_at = now()
            say(stage, 1, 6.0)
            await viewer.until(lambda: len(slots(viewer, 0)) > 30)
            first_worker.signal(signal.SIGSTOP)
            try:
                stopped = now()
                await until_finished(told, 1)
                second = await until_remote(stage)
                before, second_at = len(viewer.pictures), now()
                say(stage, 2, 5.0)
                await viewer.until(lambda: len(slots(viewer, 0, before)) > 25)
            finally:
                first_worker.signal(signal.SIGCONT)
            await until_finished(told, 2)
            await viewer.until(lambda: len(set(slots(viewer, 0, before))) > 100)
            await asyncio.to_thread(first_worker.until_said, "an avatar left")
            assert face_of(stage).identity == second != first
            assert avatars_in(viewer.room) == [second]
            assert told.finished == [(6.0, False), (5.0, False)]
            assert told.started == 2
            assert history(stage) == ["(marker)"] * 2
            levels = viewer.loudness(stopped)
    loud = [at for at, level in levels if level > 0.01 and at < stopped + 4.0]
    hole = max(after - before for before, after in itertools.pairwise(loud))
    print(f"the voice was away for {1000 * hole:.0f} ms")
    assert hole < 3.0, "the agent's own voice went on"
    assert next_worker.text.count("an avatar joins") == 1, "it waits for the end of the reply, and is called once"
    assert len(unheard(viewer, 1, 6.0, first_at)) < 8
    assert not heard(viewer, 1, 6.0, second_at + 1.0), "what the first one had left to say"
    assert len(unheard(viewer, 2, 5.0, second_at)) < 8
    late = [at - place for at, place in heard(viewer, 2, 5.0, second_at)]
    assert max(late) - min(late) < 2.0, "heard once"


def history(stage: Stage) -> list[str | None]:
    return [item.text_content for item in stage.session.history.items if item.type == "message"]


async def test_when_the_rooms_node_is_killed_the_reply_goes_on_at_the_other(cluster: Cluster, room_name: str) -> None:
    address, host = cluster.address, cluster.nodes[0]
    cluster.place(room_name, host)
    with no_new_tasks():
        async with (
            agent_with_avatar(*keys(address, room_name), AvatarSession(engine=MarkerEngine((128, 128)))) as stage,
            Viewer.joining(*keys(address, room_name)) as viewer,
        ):
            told = Told(tail(stage))
            await viewer.until(lambda: marks(viewer))
            say(stage, 1, REPLY_S)
            await viewer.until(lambda: len(slots(viewer, 0)) > 30)
            await asyncio.to_thread(host.kill)
            before, slot = len(viewer.pictures), max(slots(viewer, 0))
            await viewer.until(lambda: max(slots(viewer, 0, before), default=0) > slot + 50, REJOINED_S)
            rejoined = now()
            await asyncio.sleep(1.0)
            stage.session.interrupt()
            await until_finished(told, 1)
            await asyncio.sleep(0.3)  # what is still on its way to the viewer
            ((position, interrupted),) = told.finished
            assert interrupted
            assert ends_where_heard(viewer, 1, position, rejoined)
            before, second_at = len(viewer.pictures), now()
            say(stage, 2, 2.0)
            await until_finished(told, 2)
            await viewer.until(lambda: len(set(slots(viewer, 1, before))) > 35)
            assert told.finished[1] == (2.0, False)
    assert len(unheard(viewer, 2, 2.0, second_at)) < 6


@pytest.mark.parametrize("cluster", ["7.5s"], indirect=True)
async def test_when_the_rooms_node_is_killed_a_workers_avatar_is_back_for_the_next_reply(
    cluster: Cluster, room_name: str, worker_name: str
) -> None:
    address, host = cluster.address, cluster.nodes[1]
    cluster.place(room_name, host)
    with contextlib.ExitStack() as workers, no_new_tasks():
        await run_another(workers, address, worker_name, 4)
        async with (
            agent_with_avatar(*keys(address, room_name), AvatarSession(remote=worker_name)) as stage,
            Viewer.joining(*keys(address, room_name)) as viewer,
        ):
            told = Told(tail(stage))
            await until_remote(stage)
            await viewer.until(lambda: marks(viewer))
            say(stage, 1, REPLY_S)
            await viewer.until(lambda: len(slots(viewer, 0)) > 30)
            await asyncio.to_thread(host.kill)
            back = asyncio.Event()
            viewer.room.on("reconnected", lambda: back.set())
            await asyncio.wait_for(back.wait(), REJOINED_S)
            rejoined = now()
            await until_loud(viewer, REJOINED_S)
            stage.session.interrupt()
            await until_finished(told, 1)
            await asyncio.sleep(0.3)  # what is still on its way to the viewer
            ((position, interrupted),) = told.finished
            assert interrupted
            assert ends_where_heard(viewer, 1, position, max(rejoined, now() - 2.0)), "by the agent's own voice"
            await until_remote(stage, REJOINED_S)
            before, second_at = len(viewer.pictures), now()
            say(stage, 2, 2.0)
            await until_finished(told, 2)
            await viewer.until(lambda: len(set(slots(viewer, 0, before))) > 35)
            assert told.finished[1] == (2.0, False)
            assert len(avatars_in(viewer.room)) == 1
    assert len(unheard(viewer, 2, 2.0, second_at)) < 6


async def test_without_redis_rooms_go_on_and_a_call_that_fails_leaves_the_voice(
    cluster: Cluster, room_name: str, worker_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.address
    with contextlib.ExitStack() as workers:
        both = await asyncio.gather(*(run_another(workers, address, worker_name) for _ in range(2)))
        async with (
            agent_with_avatar(*keys(address, room_name), AvatarSession(remote=worker_name)) as stage,
            Viewer.joining(*keys(address, room_name)) as viewer,
        ):
            told = Told(tail(stage))
            first = await until_remote(stage)
            await viewer.until(lambda: marks(viewer))
            await asyncio.to_thread(cluster.redis.kill)
            first_at = now()
            say(stage, 1, 9.0)
            await until_finished(told, 1)
            await viewer.until(lambda: len(set(slots(viewer, 0))) > 170)
            assert face_of(stage).identity == first
            assert not complaints(caplog)

            second_at = now()
            say(stage, 2, 4.0)
            await asyncio.sleep(1.0)
            (serving,) = (worker for worker in both if "an avatar joins" in worker.text)
            serving.signal(signal.SIGKILL)
            await until_finished(told, 2)
            assert not face_of(stage).speaks_by_avatar
            lost, uncalled = complaints(caplog)[:2]
            assert lost == "the avatar gives no sign of life; the agent speaks without it"
            assert uncalled.startswith("no other avatar can be called: LiveKit did not take the call")

            await asyncio.to_thread(cluster.redis.start)
            await until_remote(stage, REJOINED_S)
            before, third_at = len(viewer.pictures), now()
            say(stage, 3, 2.0)
            await until_finished(told, 3)
            await viewer.until(lambda: len(set(slots(viewer, 0, before))) > 35)
            assert told.finished == [(9.0, False), (4.0, False), (2.0, False)]
    assert len(unheard(viewer, 1, 9.0, first_at)) < 8
    assert len(unheard(viewer, 2, 4.0, second_at)) < 8
    assert len(unheard(viewer, 3, 2.0, third_at)) < 6


async def test_an_agent_that_begins_without_redis_is_heard_when_it_is_back(
    cluster: Cluster, room_name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(remote_face, "FALLBACK_AGAIN_S", 1.0)
    caplog.set_level(logging.INFO, "livekit_bithuman")
    address = cluster.address
    avatar = AvatarSession(remote="nobody-has-this-name")
    async with bare_agent(address, room_name) as (session, room), Viewer.joining(*keys(address, room_name)) as viewer:
        await asyncio.to_thread(cluster.redis.kill)
        try:
            await avatar.start(session, room=room)
            await session.start(Agent(instructions=""), room=room, room_options=NO_INPUT)
            stage = Stage(session, room, avatar)
            told = Told(tail(stage))
            say(stage, 1, 2.0)
            await until_finished(told, 1)
            assert told.finished == [(0.0, True)], "no track can be published, and nobody waits for it"
            await asyncio.to_thread(cluster.redis.start)
            await until_logged(caplog, "the agent is heard again")
            say(stage, 2, REPLY_S)
            await until_loud(viewer, REJOINED_S)
            stage.session.interrupt()
            await until_finished(told, 2)
            assert told.finished[1][0] > 0.5
        finally:
            await avatar.aclose()
    called, unheard_at_first = complaints(caplog)[:2]
    assert called.startswith("the avatar cannot be had, the agent speaks without it: LiveKit did not take the call")
    assert unheard_at_first == "the avatar's fallback cannot speak either: the agent is not heard"


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async def look() -> None:
        while text not in caplog.text:  # noqa: ASYNC110 - nothing tells a test
            await asyncio.sleep(0.1)

    await asyncio.wait_for(look(), REJOINED_S)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = [record for record in caplog.records if record.name == "livekit_bithuman"]
    return [record.getMessage() for record in ours if record.levelno >= logging.WARNING]
