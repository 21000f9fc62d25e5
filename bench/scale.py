"""What a fleet is made of, on this machine: `python -m bench.scale [--size 512x512] [--seconds 20] [--json]`.

- what an avatar costs to draw and to encode, and how many a core carries by that;
- how many one worker process really shows at 25 FPS: avatars are added, each speaks, until one is below it, or gives up
  size or rate;
- from a call to the avatar's first picture at a viewer, where a worker waits;
- what a viewer hears when the worker is killed in mid-sentence: the hole in the voice, and the time from the avatar's
  last word to the agent's own voice.

Server, worker, agents and a viewer share the machine's cores.

`--paper [FOOTPRINT SCALE]` measures nothing: it multiplies what this and `bench.footprint` printed (bench/paper.py).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.fleet.capacity import BESIDE, SHARE, cores, measure
from livekit_bithuman.rtc.dispatch import WorkerFace
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.rtc.stepping import Step
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import Viewer, lively_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

from .paper import FOOTPRINT, SCALE, Measured, table

RATE = 24_000
ENOUGH_FPS = 24.5
NAME = "bench-worker"
#: Of a worker, where a measurement fails.
LAST_LINES = 40
#: Quieter than this, 10 ms of voice are a hole.
QUIET = 0.003


class Worker:
    """`livekit-bithuman worker`, with as many avatars as are asked for."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port
        self.usage = psutil.Process(process.pid)

    def numbers(self) -> dict[str, float]:
        """As Prometheus would read them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@contextmanager
def worker(server: ServerAddress, capacity: int = 100) -> Iterator[Worker]:
    """A worker that is registered; killed at the end. What it said last is printed where the measurement fails."""
    environment = {
        **os.environ,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }
    command = [sys.executable, "-m", "livekit_bithuman", "worker", "--name", NAME, "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--capacity", str(capacity)], env=environment, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield Worker(process, _port(process, log))
        except BaseException:
            print("the worker's last lines:", *log.read_text().splitlines()[-LAST_LINES:], sep="\n  ", flush=True)
            raise
        finally:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while process.poll() is None:
        text = log.read_text()
        if "/metrics" in text:
            return int(text.rsplit("/metrics", 1)[0].rsplit(":", 1)[1])
    raise SystemExit(f"the worker ended:\n{log.read_text()}")


async def joined(stage: Stage) -> float:
    """Wait until the agent speaks through the avatar; when that was."""
    face = stage.avatar._face
    assert isinstance(face, WorkerFace)
    while not face.speaks_by_avatar:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    return asyncio.get_running_loop().time()


async def first_pictures(server: ServerAddress, size: tuple[int, int], rounds: int) -> list[float]:
    """Seconds from the agent's call to the avatar's first picture at a viewer that is there already."""
    times = []
    for number in range(rounds):
        keys = (server.url, server.api_key, server.api_secret, f"join-{number}")
        async with Viewer.joining(*keys) as viewer:
            begun = asyncio.get_running_loop().time()
            async with agent_with_avatar(*keys, AvatarSession(remote=NAME, size=size)) as stage:
                await joined(stage)
                await viewer.until(lambda v=viewer: v.pictures)
                times.append(viewer.pictures[0].at - begun)
    return times


async def crowd(server: ServerAddress, running: Worker, size: tuple[int, int], seconds: float) -> list[dict[str, Any]]:
    """Add speaking avatars one by one until one shows fewer pictures than it should."""
    rows: list[dict[str, Any]] = []
    voice = lively_voice(1, int((seconds + 3) * RATE), RATE)  # made before: while one is made, no agent runs
    async with AsyncExitStack() as stack:
        stages: list[Stage] = []
        while not rows or (rows[-1]["slowest_fps"] >= ENOUGH_FPS and rows[-1]["step"] <= Step.CALM):
            number = len(stages)
            keys = (server.url, server.api_key, server.api_secret, f"crowd-{number}")
            avatar = AvatarSession(remote=NAME, size=size)
            stages.append(await stack.enter_async_context(agent_with_avatar(*keys, avatar)))
            await asyncio.wait_for(joined(stages[-1]), 30)
            for stage in stages:
                stage.say(voice, RATE)
            await asyncio.sleep(2.0)
            before, running_before = running.numbers(), running.usage.cpu_times()
            begun = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            after, running_after = running.numbers(), running.usage.cpu_times()
            took = asyncio.get_running_loop().time() - begun
            drawn, skipped = (
                after[f"livekit_bithuman_{name}_total"] - before[f"livekit_bithuman_{name}_total"]
                for name in ("pictures", "skipped_pictures")
            )
            used = running_after.user + running_after.system - running_before.user - running_before.system
            rows.append(
                {
                    "avatars": len(stages),
                    "slowest_fps": after["livekit_bithuman_slowest_fps"],
                    "fps": drawn / took / len(stages),
                    "skipped": skipped,
                    "cores": used / took,
                    "step": after["livekit_bithuman_step"],
                    "memory_mb": running.usage.memory_info().rss / 1e6,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr)
            for stage in stages:
                stage.session.interrupt()
    return rows


async def failover(server: ServerAddress, running: Worker, size: tuple[int, int]) -> dict[str, float]:
    """Kill the worker in mid-sentence."""
    keys = (server.url, server.api_key, server.api_secret, "failover")
    loop = asyncio.get_running_loop()
    voice = lively_voice(1, 6 * RATE, RATE)
    async with (
        agent_with_avatar(*keys, AvatarSession(remote=NAME, size=size)) as stage,
        Viewer.joining(*keys) as viewer,
    ):
        await joined(stage)
        face = stage.avatar._face
        assert isinstance(face, WorkerFace)
        await viewer.until(lambda: viewer.pictures)
        handle = stage.say(voice, RATE)
        await asyncio.sleep(2.5)
        running.process.send_signal(signal.SIGKILL)
        killed = loop.time()
        while face.speaks_by_avatar:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)
        last_word = face._pulse._last
        taken_over = loop.time()
        await handle.wait_for_playout()
        await asyncio.sleep(0.5)
    loud = [at for at, level in viewer.loudness(killed - 0.5) if level > QUIET]
    holes = [after - before for before, after in pairwise(loud) if before < killed + 2.0]
    return {
        "last_word_to_own_voice": taken_over - (last_word or killed),
        "hole": max(holes, default=float("nan")),
    }


async def run(server: ServerAddress, size: tuple[int, int], seconds: float, rounds: int) -> dict[str, Any]:
    """Everything that needs a room."""
    result: dict[str, Any] = {}
    with worker(server) as running:
        result["first_picture_s"] = await first_pictures(server, size, rounds)
        result["crowd"] = await crowd(server, running, size, seconds)
    result["failover"] = []
    for _ in range(rounds):
        with worker(server) as running:
            result["failover"].append(await failover(server, running, size))
    return result


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each number of avatars")
    parser.add_argument("--rounds", type=int, default=5, help="calls, and workers that are killed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--paper", nargs="*", type=Path, metavar="FILE", help="what bench.footprint and this printed")
    options = parser.parse_args()
    if options.paper is not None:
        footprint, scale = options.paper or (FOOTPRINT, SCALE)
        print(table(Measured.read(footprint.read_text(), scale.read_text())))
        return
    width, height = map(int, options.size.split("x"))
    cost = measure(EmbeddedEngine(size=(width, height)))
    with ServerProcess(obtain_binary(report=print)) as server:
        for name, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
            os.environ[f"LIVEKIT_{name}"] = value
        result = asyncio.run(run(server, (width, height), options.seconds, options.rounds))
    result |= {"machine": platform.machine(), "cores": cores(), "draw_s": cost.draw, "encode_s": cost.encode}
    if options.json:
        print(json.dumps(result))
        return
    print(f"draw {1000 * cost.draw:.1f} ms, encode {1000 * cost.encode:.1f} ms a picture; {cores():g} cores")
    print(f"by that, an avatar takes {cost.cores:.2f} of a core (x{BESIDE}); a core at {SHARE:.0%} carries", end=" ")
    print(f"{SHARE / cost.cores:.1f} with encoding, {SHARE / (cost.fps * cost.draw * BESIDE):.1f} without")
    print("\navatars  slowest FPS  mean FPS  skipped  cores  memory  given up")
    for row in result["crowd"]:
        print(
            f"{row['avatars']:7d}  {row['slowest_fps']:11.1f}  {row['fps']:8.1f}  {row['skipped']:7.0f}  "
            f"{row['cores']:5.2f}  {row['memory_mb']:.0f} MB  {row['step']:.0f}"
        )
    print("\nfrom a call to the first picture:", _spread(result["first_picture_s"]))
    for name in ("last_word_to_own_voice", "hole"):
        print(f"worker killed, {name.replace('_', ' ')}:", _spread([row[name] for row in result["failover"]]))


def _spread(seconds: list[float]) -> str:
    values = 1000 * np.array(seconds)
    return f"{np.median(values):.0f} ms ({values.min():.0f} to {values.max():.0f}, n={len(values)})"


if __name__ == "__main__":
    main()
