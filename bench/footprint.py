"""What an avatar costs its host: `python -m bench.footprint`, three minutes on a quiet Linux machine.

A process with agents is measured that holds nothing else: livekit-server and the viewers run beside it. Each avatar has
a room and a viewer of its own; 512x512, 25 frames per second, VP8. CPU is that of the process's threads, told apart by
their names: the picture's, the video encoder's, and the rest, where the agent, the voice and the network are.
livekit-server's is told as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from livekit_bithuman.rtc import AvatarSession
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import Viewer, lively_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

RATE = 24_000
#: How the painter's threads begin their name, and WebRTC's encoder its own (the kernel keeps 15 characters).
PAINTER, ENCODER = "avatar-paint", "VideoEncoder"


@dataclass
class Figures:
    """Of one process with so many avatars; CPU in per cent of a core, all avatars together."""

    avatars: int
    resident_mb: float
    speaking: dict[str, float]  # CPU by what it is for
    resting: dict[str, float]
    video_kbit: float  # at a viewer, while the avatar speaks
    audio_kbit: float
    fps: float  # at the viewer that got least
    picture_ms: float  # CPU of drawing one, while the avatars speak
    encoding_ms: float  # CPU of encoding one
    server: float  # CPU of livekit-server while the avatars speak, each to one viewer


# in the agents' process


async def agents(url: str, key: str, secret: str) -> None:
    """Take orders from standard input: `add ROOM`, `speak SECONDS`, `rest SECONDS`; answer each with a line of JSON."""
    stages: list[Stage] = []
    async with AsyncExitStack() as open_stages:
        print(json.dumps(_resident_mb()), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order, argument = line.split()
            if order == "add":
                stages.append(
                    await open_stages.enter_async_context(
                        agent_with_avatar(url, key, secret, argument, AvatarSession())
                    )
                )
                print(json.dumps(_resident_mb()), flush=True)
            else:
                print(json.dumps(await _cpu(stages if order == "speak" else [], float(argument))), flush=True)


async def _cpu(speaking: list[Stage], seconds: float) -> dict[str, Any]:
    voices = [lively_voice(seed, round(seconds * RATE), RATE) for seed in range(len(speaking))]
    begin, before = time.monotonic(), _spent()
    if speaking:
        await asyncio.gather(*(stage.say(voice, RATE) for stage, voice in zip(speaking, voices, strict=True)))
    else:
        await asyncio.sleep(seconds)
    after, took = _spent(), time.monotonic() - begin
    return {"resident_mb": _resident_mb(), "cpu": {name: 100 * (after[name] - before[name]) / took for name in after}}


def _spent() -> dict[str, float]:
    """CPU seconds of this process's threads so far, by what they are for."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    spent = {"picture": 0.0, "video encoder": 0.0, "the rest": 0.0}
    for task in Path("/proc/self/task").iterdir():
        text = (task / "stat").read_text()
        ticks = text[text.rindex(")") + 2 :].split()[11:13]
        spent[_purpose(names.get(int(task.name), ""), text)] += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return spent


def _purpose(name: str, stat: str) -> str:
    if name.startswith(PAINTER):
        return "picture"
    return "video encoder" if f"({ENCODER}" in stat else "the rest"


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


# beside it


class Agents:
    """The agents' process, and an order to it at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, server: ServerAddress) -> Agents:
        """A process without avatars yet; its first line is its size then."""
        arguments = ["-m", "bench.footprint", "--agents", server.url, server.api_key, server.api_secret]
        pipe = subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe))

    async def told(self, order: str = "") -> Any:
        """Give an order and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order.encode())
        await self._process.stdin.drain()
        return json.loads(await self._process.stdout.readline())

    async def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def measured(server: ServerAddress, most: int, seconds: float) -> list[Figures]:
    """Figures of one process as it gets avatars one by one."""
    process = await Agents.start(server)
    figures, viewers = [Figures(0, await process.told(), {}, {}, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)], []
    async with AsyncExitStack() as watching:
        for count in range(1, most + 1):
            room = f"footprint-{uuid.uuid4().hex[:8]}"
            await process.told(f"add {room}\n")
            viewer = Viewer.joining(server.url, server.api_key, server.api_secret, room)
            viewers.append(await watching.enter_async_context(viewer))
            await viewer.until(lambda viewer=viewer: len(viewer.pictures) > 25)
            await process.told("speak 4\n")  # buffers grow, the encoder finds its rate
            figures.append(await _of(process, viewers, count, seconds))
    await process.stop()
    return figures


async def _of(process: Agents, viewers: list[Viewer], count: int, seconds: float) -> Figures:
    resting = await process.told(f"rest {seconds}\n")
    begin, before, spent = asyncio.get_running_loop().time(), await _received(viewers[0]), _spent_by_server()
    speaking = await process.told(f"speak {seconds}\n")
    end, after = asyncio.get_running_loop().time(), await _received(viewers[0])
    server = 100 * (_spent_by_server() - spent) / (end - begin)
    kbit = {kind: (after[kind] - before[kind]) * 8 / 1000 / (end - begin) for kind in ("video", "audio")}
    fps = [viewer.report(begin, end).fps for viewer in viewers]
    cpu = speaking["cpu"]
    picture_ms, encoding_ms = (10 * cpu[part] / sum(fps) for part in ("picture", "video encoder"))
    return Figures(
        count,
        speaking["resident_mb"],
        cpu,
        resting["cpu"],
        kbit["video"],
        kbit["audio"],
        min(fps),
        picture_ms,
        encoding_ms,
        server,
    )


def _spent_by_server() -> float:
    """CPU seconds so far of the livekit-server that this process started."""
    children = psutil.Process().children(recursive=True)
    times = [child.cpu_times() for child in children if child.name().startswith("livekit-server")]
    return sum(spent.user + spent.system for spent in times)


async def _received(viewer: Viewer) -> Counter[str]:
    """Bytes that came so far by kind, RTP headers included."""
    stats = await viewer.room.get_rtc_stats()
    received: Counter[str] = Counter()
    for entry in (*stats.subscriber_stats, *stats.publisher_stats):
        if entry.HasField("inbound_rtp"):
            stream = entry.inbound_rtp
            received[stream.stream.kind] += stream.inbound.bytes_received + stream.inbound.header_bytes_received
    return received


def table(figures: list[Figures]) -> str:
    """Rows for people."""
    rows = [f"{'avatars':>7s} {'MB':>6s} {'CPU speaking: picture + encoder + rest':>40s} {'at rest':>8s} {'fps':>5s}"]
    for one in figures:
        parts = " + ".join(f"{value:.0f}" for value in one.speaking.values())
        spoken = f"{sum(one.speaking.values()):.0f} % = {parts}" if one.avatars else ""
        rest = f"{sum(one.resting.values()):.0f} %" if one.avatars else ""
        fps = f"{one.fps:.1f}" if one.avatars else ""
        rows.append(f"{one.avatars:7d} {one.resident_mb:6.0f} {spoken:>40s} {rest:>8s} {fps:>5s}")
    last = figures[-1]
    rows.append(f"CPU of one picture: {last.picture_ms:.1f} ms to draw, {last.encoding_ms:.1f} ms to encode")
    rows.append(f"at a viewer: video {last.video_kbit:.0f} kbit/s, voice {last.audio_kbit:.0f} kbit/s")
    rows.append(f"livekit-server: {last.server / last.avatars:.1f} % of a core for each avatar with a viewer")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--avatars", type=int, default=3, metavar="N", help="up to so many in one process")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of speech and of rest, each time")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--agents", nargs=3, metavar=("URL", "KEY", "SECRET"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.agents:
        asyncio.run(agents(*arguments.agents))
        return
    with ServerProcess(obtain_binary(lambda line: print(line, file=sys.stderr))) as server:
        figures = asyncio.run(measured(server, arguments.avatars, arguments.seconds))
    print(json.dumps([asdict(one) for one in figures]) if arguments.json else table(figures))


if __name__ == "__main__":
    main()
