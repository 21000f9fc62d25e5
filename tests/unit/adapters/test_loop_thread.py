"""The event loop in a thread of its own, and how it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from livekit_bithuman.adapters.loop_thread import LoopThread


@pytest.mark.parametrize("closers", [1, 2, 5])
def test_closing_any_number_of_times_lets_what_runs_end_in_order(closers: int) -> None:
    thread, ended, cancelled = LoopThread("loop under test"), threading.Event(), threading.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            for _ in range(50):  # turns of the loop in which another stop could come
                thread.close()
                await asyncio.sleep(0)
            ended.set()
            raise

    async def start() -> asyncio.Task[None]:
        return asyncio.ensure_future(slow_to_end())

    thread.run(_settled(start), 10)
    for _ in range(closers):
        thread.close()
    thread._thread.join(10)
    assert cancelled.is_set()
    assert ended.is_set()
    assert thread.loop.is_closed()


async def _settled(start: object) -> None:
    await start()  # type: ignore[operator]
    await asyncio.sleep(0)  # it runs up to its wait
