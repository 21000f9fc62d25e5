"""What `bench` measures. Every figure is one of this machine, as it is now."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass

import numpy as np

from ..engine.compose import Demeanour
from ..engine.embedded import DEFAULT_SEED, EmbeddedEngine
from ..engine.protocol import Turn
from ..errors import ServerError
from ..server import ServerAddress
from ..testing.voice import lively_voice

RATE = 24_000
_WARM_UP = 5  # pictures that are not counted: buffers are made


@dataclass(frozen=True)
class EngineFigures:
    """Of one picture size, in ms of wall-clock time per frame of 40 ms."""

    size: tuple[int, int]
    speech_ms: float  # from samples to visemes, mean
    picture_ms: float  # median
    picture_p95_ms: float


def engine_figures(avatar: str | None, size: tuple[int, int] | None, frames: int) -> EngineFigures:
    """Let the engine speak `frames` frames, and draw each.

    Raises:
        AvatarNotFoundError, AvatarFormatError: There is no such avatar, or it cannot be used.
    """
    engine = EmbeddedEngine(avatar, size=size)
    fps = engine.info.fps
    presentation = Demeanour(DEFAULT_SEED, fps).speaking
    slot = RATE // fps
    voice = lively_voice(0, (frames + _WARM_UP) * slot, RATE)
    engine.open_turn(Turn(0, RATE))
    begin = time.perf_counter()
    for at in range(0, len(voice), slot):
        engine.push(voice[at : at + slot])
    engine.end_turn()
    speech_ms = (time.perf_counter() - begin) / (frames + _WARM_UP) * 1000
    took = []
    for frame in engine.poll():
        begin = time.perf_counter()
        engine.draw(frame, presentation(frame.index))
        took.append((time.perf_counter() - begin) * 1000)
    engine.close()
    median, p95 = np.percentile(took[_WARM_UP:], [50, 95])
    return EngineFigures(engine.info.size, speech_ms, float(median), float(p95))


@dataclass(frozen=True)
class ProcessFigures:
    """Of a fresh Python process that has avatars, and no room."""

    start_s: float  # from its start to its first picture
    first_mb: float  # resident, with one avatar that has spoken
    further_mb: float  # more for each further one


def process_figures(avatar: str | None) -> ProcessFigures:
    """Start a process, and let it make one avatar and some more."""
    begin = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "livekit_bithuman.cli.fresh", json.dumps(avatar)], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        start_s = time.monotonic() - begin
        first, *further = json.loads(child.stdout.readline())
    return ProcessFigures(start_s, first, (further[-1] - first) / len(further))


async def viewer_figures(
    server: ServerAddress, avatar: str | None, size: tuple[int, int] | None, seconds: float
) -> dict[str, object]:
    """What a viewer in a process of its own gets of an agent that speaks: a `ViewerReport` as a dictionary.

    Raises:
        ServerError: The viewer saw no pictures.
    """
    from livekit import api

    from ..rtc import AvatarSession
    from ..testing.stage import agent_with_avatar

    room = f"bench-{uuid.uuid4().hex[:8]}"
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("viewer").with_grants(grants).to_jwt()
    session = AvatarSession(avatar, size=size)
    async with agent_with_avatar(server.url, server.api_key, server.api_secret, room, session) as stage:
        viewer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "livekit_bithuman.testing.watch",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert viewer.stdin is not None
        assert viewer.stdout is not None
        try:
            viewer.stdin.write(json.dumps({"url": server.url, "token": token}).encode() + b"\n")
            await viewer.stdin.drain()
            if await viewer.stdout.readline():
                await stage.say(lively_voice(0, round(seconds * RATE), RATE), RATE)
            viewer.stdin.close()
            told = await viewer.stdout.readline()
        finally:
            if viewer.returncode is None:
                viewer.stdin.close()
            await viewer.wait()
    if not told:
        raise ServerError(f"A viewer saw no pictures at {server.url}. Look whether its media ports are reachable.")
    report: dict[str, object] = json.loads(told)
    return report
