"""How long one avatar keeps its process's interpreter to itself: `python -m bench.lock`, half a minute on two cores.

Avatars of a worker share a process, and of its threads one at a time runs Python; OpenCV, numpy and livekit let the
others in while they compute. What one avatar keeps of the time bounds how many a process serves, however many cores it
has.

A thread in the worker wakes every 2 ms and notes how late it is: it needs the interpreter's lock for that. Another
process that does nothing else notes the same beside it: so late the machine is anyway. The share of late wake-ups that
only the worker has is the time in which the lock was held. A row below 24 pictures a second for each avatar is none:
the machine was too busy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from contextlib import AsyncExitStack

from livekit_bithuman.fleet import AvatarWorker, Cast, WorkerOptions
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import lively_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

from .scale import joined

RATE = 24_000
NAME = "bench-lock"
EVERY_S = 0.002
#: A wake-up that is later than this had to wait for something.
LATE_S = 150e-6
READY = "ready"


def late_wakeups(seconds: float) -> float:
    """The share of wake-ups in so many seconds that are late."""
    late, count, end = 0, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        asked = time.perf_counter()
        time.sleep(EVERY_S)
        late += time.perf_counter() - asked - EVERY_S > LATE_S
        count += 1
    return late / count


async def _worker(seconds: float) -> None:
    """A worker that prints READY, and after a line on standard input its share of late wake-ups."""
    cast = Cast()
    url, key, secret = (os.environ[f"LIVEKIT_{name}"] for name in ("URL", "API_KEY", "API_SECRET"))
    worker = AvatarWorker(WorkerOptions(url, key, secret, agent_name=NAME, capacity=9), cast.engine, cast.knows)
    running = asyncio.create_task(worker.run())
    await worker.registered.wait()
    print(READY, flush=True)

    def watch() -> None:
        sys.stdin.readline()
        before, begun = worker.meters.pictures[0], time.monotonic()
        late = late_wakeups(seconds)
        fps = (worker.meters.pictures[0] - before) / (time.monotonic() - begun)
        print(json.dumps({"late": late, "fps": fps}), flush=True)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    await running


async def measured(server: ServerAddress, avatars: int, seconds: float) -> dict[str, float]:
    """The shares of late wake-ups in a worker whose avatars speak and beside it, and pictures per second of all."""
    process = await _started("--worker", str(seconds))
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == f"{READY}\n".encode()
        async with AsyncExitStack() as stack:
            stages: list[Stage] = []
            for number in range(avatars):
                keys = (server.url, server.api_key, server.api_secret, f"lock-{number}")
                stages.append(await stack.enter_async_context(agent_with_avatar(*keys, AvatarSession(remote=NAME))))
                await asyncio.wait_for(joined(stages[-1]), 60)
            for stage in stages:
                stage.say(lively_voice(1, round((seconds + 6) * RATE), RATE), RATE)
            await asyncio.sleep(3)
            beside = await _started("--beside", str(seconds))
            process.stdin.write(b"\n")
            told: dict[str, float] = json.loads(await process.stdout.readline())
            alone = float((await beside.communicate())[0])
    finally:
        process.kill()
        await process.wait()
    return {**told, "beside": alone, "held": (told["late"] - alone) / (1 - alone)}


async def _started(*arguments: str) -> asyncio.subprocess.Process:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.lock", *arguments, stdin=pipe, stdout=pipe, stderr=nothing
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--avatars", type=int, default=1, metavar="N", help="that speak at once")
    parser.add_argument("--seconds", type=float, default=15.0, metavar="S")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--beside", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        asyncio.run(_worker(options.worker))
    elif options.beside is not None:
        print(late_wakeups(options.beside))
    else:
        print("avatars  pictures a second  late here  late beside it  the lock is held")
        for _ in range(options.rounds):
            with ServerProcess(obtain_binary(lambda line: print(line, file=sys.stderr))) as server:
                for name, value in (
                    ("URL", server.url),
                    ("API_KEY", server.api_key),
                    ("API_SECRET", server.api_secret),
                ):
                    os.environ[f"LIVEKIT_{name}"] = value
                row = asyncio.run(measured(server, options.avatars, options.seconds))
            print(
                f"{options.avatars:7d}  {row['fps']:17.1f}  {row['late']:9.0%}  {row['beside']:14.0%}  "
                f"{row['held']:16.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
