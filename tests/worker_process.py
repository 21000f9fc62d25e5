"""An avatar worker in a process of its own: `python -m tests.worker_process NAME CAPACITY`, with LIVEKIT_* set.

Its avatars show marks instead of faces, so that a viewer can tell what it sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.fleet import AvatarWorker, WorkerOptions
from livekit_bithuman.rtc.dispatch.call import Call
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine

READY = "the worker is registered"


class WorkerProcess:
    """A worker that runs, and what it said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def until(self, condition: Callable[[], bool], timeout: float = 60.0) -> bool:
        """Wait until it has said what is waited for, or has ended; whether either came in time."""
        with self._said:
            return self._said.wait_for(lambda: condition() or not self._reader.is_alive(), timeout)

    def until_said(self, text: str, timeout: float = 60.0) -> None:
        said = self.until(lambda: text in self.text, timeout)
        assert said, f"the worker did not say {text!r} in time:\n{self.text}"
        assert text in self.text, f"the worker ended without saying {text!r}:\n{self.text}"

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def join(self) -> None:
        """Wait until all that it said is read; the process must have ended."""
        self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            for line in said:
                with self._said:
                    self.lines.append(line)
                    self._said.notify_all()
        with self._said:
            self._said.notify_all()


@contextmanager
def running_worker(
    server: ServerAddress, name: str, *command: str, capacity: int = 2, ready: str = READY
) -> Iterator[WorkerProcess]:
    """A worker that is registered with the server; it is killed at the end, if it did not end before.

    Args:
        server: Told by the environment.
        name: Dispatches ask for it.
        command: Arguments for Python, instead of this module with its marks.
        capacity: Avatars at once.
        ready: What it says when it is registered.
    """
    environment = {
        **os.environ,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "PYTHONUNBUFFERED": "1",
    }
    arguments = [sys.executable, *(command or ("-m", "tests.worker_process", name, str(capacity)))]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    worker = WorkerProcess(process)
    try:
        worker.until_said(ready)
        yield worker
    finally:
        process.kill()
        process.wait()
        worker.join()
        print(f"--- worker {name} said:\n{worker.text}")  # seen where a test fails


def _marks(call: Call) -> Engine:
    return MarkerEngine(call.size or (128, 128), fps=call.fps)


async def _main(name: str, capacity: str) -> None:
    options = WorkerOptions(
        os.environ["LIVEKIT_URL"],
        os.environ["LIVEKIT_API_KEY"],
        os.environ["LIVEKIT_API_SECRET"],
        agent_name=name,
        capacity=int(capacity),
    )
    worker = AvatarWorker(options, _marks, lambda avatar: avatar != "nobody")
    running = asyncio.create_task(worker.run())
    await worker.registered.wait()
    print(READY, flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await worker.drain()
    await worker.aclose()
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(_main(*sys.argv[1:]))
