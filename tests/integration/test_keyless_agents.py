"""`agents/minimal_agent.py` as its user runs it: a worker process, a job of its own, a face in the room."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer

pytestmark = pytest.mark.server

AGENT = Path(__file__).parents[2] / "agents" / "minimal_agent.py"
#: A worker starts a process for the job, and that process loads the voice and the face.
PATIENCE_S = 60.0


class Worker:
    """The agent's worker process, whose output is read all along."""

    def __init__(self, server: ServerAddress) -> None:
        environment = {
            **os.environ,
            "LIVEKIT_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(AGENT), "dev", "--no-reload"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.registered = threading.Event()  # a room that exists before that gets no agent
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output.append(line.decode(errors="replace"))
                if "registered worker" in self.output[-1]:
                    self.registered.set()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            self._reader.join()
            print("".join(self.output)[-6000:])


@pytest.fixture
def worker(livekit_server: ServerAddress) -> Iterator[Worker]:
    pytest.importorskip("hibari", reason="hibari-tts is not installed: pip install 'livekit-bithuman[demo]'")
    running = Worker(livekit_server)
    try:
        assert running.registered.wait(PATIENCE_S)
        yield running
    finally:
        running.stop()


async def test_whoever_joins_is_greeted_by_a_face(worker: Worker, livekit_server: ServerAddress) -> None:
    server = livekit_server
    room = f"room-{uuid.uuid4().hex[:8]}"
    async with Viewer.joining(server.url, server.api_key, server.api_secret, room) as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 50, timeout=PATIENCE_S)
        assert all(picture.mean > 30 for picture in viewer.pictures), "never black"
        await viewer.until(lambda: any(level > 0.02 for _, level in viewer.loudness()), timeout=PATIENCE_S)
        assert worker.process.poll() is None
