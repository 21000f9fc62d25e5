"""Whether a worker endures: `python -m bench.soak [sessions interruptions reconnects long]`; all of them by default.

- sessions: `--sessions 100` one after another; in each an avatar is called, speaks, is interrupted and speaks again;
- interruptions: `--interruptions 1000` in one session, each of a reply of any length after any time;
- reconnects: in one session, the worker's connections to the server are cut in mid-reply, `--reconnects 20` times;
- long: one session of `--minutes 90` with a viewer, who dates pictures and voice.

A worker of its own for each. Between two sessions, and as often elsewhere, its memory, threads and open files are
taken, how many of the threads are audio sources', and how many tasks the agents' process has. Growth is a line through
all of them but the first ones, with its standard error: per hundred sessions, and from first to last elsewhere. Exits 1
where it is more than is let pass, where a reply does not end, or where the avatar does not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gc
import json
import logging
import os
import sys
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent

from livekit_bithuman.rtc import compat
from livekit_bithuman.rtc.dispatch import WorkerFace
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import Viewer, lively_voice, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

from .relay import Relay
from .scale import NAME, RATE, Worker, joined, worker

#: Let pass, per hundred sessions, or over a session of another kind.
MOST = {"memory_mb": 10.0, "threads": 1.0, "sources": 1.0, "files": 1.0, "tasks": 1.0}
#: Let pass of a change of the A/V offset over a long session, in ms.
MOST_DRIFT_MS = 5.0
#: A job's thread and sockets are gone some moments after its room.
SETTLED_S = 1.5
#: An avatar that was given up after its connection was cut has left by then.
GIVEN_UP_S = 5.0
#: A reply that has not ended by then never does; an avatar that is not back is lost.
ENDED_S, BACK_S = 60.0, 90.0
#: Over a long session.
LONG_ROWS = 40
#: What livekit's client calls the thread of an audio source, as the kernel cuts it.
SOURCE_THREAD = "AudioSourceCapt"


@dataclass(frozen=True)
class Row:
    """After one session, or at one moment of a long one."""

    number: int
    memory_mb: float
    threads: int
    files: int
    tasks: int  # of the agents' process
    sources: int = 0  # threads that are audio sources'


@dataclass
class Soak:
    """Rows of one worker, of which every `every`th is printed."""

    running: Worker
    every: int = 5
    rows: list[Row] = field(default_factory=list)

    def take(self) -> Row:
        """What the worker has now."""
        gc.collect()
        usage = self.running.usage
        row = Row(
            len(self.rows) + 1,
            usage.memory_info().rss / 1e6,
            usage.num_threads(),
            usage.num_fds(),
            len(asyncio.all_tasks()),
            named(usage, SOURCE_THREAD),
        )
        self.rows.append(row)
        if row.number % self.every == 0:
            print(json.dumps(asdict(row)), flush=True)
        return row


def named(usage: psutil.Process, name: str) -> int:
    """How many threads of a process have a name, as the kernel cuts it."""
    names = []
    for thread in usage.threads():
        try:
            names.append(Path(f"/proc/{usage.pid}/task/{thread.id}/comm").read_text().strip())
        except FileNotFoundError:  # it has just ended
            continue
    return names.count(name)


class Ends:
    """What an agent's output reports, one end for each segment."""

    def __init__(self, stage: Stage) -> None:
        output = compat.audio_tail(stage.session.output)
        assert isinstance(output, AudioOutput)
        self.events: list[PlaybackFinishedEvent] = []
        output.on("playback_finished", self.events.append)

    def whole(self, seconds: float) -> bool:
        """Whether the last reply was heard to its end."""
        last = self.events[-1]
        return not last.interrupted and abs(last.playback_position - seconds) < 0.001


@asynccontextmanager
async def speaking(server: ServerAddress, room: str, size: tuple[int, int]) -> AsyncIterator[Stage]:
    """An agent that speaks through the worker's avatar."""
    keys = (server.url, server.api_key, server.api_secret, room)
    async with agent_with_avatar(*keys, AvatarSession(remote=NAME, size=size)) as stage:
        await asyncio.wait_for(joined(stage), BACK_S)
        yield stage


def somebody(server: ServerAddress, room: str) -> Viewer:
    """A person in the room, who takes nothing: livekit-server closes one with none but agents after five minutes."""
    return Viewer.joining(server.url, server.api_key, server.api_secret, room, audio=False, video=False)


def face_of(stage: Stage) -> WorkerFace:
    """What an agent's avatar is drawn by."""
    face = stage.avatar._face
    assert isinstance(face, WorkerFace)
    return face


async def session(server: ServerAddress, number: int, size: tuple[int, int]) -> None:
    """One agent, from its call to its end."""
    voice = marker_voice(number % 7, RATE, RATE)
    async with speaking(server, f"soak-{number}", size) as stage:
        first = stage.say(np.tile(voice, 3), RATE)
        await asyncio.sleep(0.7)
        first.interrupt()
        await asyncio.wait_for(first.wait_for_playout(), ENDED_S)
        await asyncio.wait_for(stage.say(voice, RATE).wait_for_playout(), ENDED_S)


async def sessions(server: ServerAddress, soak: Soak, count: int, size: tuple[int, int]) -> None:
    """One after another."""
    for number in range(count):
        await session(server, number, size)
        await asyncio.sleep(SETTLED_S)
        soak.take()
    joins = soak.running.numbers()["livekit_bithuman_sessions_total"]
    if joins < count:
        raise SystemExit(f"{joins:.0f} avatars joined in {count} sessions: see the worker's log")


async def interruptions(server: ServerAddress, soak: Soak, count: int, size: tuple[int, int]) -> None:
    """Of replies of 0.2 to 3 s, after 0.3 s on average: before the first sound, in mid-reply, after the end."""
    random = np.random.default_rng(0)
    voice = lively_voice(0, 3 * RATE, RATE)
    async with somebody(server, "interruptions"), speaking(server, "interruptions", size) as stage:
        ends = Ends(stage)
        cut = 0
        for number in range(count):
            length, wait = random.uniform(0.2, 3.0), min(2.0, random.exponential(0.3))
            handle = stage.say(voice[: round(length * RATE)], RATE)
            await asyncio.sleep(wait)
            handle.interrupt()
            known = len(ends.events)
            await asyncio.wait_for(handle.wait_for_playout(), ENDED_S)
            if len(ends.events) > known:
                end = ends.events[-1]
                cut += end.interrupted
                if not 0 <= end.playback_position <= length + 0.001:
                    raise SystemExit(f"interruption {number}: {end.playback_position} s of {length} s were heard")
            if number % 20 == 19:
                soak.take()
        await asyncio.wait_for(joined(stage), BACK_S)
        await asyncio.wait_for(stage.say(voice, RATE).wait_for_playout(), ENDED_S)
        if not ends.whole(3.0):
            raise SystemExit(f"the reply after the last interruption was not heard whole: {ends.events[-1]}")
    print(f"{count} interruptions, {cut} of them of a reply that was under way, and a whole reply after them")


async def reconnects(server: ServerAddress, soak: Soak, relay: Relay, count: int, size: tuple[int, int]) -> None:
    """The worker's connections are reset at any moment of a reply; it ends, and the avatar speaks another one whole."""
    random = np.random.default_rng(0)
    voice = lively_voice(0, 3 * RATE, RATE)
    loop = asyncio.get_running_loop()
    back = []
    async with somebody(server, "reconnects"), speaking(server, "reconnects", size) as stage:
        ends = Ends(stage)
        avatars = set()
        for number in range(count):
            handle = stage.say(voice, RATE)
            await asyncio.sleep(random.uniform(0, 2.5))
            cut_at = loop.time()
            if relay.cut() < 2:
                raise SystemExit(f"reconnect {number}: the worker had not come back from the one before")
            await asyncio.wait_for(handle.wait_for_playout(), ENDED_S)
            while True:
                at = await asyncio.wait_for(joined(stage), BACK_S)
                identity = face_of(stage).identity
                await asyncio.wait_for(stage.say(voice[:RATE], RATE).wait_for_playout(), ENDED_S)
                if face_of(stage).identity == identity and ends.whole(1.0):
                    break
            avatars.add(identity)
            back.append(at - cut_at)
            await asyncio.sleep(GIVEN_UP_S)
            soak.take()
    print(
        f"{count} reconnects, {len(avatars)} avatars; one spoke again after {np.median(back):.1f} s "
        f"({min(back):.1f} to {max(back):.1f}), the end of the reply included"
    )


async def long(server: ServerAddress, soak: Soak, minutes: float, size: tuple[int, int]) -> float:
    """Replies of 2 to 20 s with pauses of up to 4 s; how far the A/V offset wandered, in ms."""
    random = np.random.default_rng(0)
    voice = lively_voice(0, 20 * RATE, RATE)
    loop = asyncio.get_running_loop()
    keys = (server.url, server.api_key, server.api_secret, "long")
    offsets: list[tuple[float, float]] = []  # (time, median in ms) of each reply
    async with speaking(server, "long", size) as stage, Viewer.joining(*keys) as viewer:
        ends = Ends(stage)
        begun = taken = loop.time()
        replies = broken = 0
        while loop.time() < begun + 60 * minutes:
            length = random.uniform(2.0, 20.0)
            said_at = loop.time()
            await asyncio.wait_for(stage.say(voice[: round(length * RATE)], RATE).wait_for_playout(), ENDED_S)
            replies, broken = replies + 1, broken + (not ends.whole(round(length * RATE) / RATE))
            await asyncio.sleep(0.5)
            offset = viewer.report(said_at).av_offset_ms
            if offset is not None:
                offsets.append((said_at - begun, offset.median))
            _forget(viewer)
            if loop.time() >= taken + 60 * minutes / LONG_ROWS:
                taken = loop.time()
                soak.take()
            await asyncio.sleep(random.uniform(0.0, 4.0))
    times, medians = np.array(offsets).T
    drift = float(np.polyfit(times, medians, 1)[0] * (times[-1] - times[0]))
    print(
        f"{minutes:g} minutes, {replies} replies, {broken} of them not heard whole; A/V offset "
        f"{np.median(medians):+.1f} ms ({np.percentile(medians, 5):+.1f} to {np.percentile(medians, 95):+.1f}), "
        f"{drift:+.1f} ms from first to last"
    )
    return drift


def _forget(viewer: Viewer) -> None:
    """A viewer keeps all that it got, which is not what is measured."""
    viewer.pictures.clear()
    viewer.hearing.frames.clear()
    for hearing in viewer._by_track:
        hearing.frames.clear()


def growth(rows: list[Row], per: float = 100) -> dict[str, float]:
    """Per hundred rows, or `per` of them, by a line through all."""
    numbers = [row.number for row in rows]
    return {name: per * float(np.polyfit(numbers, [getattr(row, name) for row in rows], 1)[0]) for name in MOST}


def doubt(rows: list[Row], per: float = 100) -> dict[str, float]:
    """The standard error of each `growth`, as if each row were by chance of itself.

    Over 20 sessions memory that goes up and down by 4 MB makes one of 15 MB per hundred.
    """
    numbers = np.array([row.number for row in rows], float)
    spread = float(np.sum((numbers - numbers.mean()) ** 2))
    errors = {}
    for name in MOST:
        taken = np.array([getattr(row, name) for row in rows], float)
        left = taken - np.polyval(np.polyfit(numbers, taken, 1), numbers)
        errors[name] = per * float(np.sqrt(np.sum(left**2) / (len(rows) - 2) / spread))
    return errors


def judge(rows: list[Row], per: float, told: str) -> bool:
    """Print the growth; whether it is let pass."""
    grown, errors = growth(rows, per), doubt(rows, per)
    for name, most in MOST.items():
        print(f"{name}: {grown[name]:+.2f} (standard error {errors[name]:.2f}) {told}, at most {most:g}")
    return all(grown[name] <= most for name, most in MOST.items())


class Warnings(logging.Handler):
    """Counts what the agents' side of the package has to complain of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.counts: collections.Counter[str] = collections.Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line."""
        self.counts[record.getMessage()] += 1

    def print(self) -> None:
        """Each, with its count, and begin anew."""
        for line, count in self.counts.most_common():
            print(f"  {count} x {line}")
        self.counts.clear()


def run(kind: str, server: ServerAddress, options: argparse.Namespace) -> bool:
    """One kind, with a worker of its own; whether it is let pass."""
    size = tuple(map(int, options.size.split("x")))
    assert len(size) == 2
    print(f"\n{kind}", flush=True)
    if kind == "reconnects":
        return asyncio.run(_reconnects(server, options.reconnects, options.warm_up, size))
    with worker(server) as running:
        soak = Soak(running)
        if kind == "sessions":
            asyncio.run(sessions(server, soak, options.sessions, size))
            return judge(soak.rows[options.warm_up :], 100, "per hundred sessions")
        drift = 0.0
        if kind == "interruptions":
            asyncio.run(interruptions(server, soak, options.interruptions, size))
        else:
            drift = asyncio.run(long(server, soak, options.minutes, size))
        return _judge_all(soak.rows) and abs(drift) <= MOST_DRIFT_MS


async def _reconnects(server: ServerAddress, count: int, warm_up: int, size: tuple[int, int]) -> bool:
    at = urllib.parse.urlparse(server.url)
    assert at.hostname is not None
    assert at.port is not None
    async with Relay(at.hostname, at.port) as relay:
        with ExitStack() as ends:
            # the relay runs in this loop, and the worker needs it to start
            starting = worker(replace(server, url=f"ws://127.0.0.1:{relay.port}"))
            soak = Soak(await asyncio.to_thread(ends.enter_context, starting))
            for number in range(warm_up):  # each reconnect may take another avatar, as a session does
                await session(server, number, size)
            await reconnects(server, soak, relay, count, size)
    return _judge_all(soak.rows)


def _judge_all(rows: list[Row]) -> bool:
    """Of one session, from a tenth of it to its end."""
    rows = rows[len(rows) // 10 :]
    return judge(rows, rows[-1].number - rows[0].number, "from first to last")


KINDS = ("sessions", "interruptions", "reconnects", "long")


def main() -> int:
    """Soak, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=KINDS, help=f"of {', '.join(KINDS)}")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument(
        "--warm-up", type=int, default=10, help="sessions before growth is counted, and before the first reconnect"
    )
    parser.add_argument("--interruptions", type=int, default=1000)
    parser.add_argument("--reconnects", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--size", default="256x256")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"there is no {' or '.join(unknown)}: of {', '.join(KINDS)}")
    if options.sessions - options.warm_up < 3:
        parser.error("growth needs three sessions after the first ones")
    warnings = Warnings()
    logging.getLogger("livekit_bithuman").addHandler(warnings)
    passed = True
    with ServerProcess(obtain_binary(report=print)) as server:
        for name, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
            os.environ[f"LIVEKIT_{name}"] = value
        for kind in options.kinds:
            before = os.getloadavg()[0]
            passed = run(kind, server, options) and passed
            warnings.print()
            print(
                f"load average of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after, "
                f"{os.cpu_count()} cores",
                flush=True,
            )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
