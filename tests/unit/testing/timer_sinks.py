"""Outputs without a device: one that keeps every promise, and some that each break one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

TICK_MS = 10


@dataclass
class Segment:
    """What was captured between two flushes, in ms."""

    captured: int = 0
    heard: int = 0
    flushed: bool = False
    started: bool = False


class TimerSink(AudioOutput):
    """Plays 10 ms every 10 ms, to nobody."""

    def __init__(self) -> None:
        super().__init__(label="Timer", capabilities=AudioOutputCapabilities(pause=True))
        self.queue: deque[Segment] = deque()  # not ended, the oldest first
        self.open: Segment | None = None
        self.held = False  # paused

    async def play(self) -> None:
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            if self.queue and not self.held:
                self.tick(self.queue[0])

    def tick(self, segment: Segment) -> None:
        if segment.heard < segment.captured:
            if not segment.started:
                segment.started = True
                self.on_playback_started(created_at=time.time())
            segment.heard = min(segment.captured, segment.heard + TICK_MS)
        if segment.flushed and segment.heard == segment.captured:
            self.end(segment, interrupted=False)

    def end(self, segment: Segment, *, interrupted: bool) -> None:
        self.queue.remove(segment)
        self.on_playback_finished(playback_position=segment.heard / 1000, interrupted=interrupted)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self.open is None:
            self.open = Segment()
            self.queue.append(self.open)
        self.open.captured += round(1000 * frame.duration)

    def flush(self) -> None:
        super().flush()
        if self.open is not None:
            self.open.flushed, self.open = True, None

    def clear_buffer(self) -> None:
        for segment in list(self.queue):
            self.end(segment, interrupted=True)

    def pause(self) -> None:
        super().pause()
        self.held = True

    def resume(self) -> None:
        super().resume()
        self.held = False


class AnswersEveryClear(TimerSink):
    def clear_buffer(self) -> None:
        super().clear_buffer()
        self.on_playback_finished(playback_position=0.0, interrupted=True)


class StartsOnce(TimerSink):
    """Forgets that it has started when a segment ends by itself, and not when it is interrupted."""

    playing = False

    def tick(self, segment: Segment) -> None:
        segment.started = self.playing
        super().tick(segment)
        self.playing = segment in self.queue and segment.started


class CountsAllSegments(TimerSink):
    heard = 0

    def end(self, segment: Segment, *, interrupted: bool) -> None:
        self.heard += segment.heard
        segment.heard = self.heard
        super().end(segment, interrupted=interrupted)


class EndsWhenItRunsDry(TimerSink):
    def tick(self, segment: Segment) -> None:
        super().tick(segment)
        if segment in self.queue and segment.heard == segment.captured:
            self.end(segment, interrupted=False)
            self.open = None


class CallsEveryEndAnInterruption(TimerSink):
    def end(self, segment: Segment, *, interrupted: bool) -> None:
        super().end(segment, interrupted=True)


class CannotWait(TimerSink):
    """Reports a segment as heard with its first sample."""

    def tick(self, segment: Segment) -> None:
        segment.heard = max(segment.heard, segment.captured - TICK_MS)
        super().tick(segment)


class IgnoresAClearWhilePaused(TimerSink):
    def clear_buffer(self) -> None:
        if not self.held:
            super().clear_buffer()


class LosesTheEndOfBackToBackSegments(TimerSink):
    """One flag for all segments, as avatar runners have it."""

    def end(self, segment: Segment, *, interrupted: bool) -> None:
        for other in list(self.queue)[1:]:
            self.queue.remove(other)
        super().end(segment, interrupted=interrupted)


class NeverTakesAgain(TimerSink):
    cleared = False

    def clear_buffer(self) -> None:
        super().clear_buffer()
        self.cleared = True

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self.cleared:
            await asyncio.Event().wait()


def playing(kind: Callable[[], TimerSink]) -> Callable[[], AbstractAsyncContextManager[AudioOutput]]:
    """A factory for the kit."""

    @asynccontextmanager
    async def make() -> AsyncIterator[AudioOutput]:
        sink = kind()
        player = asyncio.ensure_future(sink.play())
        yield sink
        player.cancel()
        await asyncio.gather(player, return_exceptions=True)

    return make
