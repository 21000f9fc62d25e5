"""Starts a coroutine within the call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any


def start_now(work: Coroutine[Any, None, None], name: str) -> asyncio.Task[None] | None:
    """Run a coroutine up to its first wait, at once, and the rest of it in a task.

    A task of its own would start it in a later step of the event loop; what two native calls do one after the other, a
    timer of 10 ms can then come between.

    Returns:
        The task, or None if there was nothing to wait for.

    Raises:
        Exception: What the coroutine raised before its first wait.
    """
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    return asyncio.get_running_loop().create_task(_go_on(_Rest(work, waits_for)), name=name)


class _Rest:
    """A coroutine that waits already."""

    def __init__(self, work: Coroutine[Any, None, None], waits_for: Any) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            error: BaseException | None = None
            try:
                yield waits_for
            except BaseException as thrown:
                error = thrown
            try:
                waits_for = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration:
                return


async def _go_on(rest: _Rest) -> None:
    await rest
