"""The output side: the iterator that `run()` returns, and what outlives it.

A frame is drawn in the worker while the reader is still busy with the one before, waits here until it is due, and
only then leaves. So a cancelled read loses nothing, and an interruption reaches a frame until the last moment.
Nothing runs unless somebody reads: a runtime whose iterator was left holds at most one frame.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from enum import IntEnum
from typing import Any

from ..errors import EngineError, InvalidStateError
from ..media import VideoFrame
from .composer import Composed, Composer
from .intake import Intake
from .pacing import FramePacer

CLOSE_S = 5.0  # how long a stopping runtime waits for the worker's last frame


class FrameSource:
    """A runtime's frames in order, each when it is due. One reader at a time."""

    def __init__(
        self,
        intake: Intake,
        worker: Executor,
        backlog: int,
        filler_images: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without an avatar.

        Args:
            intake: Says which generation is the present one.
            worker: Where frames are made; one thread.
            backlog: See `FramePacer`.
            filler_images: Draw the resting avatar on fillers.
            clock: Seconds, monotonic.
        """
        self.clock = clock
        self._intake = intake
        self._worker = worker
        self._backlog = backlog
        self._filler_images = filler_images
        self._loaded: tuple[Composer, FramePacer] | None = None  # None while no avatar is loaded
        self._work: asyncio.Future[Composed | None] | None = None  # what the worker is making
        self._composed: Composed | None = None  # the next frame, waiting until it is due
        self._tick = 0  # slots since the last turn began, or since the start
        self._silent = 0  # fillers among them
        self._reader: FrameStream | None = None  # who read last
        self._ended: asyncio.Future[None] | None = None  # done at the end; made by the first reader, in its loop
        self._closed = False

    def load(self, composer: Composer) -> None:
        """Draw all further frames by `composer`."""
        self._loaded = composer, FramePacer(composer.engine.info.fps, self._backlog)

    def end(self) -> None:
        """Every read, a waiting one too, ends the iteration from now on."""
        self._closed = True
        self._composed = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def settle(self) -> None:
        """Wait until the worker is done with its frame, but not for ever."""
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=CLOSE_S)

    def admit(self, reader: FrameStream) -> None:
        """Make `reader` the one that reads.

        Raises:
            StopAsyncIteration: The runtime stopped.
            InvalidStateError: Another one is waiting for a frame, or no avatar is loaded.
        """
        _, pacer = self._drawn_by()
        if self._reader is not None:
            self._reader.retire()
        self._reader = reader
        pacer.resume(self.clock())

    async def next_frame(self) -> VideoFrame:
        """The next frame, when it is due.

        Raises:
            StopAsyncIteration: The runtime stopped.
            EngineError: The engine failed; what was pushed so far is dropped.
        """
        composer, pacer = self._drawn_by()
        composed = await self._compose(composer)
        await self._wait(None, pacer.wait(self.clock()))
        if composed is None or composed.generation != self._intake.generation:
            composed = await self._compose(composer)  # speech may have come or gone in the meantime
        if composed is None:
            return await self._filler(composer, pacer)
        self._composed = None
        self._tick, self._silent = (composed.frame.frame_index or 0) + 1, 0
        pacer.left(self.clock())
        self._start(composer)
        return composed.frame

    def _drawn_by(self) -> tuple[Composer, FramePacer]:
        if self._closed:
            raise StopAsyncIteration
        if self._loaded is None:
            raise InvalidStateError("The runtime has no avatar yet. Make it by create(), or call set_model() first.")
        return self._loaded

    async def _compose(self, composer: Composer) -> Composed | None:
        """The frame of a turn that leaves next, drawn; None if the input gives none."""
        while True:
            if self._composed is not None and self._composed.generation == self._intake.generation:
                return self._composed
            work = self._work or self._start(composer)
            await self._wait(work)
            self._work = None
            try:
                self._composed = work.result()
            except Exception as exc:
                self._intake.interrupt()
                raise _engine_error(exc) from exc
            if self._composed is None:
                return None

    async def _filler(self, composer: Composer, pacer: FramePacer) -> VideoFrame:
        frame = VideoFrame()
        if self._filler_images:
            loop = asyncio.get_running_loop()
            drawing = loop.run_in_executor(self._worker, composer.resting_picture, self._tick, self._silent)
            await self._wait(drawing)
            frame.bgr_image = drawing.result()
        self._tick += 1
        self._silent += 1
        pacer.filler_left(self.clock())
        return frame

    def _start(self, composer: Composer) -> asyncio.Future[Composed | None]:
        """Let the worker make the next frame."""
        self._work = asyncio.get_running_loop().run_in_executor(self._worker, composer.next_frame)
        self._work.add_done_callback(_mark_retrieved)
        return self._work

    async def _wait(self, work: asyncio.Future[Any] | None, timeout: float | None = None) -> None:
        """Wait for `work`, or for `timeout` seconds.

        Raises:
            StopAsyncIteration: The runtime stopped meanwhile.
        """
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        if not self._closed:
            waited = {self._ended} if work is None else {self._ended, work}
            await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._closed:
            raise StopAsyncIteration


class _Reading(IntEnum):
    """What a `FrameStream` is doing."""

    NEW = 0  # never read
    OPEN = 1  # read, and free to read on
    WAITING = 2  # a read is waiting for its frame
    REPLACED = 3  # another iterator has taken over
    CLOSED = 4  # by aclose(), or after an error


class FrameStream(AsyncIterator[VideoFrame]):
    """What `AsyncBithuman.run()` returns. Leaving it needs no care: the next one goes on with the next frame."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._state = _Reading.NEW

    async def __anext__(self) -> VideoFrame:
        """The next frame, when it is due.

        Raises:
            StopAsyncIteration: The runtime stopped, or the iterator was closed.
            InvalidStateError: Another iterator of the runtime is being read.
            EngineError: The engine failed.
        """
        if self._state is _Reading.CLOSED:
            raise StopAsyncIteration
        if self._state is _Reading.WAITING:
            raise _two_readers()
        if self._state is _Reading.REPLACED:
            raise InvalidStateError("Another run() of this runtime is being read. Read one iterator at a time.")
        if self._state is _Reading.NEW:
            self._source.admit(self)
        self._state = _Reading.WAITING
        try:
            frame = await self._source.next_frame()
        except Exception:
            self._state = _Reading.CLOSED
            raise
        finally:
            if self._state is _Reading.WAITING:
                self._state = _Reading.OPEN
        return frame

    def retire(self) -> None:
        """Give way to another iterator.

        Raises:
            InvalidStateError: A read is waiting for its frame.
        """
        if self._state is _Reading.WAITING:
            raise _two_readers()
        if self._state is not _Reading.CLOSED:
            self._state = _Reading.REPLACED

    async def aclose(self) -> None:
        """End this iteration. The runtime goes on. Idempotent."""
        self._state = _Reading.CLOSED


def _two_readers() -> InvalidStateError:
    return InvalidStateError("A frame of this runtime is being waited for already. Read one run() at a time.")


def _engine_error(cause: BaseException) -> EngineError:
    return EngineError(
        f"The engine failed while it made a frame ({type(cause).__name__}: {cause}), and what was pushed is dropped. "
        "Call run() again to go on with what you push next; if it fails again, make a new runtime."
    )


def _mark_retrieved(work: asyncio.Future[Any]) -> None:
    """An error of a frame that nobody waits for any more is not worth the event loop's complaint."""
    if not work.cancelled():
        work.exception()
