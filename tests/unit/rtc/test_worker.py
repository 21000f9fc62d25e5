"""The thread for calls that may not return."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from livekit_bithuman.rtc.worker import Worker

#: A process with a call that never returns; closed as a painter is, or left to the interpreter's exit.
STUCK = """
import asyncio, sys, threading
from livekit_bithuman.rtc.worker import Worker

async def main():
    worker = Worker("stuck")
    await asyncio.wait({{worker.run(threading.Event().wait)}}, timeout=0.1)
    {end}

asyncio.run(main())
print("done", flush=True)
"""


async def test_calls_run_one_after_another_in_one_thread() -> None:
    worker = Worker("test")
    seen: list[int] = []
    futures = [worker.run(seen.append, number) for number in range(50)]
    await asyncio.gather(*futures)
    assert seen == list(range(50))
    threads = {await worker.run(threading.get_ident) for _ in range(3)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    worker.close()


async def test_what_a_call_raises_is_the_futures() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 3) == 3
    worker.close()


async def test_a_cancelled_call_does_not_end_the_thread() -> None:
    worker = Worker("test")
    gate = threading.Event()
    cancelled = worker.run(gate.wait)
    cancelled.cancel()
    gate.set()
    assert await worker.run(lambda: 4) == 4
    worker.close()


async def test_closing_lets_the_calls_before_it_run_and_ends_the_thread() -> None:
    worker = Worker("closing")
    last = worker.run(lambda: 5)
    worker.close()
    assert await last == 5
    worker._thread.join()


async def test_no_result_is_kept() -> None:
    class Picture:
        pass

    worker = Worker("test")
    kept: weakref.ref[Any] = weakref.ref(await worker.run(Picture))
    await worker.run(int)
    gc.collect()
    assert kept() is None
    worker.close()


def test_a_loop_that_is_gone_ends_the_thread() -> None:
    gate = threading.Event()

    async def leave() -> Worker:
        worker = Worker("test")
        worker.run(gate.wait)
        return worker

    worker = asyncio.run(leave())
    gate.set()
    worker._thread.join()
    worker.close()


@pytest.mark.parametrize("end", ["worker.close()", "pass"])
def test_a_process_with_a_call_that_never_returns_ends_all_the_same(end: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", STUCK.format(end=end)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")
