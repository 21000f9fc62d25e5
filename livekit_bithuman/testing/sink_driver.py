"""An agent's part towards its audio output, step by step, on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, PlaybackStartedEvent

from .ledger import Ledger, SinkPromise
from .promises import BrokenPromise
from .voice import marker_voice

MakeSink = Callable[[], AbstractAsyncContextManager[AudioOutput]]

RATE = 24_000  # Hz, of what is captured by an output that takes any rate
#: Agents send their voice in frames of this length, in seconds.
FRAME_S = 0.020
#: A capture that has not returned by then, in seconds, waits for a paused output.
WAITING_S = 0.2


@dataclass(frozen=True)
class Step:
    """One call of a `SinkDriver`'s method."""

    name: str
    ms: int | None = None  # its argument, if it has one

    def __repr__(self) -> str:
        return f"{self.name}({'' if self.ms is None else self.ms})"


class SinkDriver:
    """Does to an audio output what an agent does, and holds its answers against it.

        with SinkDriver(my_sink) as agent:
            agent.say(400)
            agent.interrupt(after=100)

    A call that makes no sense where it stands, such as a flush without a segment, does nothing. At the end of the block
    everything is heard out. Not for use inside a running event loop.

    Args:
        make_sink: A context in which the output can be heard.
        patience_s: How long an event may be late before it is missing, in seconds.
        promises: Those that are held against the output.
        loop: To run on; None: a new one. An output without a device may run on one of virtual time.

    Raises (every method, and the end of the block):
        BrokenPromise: The output broke one.
    """

    def __init__(
        self,
        make_sink: MakeSink,
        *,
        patience_s: float = 5.0,
        promises: Iterable[SinkPromise] = tuple(SinkPromise),
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.steps: list[Step] = []  # taken so far
        self.ledger = Ledger(frozenset(promises))
        self._context = make_sink()
        self._patience_s = patience_s
        self._loop = loop or asyncio.new_event_loop()
        self._waiting: asyncio.Task[None] | None = None  # a capture that waits for a paused output

    def __enter__(self) -> SinkDriver:
        self.sink: AudioOutput = self._loop.run_until_complete(self._context.__aenter__())
        self._rung = asyncio.Event()
        self._rate = self.sink.sample_rate or RATE  # the framework resamples for those that ask it to
        self._voice = marker_voice(1, self._rate, self._rate)
        self.sink.on("playback_started", self._on_started)
        self._report = self.sink.on_playback_finished
        # before the framework counts, which drops the surplus ones
        self.sink.on_playback_finished = self._on_finished  # type: ignore[method-assign]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None:
                self._run(self._hear_out())
        finally:
            self._loop.run_until_complete(self._close())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def take(self, step: Step) -> None:
        """Call the method that a step names."""
        arguments = [] if step.ms is None else [step.ms]
        getattr(self, step.name)(*arguments)

    # what an agent does

    def capture(self, ms: int) -> None:
        """Voice of the open segment, or of a new one, in frames of 20 ms."""
        if self._waiting is None:
            self._do(Step("capture", ms), self._capture(ms))

    def flush(self) -> None:
        """The segment has all its voice."""
        if self._waiting is None and self.ledger.capturing:
            self._do(Step("flush"), self._flush())

    def say(self, ms: int) -> None:
        """A whole segment, flushed in the same step of the event loop that captured its end."""
        if self._waiting is None:
            self._do(Step("say", ms), self._say(ms))

    def interrupt(self, after: int = 0) -> None:
        """As the framework does, `after` so many ms: capture is cancelled, then flush, clear_buffer, clear_buffer."""
        if self.ledger.pending:
            self._do(Step("interrupt", after), self._interrupt(after))

    def cancel_capture(self, ms: int) -> None:
        """An interruption that comes while a frame is being captured."""
        if self._waiting is None:
            self._do(Step("cancel_capture", ms), self._cancel_capture(ms))

    def clear(self, after: int = 0) -> None:
        """`clear_buffer` alone, between two segments, `after` so many ms."""
        if not self.ledger.capturing:
            self._do(Step("clear", after), self._clear(after))

    def pause(self, after: int = 0) -> None:
        """Hold the voice, if the output can, `after` so many ms."""
        if self.sink.can_pause and not self.ledger.paused:
            self._do(Step("pause", after), self._pause(after))

    def resume(self, after: int = 0) -> None:
        """Go on, `after` so many ms."""
        if self.ledger.paused:
            self._do(Step("resume", after), self._resume(after))

    def wait(self, ms: int) -> None:
        """Nothing for a while."""
        self._do(Step("wait", ms), asyncio.sleep(ms / 1000))

    def hear_out(self) -> None:
        """Resume, flush, and wait until all of it was heard."""
        if self.ledger.pending:
            self._do(Step("hear_out"), self._hear_out())

    # the same, in the loop

    async def _capture(self, ms: int) -> None:
        for start in range(0, ms, round(1000 * FRAME_S)):
            capturing = asyncio.ensure_future(self._capture_frame(start))
            try:
                patience = WAITING_S if self.ledger.paused else self.ledger.unheard_s() + self._patience_s
                await asyncio.wait({capturing}, timeout=patience)
            except asyncio.CancelledError:
                capturing.cancel()
                await asyncio.gather(capturing, return_exceptions=True)
                raise
            if capturing.done():
                capturing.result()
                continue
            self._waiting = capturing
            if not self.ledger.paused:
                self.ledger.fail(SinkPromise.CAPTURE, f"capture_frame has not returned for {patience:.1f} s.")
            return

    async def _capture_frame(self, start_ms: int) -> None:
        first = start_ms * self._rate // 1000
        samples = self._voice[first : first + round(FRAME_S * self._rate)]
        frame = rtc.AudioFrame(samples.tobytes(), self._rate, 1, len(samples))
        self.ledger.captured(self._loop.time(), FRAME_S)
        await self.sink.capture_frame(frame)

    async def _flush(self) -> None:
        self.sink.flush()
        self.ledger.flushed()

    async def _say(self, ms: int) -> None:
        await self._capture(ms)
        if self._waiting is None:
            await self._flush()

    async def _interrupt(self, after: int) -> None:
        await asyncio.sleep(after / 1000)
        await self._cancel_waiting()
        await self._flush()
        self.ledger.cleared()
        self.sink.clear_buffer()
        self.sink.clear_buffer()
        await self._until_ended("an interruption", self._patience_s)

    async def _cancel_capture(self, ms: int) -> None:
        capturing = asyncio.ensure_future(self._capture(ms))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        capturing.cancel()
        await asyncio.gather(capturing, return_exceptions=True)
        await self._interrupt(0)

    async def _clear(self, after: int) -> None:
        await asyncio.sleep(after / 1000)
        self.ledger.cleared()
        self.sink.clear_buffer()
        await self._until_ended("clear_buffer", self._patience_s)

    async def _pause(self, after: int) -> None:
        await asyncio.sleep(after / 1000)
        self.sink.pause()
        self.ledger.pause(self._loop.time())

    async def _resume(self, after: int = 0) -> None:
        await asyncio.sleep(after / 1000)
        self.ledger.resume(self._loop.time())
        self.sink.resume()
        if self._waiting is not None:
            patience = self.ledger.unheard_s() + self._patience_s
            await asyncio.wait({self._waiting}, timeout=patience)
            if not self._waiting.done():
                self.ledger.fail(SinkPromise.CAPTURE, f"capture_frame has not returned {patience:.1f} s after resume.")
            await self._cancel_waiting()

    async def _hear_out(self) -> None:
        await self._resume()
        await self._flush()
        await self._until_ended("its flush", self.ledger.unheard_s() + self._patience_s)

    # inside

    def _do(self, step: Step, work: Awaitable[None]) -> None:
        self.steps.append(step)
        self._run(work)

    def _run(self, work: Awaitable[None]) -> None:
        self._loop.run_until_complete(work)
        broken = self.ledger.broken
        if broken is not None:
            steps = ", ".join(map(repr, self.steps))
            raise BrokenPromise(broken.promise, f"{broken.found}\n  steps: {steps}", broken.remedy)

    async def _until_ended(self, what: str, patience: float) -> None:
        end = self._loop.time() + patience
        while self.ledger.pending and self.ledger.broken is None:
            self._rung.clear()
            try:
                await asyncio.wait_for(self._rung.wait(), end - self._loop.time())
            except asyncio.TimeoutError:
                count, number = len(self.ledger.pending), len(self.ledger.segments)
                self.ledger.fail(
                    SinkPromise.LIVENESS,
                    f"{patience:.1f} s after {what} {count} of {number} segments have not ended: an agent hangs here.",
                )
                self.ledger.give_up()
                return

    async def _cancel_waiting(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def _on_started(self, _: PlaybackStartedEvent) -> None:
        self.ledger.started()
        self._rung.set()

    def _on_finished(self, *, playback_position: float, interrupted: bool, **more: Any) -> None:
        self.ledger.finished(self._loop.time(), playback_position, interrupted)
        self._rung.set()
        self._report(playback_position=playback_position, interrupted=interrupted, **more)

    async def _close(self) -> None:
        await self._cancel_waiting()
        await self._context.__aexit__(None, None, None)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, left), return_exceptions=True)
