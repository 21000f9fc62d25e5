"""A thread for calls that are not trusted to return."""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

#: At its exit the interpreter waits this long for a call that is under way.
EXIT_TIMEOUT_S = 1.0

_Call = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Worker:
    """Runs calls in one thread, one after another.

    The interpreter joins a thread of `ThreadPoolExecutor` at its exit. This one may be stuck and holds nothing up: a
    process whose engine never returned still ends.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        # a daemon thread that is still in native code while the interpreter goes down would bring the process down
        atexit.register(self._finish)

    def run(self, call: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Run a call after those before it; the future, of the running loop, has what it returned or raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put((loop, future, call, args))
        return future

    def close(self) -> None:
        """End the thread after the calls that were asked for. Does not wait."""
        atexit.unregister(self._finish)
        self._calls.put(None)

    def _finish(self) -> None:
        self._calls.put(None)
        self._thread.join(EXIT_TIMEOUT_S)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            loop, future, call, args = item
            result, error = None, None
            try:
                result = call(*args)
            except BaseException as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits for this any more, nor for what comes after
            del item, loop, future, call, args, result, error  # or the last picture lives as long as the thread


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
