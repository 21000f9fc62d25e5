"""An event loop in a thread of its own, for a runtime whose calls may block the loop that they are made on."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

T = TypeVar("T")

#: At its exit the interpreter waits this long for the thread.
EXIT_TIMEOUT_S = 2.0


class LoopThread:
    """Runs coroutines for other threads.

    The thread is a daemon, since a runtime that never returns must not keep a process from ending.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._closing = threading.Lock()  # taken by whoever closes first
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        # a daemon thread that is still in native code while the interpreter goes down would bring the process down
        atexit.register(self._finish)

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine to its end while the calling thread waits.

        Raises:
            TimeoutError: It took longer than `timeout` seconds; it is cancelled.
        """
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout)
        except FutureTimeoutError:
            if future.done():
                raise  # its own
            future.cancel()
            raise TimeoutError from None

    def close(self) -> None:
        """Cancel what is running and end the thread. Does not wait; from any thread; idempotent."""
        if not self._closing.acquire(blocking=False):
            return  # a second stop would break off what the thread still does at its end
        atexit.unregister(self._finish)
        with contextlib.suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _finish(self) -> None:
        self.close()
        self._thread.join(EXIT_TIMEOUT_S)

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()
