"""The agents' process: one or more agents with an avatar each, which speak, stop, pause and stall when told to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.voice.io import PlaybackFinishedEvent, PlaybackStartedEvent
from livekit.agents.voice.speech_handle import SpeechHandle
from numpy.typing import NDArray

from livekit_bithuman.rtc import AvatarSession
from livekit_bithuman.rtc.compat import audio_tail
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Tap
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

from .engine import TimedEngine, make_engine
from .official import encode_as_ours, official_avatar
from .recording import Recording
from .voices import RATE, noise, tone

TICKS_PER_S = 100  # of /proc's CPU times: USER_HZ


@dataclass(frozen=True)
class Side:
    """What is measured."""

    name: str  # "ours" or "official"
    engine: str = "marker"  # or "embedded"
    size: tuple[int, int] = (512, 512)  # (width, height)
    our_encoding: bool = False  # the official side with our encoding


@dataclass(frozen=True)
class Report:
    """An event of the audio output, dated on CLOCK_MONOTONIC."""

    kind: str  # "started" or "finished"
    at: float  # when it was emitted
    dated: float  # when it says that it happened; finished: the same as `at`
    position: float = 0.0  # seconds, of finished
    interrupted: bool = False


@dataclass(frozen=True)
class Said:
    """What one reply was given and told, dated on CLOCK_MONOTONIC."""

    asked: float  # its first frame was there
    reports: list[Report]
    did: float = 0.0  # interrupted, paused or stalled
    resumed: float = 0.0


@dataclass
class Cpu:
    """CPU seconds of the process so far."""

    total: float
    engines: float
    threads: dict[str, float] = field(default_factory=dict)  # by name
    drawn: int = 0  # pictures


class Agents:
    """Agents in one process and one event loop."""

    def __init__(self, stages: list[Stage], engines: list[TimedEngine]) -> None:
        self._stages = stages
        self._engines = engines
        self._reports: list[Report] = []
        for stage in stages[:1]:
            sink = audio_tail(stage.session.output)
            assert sink is not None
            sink.on("playback_started", self._on_started)
            sink.on("playback_finished", self._on_finished)

    async def say(self, seed: int, seconds: float) -> Said:
        """Say noise to its end."""
        handle = self._say(noise(seed, seconds))
        await handle
        return self._said()

    async def interrupt(self, seed: int, seconds: float, after: float, sound: str = "noise", rest: float = 0.8) -> Said:
        """Say noise or a tone and interrupt it `after` seconds from its first frame; then be silent for `rest`."""
        handle = self._say(noise(seed, seconds) if sound == "noise" else tone(seconds))
        await self._wait_from_first_frame(after)
        did = time.monotonic()
        handle.interrupt()
        await handle
        await asyncio.sleep(rest)
        return self._said(did=did)

    async def pause(self, seed: int, seconds: float, after: float, length: float, sound: str = "noise") -> Said:
        """Say noise or a tone, and pause it for `length` seconds."""
        handle = self._say(noise(seed, seconds) if sound == "noise" else tone(seconds))
        await self._wait_from_first_frame(after)
        output = self._stages[0].session.output.audio
        assert output is not None
        did = time.monotonic()
        output.pause()
        await asyncio.sleep(length)
        resumed = time.monotonic()
        output.resume()
        await handle
        return self._said(did=did, resumed=resumed)

    async def tapped(self, what: str, **arguments: Any) -> tuple[Said, Recording]:
        """Do one of the above; what was told of it, and what left the first agent's source meanwhile."""
        publications = self._stages[0].room.local_participant.track_publications.values()
        track = next(publication.track for publication in publications if publication.kind == rtc.TrackKind.KIND_AUDIO)
        assert track is not None
        async with Tap(track, RATE) as tap:
            said: Said = await getattr(self, what)(**arguments)
            await asyncio.sleep(0.1)
        return said, Recording.of([], tap.since(said.asked))

    async def stall(self, seed: int, seconds: float, after: float, length: float) -> Said:
        """Say noise, and block the event loop for `length` seconds."""
        handle = self._say(noise(seed, seconds))
        await self._wait_from_first_frame(after)
        did = time.monotonic()
        time.sleep(length)  # noqa: ASYNC251 - it is the fault that is measured
        await handle
        return self._said(did=did)

    async def say_all(self, seed: int, seconds: float) -> None:
        """Let every agent speak at once."""
        handles = [stage.say(noise(seed + number, seconds), RATE) for number, stage in enumerate(self._stages)]
        await asyncio.gather(*(_spoken(handle) for handle in handles))

    async def cpu(self) -> Cpu:
        """CPU times so far."""
        return self._cpu()

    def _cpu(self) -> Cpu:
        threads: dict[str, float] = {}
        known = {thread.native_id: thread.name for thread in threading.enumerate()}
        for task in Path("/proc/self/task").iterdir():
            text = (task / "stat").read_text()
            fields = text[text.rindex(")") + 2 :].split()
            name = known.get(int(task.name)) or text[text.index("(") + 1 : text.rindex(")")]
            threads[name] = threads.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        engines = sum(engine.cpu_s for engine in self._engines)
        return Cpu(time.process_time(), engines, threads, sum(engine.drawn for engine in self._engines))

    async def underruns(self) -> int | None:
        """How often the voice ran dry inside a reply, as our playout counts it; None where nothing counts."""
        statistics = getattr(self._stages[0].avatar, "statistics", None)
        return None if statistics is None else int(statistics.underruns)

    def _say(self, voice: NDArray[np.int16]) -> SpeechHandle:
        self._reports = []
        self._stages[0].first_frame_at = 0.0
        return self._stages[0].say(voice, RATE)

    async def _wait_from_first_frame(self, seconds: float) -> None:
        stage = self._stages[0]
        while not stage.first_frame_at:  # noqa: ASYNC110 - a stage says it by no event
            await asyncio.sleep(0.001)
        await asyncio.sleep(max(0.0, stage.first_frame_at + seconds - time.monotonic()))

    def _said(self, did: float = 0.0, resumed: float = 0.0) -> Said:
        return Said(self._stages[0].first_frame_at, self._reports, did, resumed)

    def _on_started(self, event: PlaybackStartedEvent) -> None:
        now = time.monotonic()
        self._reports.append(Report("started", now, event.created_at - time.time() + now))

    def _on_finished(self, event: PlaybackFinishedEvent) -> None:
        now = time.monotonic()
        self._reports.append(Report("finished", now, now, event.playback_position, event.interrupted))


@asynccontextmanager
async def agents(server: ServerAddress, side: Side, rooms: list[str]) -> AsyncIterator[Agents]:
    """One agent in each room, all of one side."""
    async with AsyncExitStack() as stack:
        stages, engines = [], []
        for room in rooms:
            engine = make_engine(side.engine, side.size)
            avatar: Any = AvatarSession(engine=engine) if side.name == "ours" else await official_avatar(engine)
            if side.our_encoding:
                avatar = _EncodedAsOurs(avatar, side.size)
            entering = agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar)
            stages.append(await stack.enter_async_context(entering))
            engines.append(engine)
        yield Agents(stages, engines)


class _EncodedAsOurs:
    """An avatar whose room publishes with our encoding."""

    def __init__(self, avatar: Any, size: tuple[int, int]) -> None:
        self._avatar = avatar
        self._size = size

    async def start(self, session: Any, room: Any) -> None:
        encode_as_ours(room, self._size, 25)
        await self._avatar.start(session, room=room)

    async def aclose(self) -> None:
        await self._avatar.aclose()


async def _spoken(handle: SpeechHandle) -> None:
    await handle
