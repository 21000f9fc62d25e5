"""Makes an avatar's engine anew after it failed, with growing waits, and says so once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..engine.protocol import Engine
from .opening import close, opened

logger = logging.getLogger("livekit_bithuman")

#: Wait before an engine is made anew, doubled by every failure up to the longest, and reset by a good minute.
FIRST_WAIT_S, LONGEST_WAIT_S, GOOD_S = 0.25, 30.0, 60.0


class Reviver:
    """Stands by while an engine works.

    Args:
        make_engine: Makes another engine, in a worker thread; None: the one that failed is tried again as it is.
        install: Puts it in place, with what makes the next.
        tell: Told of the first failure in a row with its error, and with None when a picture was drawn again.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine] | None,
        install: Callable[[Engine, Callable[[], Engine]], None],
        tell: Callable[[Exception | None], None],
    ) -> None:
        self.make_engine = make_engine
        self._install = install
        self._tell = tell
        self._making: asyncio.Task[None] | None = None
        self._wait_s = FIRST_WAIT_S  # before the next attempt
        self._failed_at = -GOOD_S  # seconds of the loop's clock
        self._failing = False  # the failure was said, the recovery not yet
        self._in_draw = False  # of the newest failure: the engine could not even draw the avatar at rest
        self.failures = 0  # in a row count as one
        self.restarts = 0  # engines made anew

    def failed(self, error: Exception, *, in_draw: bool) -> None:
        """The engine raised, stalled, or returned what it should not, when it was fed or when it drew."""
        first, self._failing = not self._failing, True
        self._in_draw = in_draw
        now = asyncio.get_running_loop().time()
        if now - self._failed_at > GOOD_S:
            self._wait_s = FIRST_WAIT_S
        self._failed_at = now
        if self.make_engine is not None and not self._at_work:
            self._making = asyncio.create_task(self._make_anew(self.make_engine), name="avatar restart")
        self.failures += first
        if first:
            logger.error("the avatar's engine failed; the voice goes on, the last picture stays", exc_info=error)
            self._tell(error)

    def drew(self, *, speech: bool) -> None:
        """A picture was drawn, of speech or of the avatar at rest."""
        if self._failing and not self._at_work and (speech or self._in_draw):
            self._failing = False
            logger.info("the avatar's face is back")
            self._tell(None)

    def take_over(self, make_engine: Callable[[], Engine] | None) -> None:
        """Another engine was put in place; whoever was being made for the one before is not wanted any more."""
        self.make_engine = make_engine
        self._in_draw = True  # it has not failed: any picture shows that it works
        if self._at_work and self._making is not asyncio.current_task():
            assert self._making is not None
            self._making.cancel()

    async def aclose(self) -> None:
        """Make no more."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)

    @property
    def _at_work(self) -> bool:
        return self._making is not None and not self._making.done()

    async def _make_anew(self, make_engine: Callable[[], Engine]) -> None:
        while True:
            await asyncio.sleep(self._wait_s)
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
            try:
                engine = await opened(make_engine)
                try:
                    self._install(engine, make_engine)
                except BaseException:
                    close(engine)
                    raise
            except Exception:
                logger.warning("the avatar's engine cannot be made anew yet", exc_info=True)
                continue
            self.restarts += 1
            return
