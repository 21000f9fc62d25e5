"""A short form of bench.soak: one agent after another, and the worker has what it had before."""

from __future__ import annotations

import asyncio
import signal
import sys
import uuid

import psutil
import pytest
from livekit import rtc

from bench.soak import SOURCE_THREAD, Row, growth, named
from livekit_bithuman.rtc.dispatch import face as dispatch_face
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer, marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar
from tests.measured_worker import SAID
from tests.worker_process import WorkerProcess, running_worker

from .rooms import RATE
from .test_worker_remote import until_remote

#: Sessions before anything is counted, and those that are.
FIRST, COUNTED = 5, 5
#: The last of a session goes some moments after its threads; what is in use is asked for so often, and so far apart.
ASKED, APART_S = 3, 0.7
#: In bytes, of one session that is not given back: a connection, a room or a source that livekit keeps takes 500,000.
MOST = 300_000


async def session(server: ServerAddress, worker_name: str) -> None:
    """A call, a word, and the end."""
    keys = (server.url, server.api_key, server.api_secret, f"soak-{uuid.uuid4().hex[:8]}")
    async with agent_with_avatar(*keys, AvatarSession(remote=worker_name, size=(64, 64))) as stage:
        await until_remote(stage)
        await asyncio.wait_for(stage.say(marker_voice(1, RATE // 2, RATE), RATE).wait_for_playout(), 30)


async def settled(worker: WorkerProcess, left: int) -> tuple[int, int, int]:
    """Threads, files, and bytes in use once all avatars are gone, with the threads of their sources."""
    usage = psutil.Process(worker.process.pid)

    def gone() -> bool:
        return worker.text.count("an avatar left") >= left and not named(usage, SOURCE_THREAD)

    async def look() -> None:
        while not gone():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.1)

    await asyncio.wait_for(look(), 40)
    in_use = []
    for _ in range(ASKED):
        in_use.append(await asyncio.to_thread(native_memory, worker))
        await asyncio.sleep(APART_S)
    return usage.num_threads(), usage.num_fds(), min(in_use)


def native_memory(worker: WorkerProcess) -> int:
    """Bytes in use, as the worker says when it is asked."""
    said = worker.text.count(SAID)
    worker.signal(signal.SIGUSR1)
    assert worker.until(lambda: worker.text.count(SAID) > said)
    return int([line for line in worker.lines if line.startswith(SAID)][-1].removeprefix(SAID))


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc what is in use")
async def test_a_worker_keeps_nothing_of_its_sessions(
    livekit_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, name = livekit_server, f"worker-{uuid.uuid4().hex[:8]}"
    for variable, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
        monkeypatch.setenv(f"LIVEKIT_{variable}", value)
    before = asyncio.all_tasks()
    command = ("-m", "tests.measured_worker", "worker", "--name", name, "--port", "0", "--capacity", "10")
    with running_worker(server, name, *command, ready="takes calls from") as worker:
        for _ in range(FIRST):
            await session(server, name)
        then = await settled(worker, FIRST)
        for _ in range(COUNTED):
            await session(server, name)
        now = await settled(worker, FIRST + COUNTED)
    print(f"threads, files, bytes: {then}, then {now}")
    assert now[0] <= then[0] + 1
    assert now[1] <= then[1] + 1
    assert now[2] - then[2] < COUNTED * MOST
    assert not [task for task in asyncio.all_tasks() - before if "avatar" in task.get_name()]


@pytest.mark.server
async def test_an_avatar_that_does_not_answer_in_time_leaves_by_itself_all_the_same(
    livekit_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the server removes instead keeps a thread of livekit's client, and its whole connection."""
    server, name = livekit_server, f"worker-{uuid.uuid4().hex[:8]}"
    for variable, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
        monkeypatch.setenv(f"LIVEKIT_{variable}", value)
    monkeypatch.setattr(dispatch_face, "GOING_TIMEOUT_S", 20.0)  # whatever else this machine does
    keys = (server.url, server.api_key, server.api_secret, f"soak-{uuid.uuid4().hex[:8]}")
    gone: asyncio.Queue[rtc.RemoteParticipant] = asyncio.Queue()
    with running_worker(server, name) as worker:
        async with Viewer.joining(*keys, audio=False, video=False) as viewer:
            viewer.room.on("participant_disconnected", gone.put_nowait)
            async with agent_with_avatar(*keys, AvatarSession(remote=name)) as stage:
                identity = await until_remote(stage)
                worker.signal(signal.SIGSTOP)
                asyncio.get_running_loop().call_later(1.5, worker.signal, signal.SIGCONT)
            while (left := await asyncio.wait_for(gone.get(), 30)).identity != identity:
                pass
    assert left.disconnect_reason == rtc.DisconnectReason.CLIENT_INITIATED


def test_growth_is_told_per_hundred_sessions() -> None:
    rows = [Row(number, 400 + 0.5 * number, 20, 30 + number, 1) for number in range(1, 20)]
    grown = growth(rows)
    assert grown["memory_mb"] == pytest.approx(50)
    assert grown["files"] == pytest.approx(100)
    assert grown["threads"] == pytest.approx(0, abs=1e-6)
