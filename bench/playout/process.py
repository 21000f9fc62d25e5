"""Parts of a measurement in processes of their own, so that none waits for another's interpreter.

A child opens one object by an async context manager and answers calls to its coroutine methods, one at a time. Its
clock is the parent's: `time.monotonic`, and an event loop's `time()`, are CLOCK_MONOTONIC, which is system wide.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from multiprocessing.connection import Connection
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")


class ChildError(Exception):
    """A call failed in the child; the message is its traceback."""


class Child:
    """A process that serves one object. A context manager; leaving it ends the process.

    Args:
        opening: Called in the child; a function of a module, since it is sent by name.
        arguments: For `opening`.
    """

    def __init__(self, opening: Callable[..., AbstractAsyncContextManager[Any]], *arguments: Any) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_main, args=(theirs, opening, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Child:
        self.answer()  # it is open
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join(10.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid or 0

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a coroutine method and wait for what it returns.

        Raises:
            ChildError: It raised, or the child ended.
        """
        self.ask(method, **arguments)
        return self.answer()

    def ask(self, method: str, **arguments: Any) -> None:
        """Call without waiting; `answer` waits."""
        self._connection.send((method, arguments))

    def answer(self) -> Any:
        """What the last call returned."""
        try:
            good, result = self._connection.recv()
        except EOFError as error:
            raise ChildError("The child process ended.") from error
        if not good:
            raise ChildError(result)
        return result


def _main(
    connection: Connection, opening: Callable[..., AbstractAsyncContextManager[Any]], arguments: tuple[Any, ...]
) -> None:
    os.dup2(2, 1)  # the table has standard output for itself
    try:
        asyncio.run(_serve(connection, opening, arguments))
    except BaseException:
        traceback.print_exc()
    # what a side leaves running must not keep its process
    os._exit(0)


async def _serve(
    connection: Connection, opening: Callable[..., AbstractAsyncContextManager[Any]], arguments: tuple[Any, ...]
) -> None:
    try:
        async with opening(*arguments) as served:
            connection.send((True, None))
            while (call := await _receive(connection)) is not None:
                method, named = call
                try:
                    connection.send((True, await getattr(served, method)(**named)))
                except Exception:
                    connection.send((False, traceback.format_exc()))
    except Exception:
        connection.send((False, traceback.format_exc()))
        raise


async def _receive(connection: Connection) -> tuple[str, dict[str, Any]] | None:
    """The next call; None when the parent has gone."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection.fileno())
    try:
        call: tuple[str, dict[str, Any]] = connection.recv()
    except EOFError:
        return None
    return call
