"""What a viewer gets from an avatar in a real room: `python -m bench.viewer`.

Starts a livekit-server, an `AgentSession` with an `AvatarSession`, and a subscriber; lets the agent speak, interrupts
it, and prints one table and one JSON line. Everything is dated at the viewer's event loop, so network, jitter buffers,
decoder and this machine's load are in every number; the load is printed beside them.

The marker engine's pictures carry their slot and its voice its position, so pictures and voice are compared exactly.
The embedded engine is measured for what needs no marks: frame rate, first picture, and the time it takes to draw.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
import uuid
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar

RATE = 24_000
SLOT = RATE // 25
SILENT = 0.01  # RMS below which a stretch of the marker voice is over


@dataclass
class Figures:
    """Everything measured, in the units that the names say."""

    fps_speech: list[float] = field(default_factory=list)
    fps_silence: list[float] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    av_offset_ms: list[float] = field(default_factory=list)
    first_picture_ms: list[float] = field(default_factory=list)
    black_pictures: int = 0
    slots_lost: int = 0
    slots: int = 0
    voice_ms: list[float] = field(default_factory=list)  # first sample given -> first sample heard
    mouth_ms: list[float] = field(default_factory=list)  # first sample given -> first picture of the turn
    silence_ms: list[float] = field(default_factory=list)  # interrupt -> last old voice
    rest_ms: list[float] = field(default_factory=list)  # interrupt -> first picture after it


def rate_of(times: list[float]) -> float:
    """Pictures per second over a list of arrivals."""
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 else float("nan")


async def measure_turns(stage: Stage, viewer: Viewer, turns: int, figures: Figures) -> None:
    """Turns that end by themselves: frame rate, sync, latency, lost slots."""
    loop = asyncio.get_running_loop()
    for turn in range(turns):
        voice = marker_voice(turn, 4 * RATE, RATE)
        asked = loop.time()
        await stage.say(voice, RATE)
        await asyncio.sleep(1.0)
        asked = stage.first_frame_at
        pictures = [p for p in viewer.pictures if p.at >= asked]
        spoken = [(p.at, p.mark.slot) for p in pictures if p.mark is not None and not p.mark.rest]
        heard = [(at, sample) for at, _, sample in viewer.heard(VoiceLocator({turn: voice}), since=asked)]
        if len(spoken) < 10 or len(heard) < 10:
            continue
        when = dict(sorted((sample, at) for at, sample in heard))
        samples, times = np.array(list(when)), np.array(list(when.values()))
        for at, slot in spoken:
            if samples[0] <= slot * SLOT <= samples[-1]:
                figures.av_offset_ms.append((at - float(np.interp(slot * SLOT, samples, times))) * 1000)
        figures.slots += len(voice) // SLOT
        figures.slots_lost += len(voice) // SLOT - len({slot for _, slot in spoken})
        figures.fps_speech.append(rate_of([at for at, _ in spoken]))
        figures.voice_ms.append((heard[0][0] - heard[0][1] / RATE - asked) * 1000)
        figures.mouth_ms.append((spoken[0][0] - asked) * 1000)
        figures.gaps_ms += list(np.diff([p.at for p in pictures]) * 1000)


async def measure_interruptions(stage: Stage, viewer: Viewer, turns: int, figures: Figures) -> None:
    """Turns that are cut off: how long the old voice lasts, and the first picture of the new generation."""
    loop = asyncio.get_running_loop()
    for turn in range(turns):
        handle = stage.say(marker_voice(1000 + turn, 5 * RATE, RATE), RATE)
        await asyncio.sleep(1.0 + 0.037 * turn)
        cut = loop.time()
        handle.interrupt()
        await handle
        await asyncio.sleep(0.8)
        loud = [at for at, level in viewer.loudness(since=cut) if level > SILENT]
        figures.silence_ms.append(((max(loud) if loud else cut) + 0.010 - cut) * 1000)
        resting = [p.at for p in viewer.pictures if p.at > cut and p.mark is not None and p.mark.rest]
        if resting:
            figures.rest_ms.append((resting[0] - cut) * 1000)


async def measure_silence(viewer: Viewer, seconds: float, figures: Figures) -> None:
    """The frame rate while nobody speaks."""
    start = len(viewer.pictures)
    await asyncio.sleep(seconds)
    times = [p.at for p in viewer.pictures[start:]]
    figures.fps_silence.append(rate_of(times))
    figures.gaps_ms += list(np.diff(times) * 1000)


async def measure_joining(server: ServerAddress, room: str, joins: int, figures: Figures) -> None:
    """From `connect` returning to the first picture."""
    for number in range(joins):
        async with join(server, room, f"late-{number}") as viewer:
            await viewer.until(lambda viewer=viewer: viewer.pictures)
            figures.first_picture_ms.append((viewer.pictures[0].at - viewer.joined_at) * 1000)
            figures.black_pictures += sum(p.mean < 20 for p in viewer.pictures)


def join(server: ServerAddress, room: str, name: str = "viewer") -> Viewer:
    """A viewer of the room."""
    return Viewer.joining(server.url, server.api_key, server.api_secret, room, name=name)


async def run(server: ServerAddress, engine: Engine | None, turns: int, size: tuple[int, int] | None) -> Figures:
    """One agent, one room, all measurements."""
    figures = Figures()
    room = f"bench-{uuid.uuid4().hex[:8]}"
    avatar = AvatarSession(engine=engine) if engine is not None else AvatarSession(size=size)
    async with agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar) as stage:
        async with join(server, room) as viewer:
            await viewer.until(lambda: len(viewer.pictures) > 50)
            await measure_silence(viewer, 5.0, figures)
            if engine is not None:
                await measure_turns(stage, viewer, turns, figures)
                await measure_interruptions(stage, viewer, turns, figures)
            else:
                await measure_speech(stage, viewer, turns, figures)
            figures.black_pictures += sum(p.mean < 20 for p in viewer.pictures)
        await measure_joining(server, room, 5, figures)
    return figures


async def measure_speech(stage: Stage, viewer: Viewer, turns: int, figures: Figures) -> None:
    """The frame rate while the embedded engine speaks."""
    for turn in range(turns):
        start = len(viewer.pictures)
        await stage.say(marker_voice(turn, 4 * RATE, RATE), RATE)
        times = [p.at for p in viewer.pictures[start:]]
        figures.fps_speech.append(rate_of(times))
        figures.gaps_ms += list(np.diff(times) * 1000)


def draw_times_ms(size: tuple[int, int] | None, frames: int = 250) -> NDArray[np.float64]:
    """CPU time of the embedded engine per frame in speech, in ms: samples to picture, on one thread."""
    cv2.setNumThreads(1)  # as in an agent
    from livekit_bithuman.engine.embedded import EmbeddedEngine
    from livekit_bithuman.engine.protocol import Turn
    from livekit_bithuman.face.idle import IdleMotion

    engine = EmbeddedEngine(size=size)
    motion = IdleMotion(0, engine.info.fps)
    voice = marker_voice(0, (frames + 50) * SLOT, RATE)
    engine.open_turn(Turn(0, RATE))
    times = []
    for slot in range(frames + 50):
        begin = time.thread_time()
        engine.push(voice[slot * SLOT : (slot + 1) * SLOT])
        for frame in engine.poll():
            engine.draw(frame, motion.at(slot, 1.0))
        times.append((time.thread_time() - begin) * 1000)
    engine.close()
    return np.array(times[50:])


def spread(values: list[float]) -> str:
    """Median and 5th..95th percentile."""
    if not values:
        return "-"
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:7.1f}   ({low:.1f} .. {high:.1f}, n={len(values)})"


def table(figures: Figures) -> list[tuple[str, str]]:
    """Rows of name and value."""
    gaps = np.array(figures.gaps_ms or [np.nan])
    return [
        ("FPS in speech", spread(figures.fps_speech)),
        ("FPS in silence", spread(figures.fps_silence)),
        ("gap between pictures p99 / longest, ms", f"{np.percentile(gaps, 99):7.1f} / {gaps.max():.1f}"),
        ("slots never shown", f"{figures.slots_lost} of {figures.slots}"),
        ("black pictures", f"{figures.black_pictures}"),
        ("join -> first picture, ms", spread(figures.first_picture_ms)),
        ("picture - voice (A/V offset), ms", spread(figures.av_offset_ms)),
        ("first sample in -> first voice, ms", spread(figures.voice_ms)),
        ("first sample in -> first picture of the turn, ms", spread(figures.mouth_ms)),
        ("interrupt -> last old voice, ms", spread(figures.silence_ms)),
        ("interrupt -> first picture after it, ms", spread(figures.rest_ms)),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--size", default="512x512", help="WIDTHxHEIGHT of the picture")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    results = {}
    with ServerProcess(obtain_binary(print)) as server:
        for name in ("marker", "embedded"):
            engine = MarkerEngine((width, height)) if name == "marker" else None
            figures = asyncio.run(run(server, engine, options.turns, (width, height)))
            results[name] = dict(table(figures))
    drawn = draw_times_ms((width, height))
    print(f"{options.size}, {options.turns} turns, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, rows in results.items():
        print(f"\n{name} engine, livekit.rtc subscriber")
        for label, value in rows.items():
            print(f"  {label:50s} {value}")
    print(f"\nembedded engine, CPU ms per frame, one thread: {spread(list(drawn))}")
    print(json.dumps({"size": options.size, **results, "engine_ms": spread(list(drawn))}))


if __name__ == "__main__":
    main()
