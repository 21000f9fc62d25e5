"""Draws an engine's pictures in a worker thread that is not trusted either: it may raise, be late, or never return."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from livekit import rtc

from ..engine.protocol import Engine, TurnFrame
from ..engine.resizing import drawn_at
from ..errors import EngineError
from ..pose import Presentation
from .worker import Worker

#: A picture that takes longer than this to draw is given up, and so is the engine.
TIMEOUT_S = 1.0
#: After each of OpenCV's calls, dozens a picture, the thread has to get the interpreter's lock back, and each of a busy
#: agent's other threads may keep it for this long. Beside one busy thread a picture takes more than five times as long
#: with Python's 5 ms (bench/costs.py).
SWITCH_INTERVAL_S = 0.0005
#: A thread that is stuck cannot be ended; closing does not wait for it any longer than this.
CLOSE_TIMEOUT_S = 1.0


class Painter:
    """One engine's `draw`, one call at a time.

    Args:
        engine: Owned from here on, and closed by `aclose`.
    """

    def __init__(self, engine: Engine) -> None:
        import cv2  # at first use: an agent's start does not wait for it

        self.engine = engine
        self.seconds = 0.0  # that the last picture took, in the thread that draws
        # OpenCV would share each picture out to threads of its own, for more than half as much CPU time again on two
        # cores (bench/costs.py)
        cv2.setNumThreads(1)
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL_S))
        self._worker = Worker("avatar-painter")
        self._drawing: asyncio.Future[rtc.VideoFrame] | None = None  # a call that was given up and has not returned

    async def draw(
        self,
        frame: TurnFrame | None,
        presentation: Presentation,
        timeout: float = TIMEOUT_S,
        size: tuple[int, int] | None = None,
    ) -> rtc.VideoFrame:
        """Draw a turn frame, or the avatar at rest, within `timeout` seconds.

        Args:
            frame: What is seen; None: the avatar at rest.
            presentation: How.
            timeout: Seconds.
            size: (width, height) in pixels; None: the engine's own.

        Raises:
            EngineError: It did not return in time, or has not since; or the picture has another size than it should.
            Exception: Whatever the engine raises.
        """
        if self._drawing is not None and not self._drawing.done():
            raise EngineError("The engine has still not finished the picture that it was given up for.")
        drawing = self._worker.run(self._draw, frame, presentation, size or self.engine.info.size)
        done, _ = await asyncio.wait({drawing}, timeout=timeout)
        if not done:
            self._drawing = drawing
            drawing.add_done_callback(_mark_retrieved)
            raise EngineError(f"The engine has not finished a picture within {timeout:g} s.")
        return drawing.result()

    async def aclose(self) -> None:
        """Close the engine, after what it is drawing."""
        closing = self._worker.run(self.engine.close)
        closing.add_done_callback(_mark_retrieved)
        self._worker.close()
        await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)

    def _draw(self, frame: TurnFrame | None, presentation: Presentation, size: tuple[int, int]) -> rtc.VideoFrame:
        import cv2

        begun = time.perf_counter()
        image = drawn_at(self.engine, size, frame, presentation)
        width, height = size
        if image.shape != (height, width, 3):
            raise EngineError(f"The engine drew a picture of shape {image.shape} instead of {(height, width, 3)}.")
        i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        video = rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, i420.tobytes())
        self.seconds = time.perf_counter() - begun
        return video


def _mark_retrieved(future: asyncio.Future[Any]) -> None:
    """What a call that nobody waits for any more raised is not worth the event loop's complaint."""
    if not future.cancelled():
        future.exception()
