"""How long an offline agent takes to answer: `python -m bench.conversation [--turns 20]`, some minutes.

`local_session()` with a face, in a room of a livekit-server of its own; whoever asks, and listens, is a process apart.
It says synthesised questions into its microphone, and takes the time from the last sample of a question until the
first loud sample of the reply arrives. Beside it the agent's own account,
`TurnTiming`. Prints a table (median, 5th to 95th percentile) and with --json a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection

import numpy as np
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomOptions
from numpy.typing import NDArray

from livekit_bithuman import AvatarSession
from livekit_bithuman.local import LocalModels, LocalVoice, local_session
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import Viewer
from livekit_bithuman.testing.stage import agent_token, frames
from livekit_bithuman.turns import TurnTiming, TurnTimings

QUESTIONS = ("Tell me a joke.", "What time is it?", "How are you today?", "Who are you?", "What can you do?")
#: A reply that has not begun by then will not.
PATIENCE_S = 20.0
LOUD = 0.02  # RMS of 10 ms, full scale is 1
#: Silence that ends a reply.
QUIET_S = 1.5


def ask(connection: Connection, server: ServerAddress, room: str, turns: int) -> None:
    """The other process: asks, listens, and sends the seconds from each question to its reply."""
    asyncio.run(_ask(connection, server, room, turns))


async def _ask(connection: Connection, server: ServerAddress, room: str, turns: int) -> None:
    voice = LocalVoice()
    spoken = [np.frombuffer(b"".join(voice.sentences(text)), np.int16) for text in QUESTIONS]
    source = rtc.AudioSource(voice.sample_rate, 1, queue_size_ms=40)
    said: asyncio.Queue[tuple[NDArray[np.int16], asyncio.Future[float]]] = asyncio.Queue()
    microphone = asyncio.create_task(_speak(source, voice.sample_rate, said))
    async with Viewer.joining(server.url, server.api_key, server.api_secret, room, name="person") as viewer:
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await viewer.room.local_participant.publish_track(track, options)
        await viewer.until(lambda: viewer.pictures and viewer.loudness(), timeout=60)
        for turn in range(turns):
            ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            said.put_nowait((_trimmed(spoken[turn % len(spoken)]), ended))
            asked = await ended
            heard = await _first(viewer, asked)
            connection.send(None if heard is None else heard - asked)
            await _until_quiet(viewer)
    microphone.cancel()
    with suppress(asyncio.CancelledError):
        await microphone
    connection.send("done")


def _trimmed(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Without the silence at its end, which nobody can tell from waiting."""
    loud = np.flatnonzero(np.abs(samples) > LOUD * 32_768)
    return samples[: loud[-1] + 1]


async def _speak(
    source: rtc.AudioSource, rate: int, said: asyncio.Queue[tuple[NDArray[np.int16], asyncio.Future[float]]]
) -> None:
    """A microphone that never stops; tells when the last sample of what was said has left it."""
    silence = np.zeros(rate // 50, np.int16)
    while True:
        speech, ended = (silence, None) if said.empty() else said.get_nowait()
        async for frame in frames(speech, rate):
            await source.capture_frame(frame)
        if ended is not None:
            ended.set_result(asyncio.get_running_loop().time() + source.queued_duration)


async def _first(viewer: Viewer, since: float) -> float | None:
    """When the first loud sample after `since` arrived."""

    def first() -> float | None:
        return next((at for at, level in viewer.loudness(since) if level > LOUD), None)

    with suppress(asyncio.TimeoutError):
        await viewer.until(first, timeout=PATIENCE_S)
    return first()


async def _until_quiet(viewer: Viewer) -> None:
    loop = asyncio.get_running_loop()
    await viewer.until(lambda: all(level <= LOUD for _, level in viewer.loudness(loop.time() - QUIET_S)), timeout=60)


async def converse(server: ServerAddress, room_name: str, turns: int) -> tuple[list[float | None], list[TurnTiming]]:
    """The agent's process: seconds from each question to its reply as the other one took them, and its own account."""
    room, session, avatar = rtc.Room(), local_session(LocalModels.load()), AvatarSession()
    timings: list[TurnTiming] = []
    TurnTimings(session, timings.append)
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    await avatar.start(session, room=room)
    options = RoomOptions(participant_identity="person", close_on_disconnect=False)
    await session.start(Agent(instructions=""), room=room, room_options=options)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    asking = multiprocessing.get_context("spawn").Process(target=ask, args=(theirs, server, room_name, turns))
    asking.start()
    waited: list[float | None] = []
    while (answer := await asyncio.to_thread(ours.recv)) != "done":
        waited.append(answer)
        print(f"turn {len(waited)}: {answer}", file=sys.stderr)
    asking.join()
    await session.aclose()
    await avatar.aclose()
    await room.disconnect()
    return waited, timings


def line(name: str, seconds: list[float]) -> str:
    """One row of the table."""
    low, middle, high = np.percentile(seconds, (5, 50, 95)) * 1000 if seconds else (np.nan,) * 3
    return f"{name:48s} {middle:6.0f} ({low:.0f}..{high:.0f}, {len(seconds)})"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.conversation", description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="a line of JSON, too")
    options = parser.parse_args()
    process = ServerProcess(obtain_binary(lambda _: None))
    server = process.start()
    try:
        waited, timings = asyncio.run(converse(server, f"talk-{uuid.uuid4().hex[:8]}", options.turns))
    finally:
        process.stop()
    heard = [value for value in waited if value is not None]
    whole = [timing for timing in timings if timing.total is not None]
    print(f"{time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {len(waited)} turns")
    print("ms: median (p5..p95, n)")
    print(line("end of the question -> first voice, at the person", heard))
    names = ("recognition", "endpointing", "reply", "voice", "playout", "other", "total")
    for name in names:
        print(line(f"  the agent's own account: {name}", [getattr(timing, name) for timing in whole]))
    print(f"questions without a reply: {len(waited) - len(heard)}")
    if options.json:
        print(json.dumps({"heard": waited, "turns": [asdict(timing) for timing in timings]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
