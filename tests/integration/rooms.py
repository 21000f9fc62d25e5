"""What tests of rooms share: what an agent was told, what a viewer saw, and how far pictures were from the voice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from livekit.agents.voice.io import AudioOutput, PlaybackFinishedEvent, PlaybackStartedEvent
from numpy.typing import NDArray

from livekit_bithuman.rtc import compat
from livekit_bithuman.testing import Mark, Viewer, VoiceLocator
from livekit_bithuman.testing.stage import Stage

RATE = 24_000
FPS = 25
SLOT = RATE // FPS
#: Slots that picture and voice may be apart on a busy machine, in the median; a lost step is a quarter of a second.
IN_STEP = 2.5


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


def slots_apart(viewer: Viewer, turn: int, voice: NDArray[np.int16], *, from_slot: int = 0) -> NDArray[np.float64]:
    """By how many slots each picture of a turn, from a slot on, came after the sample of its slot."""
    pictures = [(p.at, p.mark.slot) for p in viewer.pictures if p.mark and not p.mark.rest and p.mark.turn == turn]
    heard = viewer.heard(VoiceLocator({0: voice}), since=next(at for at, slot in pictures if slot >= from_slot) - 0.5)
    when = dict(sorted((sample, at) for at, _, sample in heard))
    samples, times = np.array(list(when)), np.array(list(when.values()))
    apart = [
        (at - float(np.interp(slot * SLOT, samples, times))) * FPS
        for at, slot in pictures
        if slot >= from_slot and samples[0] <= slot * SLOT <= samples[-1]
    ]
    return np.array(apart)


def in_step(apart: NDArray[np.float64]) -> bool:
    """Whether pictures and voice reach the viewer together."""
    return len(apart) > 10 and abs(float(np.median(apart))) < IN_STEP


@contextmanager
def no_new_tasks() -> Iterator[None]:
    """Fails if a task of the avatar is left that was not there before."""
    before = asyncio.all_tasks()
    yield
    left = {task.get_name() for task in asyncio.all_tasks() - before if "avatar" in task.get_name()}
    assert not left
