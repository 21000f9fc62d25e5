"""What tests of rooms share: what an agent was told, what a viewer saw, and what left the agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent
from numpy.typing import NDArray

from livekit_bithuman.rtc import compat
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Mark, Tap, Viewer, VoiceLocator, read_mark
from livekit_bithuman.testing.hearing import Hearing
from livekit_bithuman.testing.stage import Stage, agent_token

RATE = 24_000
FPS = 25
SLOT = RATE // FPS
#: Slots that a picture leaves after its first sample, and by how many the median may differ on a busy machine.
LAG, IN_STEP = 0.97, 0.5
#: So far around a picture its voice is looked for.
NEARBY_S = 0.4


StageOf = Callable[..., AbstractAsyncContextManager[Stage]]
ViewerOf = Callable[..., Viewer]


class Told:
    """What an audio output reported, in order."""

    def __init__(self, output: AudioOutput) -> None:
        self.events: list[PlaybackStartedEvent | PlaybackFinishedEvent] = []
        self._rung = asyncio.Event()
        output.on("playback_started", self._take)
        output.on("playback_finished", self._take)

    @property
    def started(self) -> int:
        return sum(isinstance(event, PlaybackStartedEvent) for event in self.events)

    @property
    def finished(self) -> list[tuple[float, bool]]:
        """(position, interrupted) of every segment that ended."""
        ends = [event for event in self.events if isinstance(event, PlaybackFinishedEvent)]
        return [(event.playback_position, event.interrupted) for event in ends]

    async def until_started(self, count: int) -> None:
        async def look() -> None:
            while self.started < count:
                self._rung.clear()
                await self._rung.wait()

        await asyncio.wait_for(look(), 20)

    def _take(self, event: PlaybackStartedEvent | PlaybackFinishedEvent) -> None:
        self.events.append(event)
        self._rung.set()


def tail(stage: Stage) -> AudioOutput:
    """The sink that the agent speaks into."""
    output = compat.audio_tail(stage.session.output)
    assert output is not None
    return output


def marks(viewer: Viewer, since: int = 0) -> list[Mark]:
    return [picture.mark for picture in viewer.pictures[since:] if picture.mark is not None]


def slots(viewer: Viewer, turn: int, since: int = 0) -> list[int]:
    return [mark.slot for mark in marks(viewer, since) if not mark.rest and mark.turn == turn]


def resting_after(viewer: Viewer, turn: int) -> bool:
    """Whether a resting picture was seen after one of `turn`."""
    seen = [(mark.rest, mark.turn) for mark in marks(viewer)]
    return (False, turn) in seen and seen[-1][0]


@dataclass
class Departure:
    """One picture as it was handed to the video source."""

    at: float  # seconds of the loop's clock
    mark: Mark | None


class Departures:
    """What leaves the agent: pictures as they are captured, and the voice by a tap on its track.

    A viewer's jitter buffer grows on a busy machine and shifts the voice by as much; whether the agent's own two tracks
    are in step is therefore seen here. Use as an async context manager, while the tracks are published.

    Args:
        stage: The agent.
        patch: Lets pictures be seen on their way.
    """

    def __init__(self, stage: Stage, patch: pytest.MonkeyPatch) -> None:
        self.pictures: list[Departure] = []
        publications = stage.room.local_participant.track_publications.values()
        track = next(p.track for p in publications if p.kind == rtc.TrackKind.KIND_AUDIO)
        assert track is not None
        self._tap = Tap(track, RATE)
        capture = rtc.VideoSource.capture_frame

        def seen(source: rtc.VideoSource, frame: rtc.VideoFrame, **options: Any) -> None:
            luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height).reshape(frame.height, frame.width)
            self.pictures.append(Departure(asyncio.get_running_loop().time(), read_mark(luma)))
            capture(source, frame, **options)

        patch.setattr(rtc.VideoSource, "capture_frame", seen)

    async def __aenter__(self) -> Departures:
        await self._tap.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tap.__aexit__()

    @property
    def hearing(self) -> Hearing:
        """The voice that left so far."""
        return Hearing(RATE, self._tap.blocks)

    def slots_apart(self, turn: int, voice: NDArray[np.int16], *, from_slot: int = 0) -> list[float]:
        """By how many slots each picture of a turn, from a slot on, left after the first sample of its slot.

        The voice is dated by whatever of it was least delayed nearby: on a busy machine the tap hears single blocks
        tens of milliseconds late, and a voice that is out of step has no early ones.
        """
        pictures = [(p.at, p.mark.slot) for p in self.pictures if p.mark and not p.mark.rest and p.mark.turn == turn]
        begin = next(at for at, slot in pictures if slot >= from_slot) - 0.5
        heard = self.hearing.since(begin).located(VoiceLocator({0: voice}))
        samples = np.array([sample for _, _, sample in heard])
        delays = np.array([at for at, _, _ in heard]) - samples / RATE

        def left_at(slot: int) -> float:
            near = np.abs(samples - slot * SLOT) <= NEARBY_S * RATE
            return slot / FPS + float(delays[near].min())

        return [
            (at - left_at(slot)) * FPS
            for at, slot in pictures
            if slot >= from_slot and samples.min() <= slot * SLOT <= samples.max()
        ]

    def in_step(self, turn: int, voice: NDArray[np.int16], *, from_slot: int = 0) -> bool:
        """Whether the pictures of a turn, from a slot on, left with their samples: one slot later, as meant."""
        return are_in_step(self.slots_apart(turn, voice, from_slot=from_slot))


def are_in_step(apart: list[float]) -> bool:
    """Whether pictures that left so many slots after their samples are in step."""
    assert len(apart) > 5
    print(f"pictures left {np.round(np.percentile(apart, [5, 50, 95]), 2)} slots after their samples")
    return abs(float(np.median(apart)) - LAG) < IN_STEP


@contextmanager
def no_new_tasks() -> Iterator[None]:
    """Fails if a task of the avatar is left that was not there before."""
    before = asyncio.all_tasks()
    yield
    left = {task.get_name() for task in asyncio.all_tasks() - before if "avatar" in task.get_name()}
    assert not left


@asynccontextmanager
async def bare_agent(server: ServerAddress, room_name: str) -> AsyncIterator[tuple[AgentSession[None], rtc.Room]]:
    """An agent in a room, without an avatar and not started."""
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "manual"})
    try:
        yield session, room
    finally:
        await session.aclose()
        await room.disconnect()
