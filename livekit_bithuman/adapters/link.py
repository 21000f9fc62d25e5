"""A runtime's side of the adapter: everything that is done to it, on the event loop that it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from ..errors import EngineError
from .explain import explained
from .runtime import Runtime, RuntimeFrame
from .utterances import Utterance

logger = logging.getLogger("livekit_bithuman")

#: Before `run()` is tried again after it failed, doubled each time up to the longest.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
#: What closes a runtime is not waited for any longer than this, each.
CLOSE_S = 3.0


class RuntimeLink:
    """Gives a runtime its audio, in order, and takes its frames.

    `give`, `end` and `interrupt` may be called from any thread; they return at once. The rest runs on the loop.

    Args:
        runtime: Belongs to `loop`.
        loop: Where it was made.
        rate: Hz, of the audio that it is given.
        again: Whether `run()` is tried again after it ended or raised.
        secret: Left out of errors.
        on_frame: Called on the loop with each frame.
        on_failure: Called on the loop with what ended `run()`.
    """

    def __init__(
        self,
        runtime: Runtime,
        loop: asyncio.AbstractEventLoop,
        *,
        rate: int,
        again: bool,
        secret: str | None,
        on_frame: Callable[[RuntimeFrame], None],
        on_failure: Callable[[EngineError], None],
    ) -> None:
        self._runtime = runtime
        self.loop = loop
        self._rate = rate
        self._again = again
        self._secret = secret
        self._on_frame = on_frame
        self._on_failure = on_failure
        # bounded by the caller, which gives a second or two more than was heard
        self._given: asyncio.Queue[tuple[Utterance, bytes | None]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: asyncio.Task[None] | None = None
        self._frames = 0  # of the present run()

    def start(self) -> None:
        """Begin. On the loop."""
        self._tasks = [
            self.loop.create_task(self._take_frames(), name="avatar runtime frames"),
            self.loop.create_task(self._give_audio(), name="avatar runtime audio"),
        ]

    def give(self, utterance: Utterance, pcm: bytes) -> None:
        """Push int16 mono PCM of a turn."""
        self._call(self._given.put_nowait, (utterance, pcm))

    def end(self, utterance: Utterance) -> None:
        """Flush: a turn has all its audio."""
        self._call(self._given.put_nowait, (utterance, None))

    def interrupt(self) -> None:
        """Drop what the runtime was given, once the turns are marked as dropped."""
        self._call(self._interrupt)

    def close(self, *teardown: str) -> asyncio.Task[None]:
        """Stop taking frames, then call the runtime's methods of these names. On the loop; idempotent."""
        if self._closing is None:
            self._closing = self.loop.create_task(self._close(teardown), name="avatar runtime close")
        return self._closing

    def first_picture(self) -> Any:
        """The runtime's resting picture, if it can tell. On the loop: bitHuman's blocks it for a second at most."""
        ask = getattr(self._runtime, "get_first_frame", None)
        return None if ask is None else ask()

    def _call(self, call: Callable[..., object], *args: object) -> None:
        try:
            self.loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            logger.debug("the runtime's event loop is closed", exc_info=True)

    async def _take_frames(self) -> None:
        wait = FIRST_WAIT_S
        while True:
            self._frames = 0
            try:
                await self._iterate()
                if self._closing is None:
                    self._on_failure(EngineError("The avatar's runtime ended its frames. Make a new runtime."))
            except Exception as raised:
                self._fail("failed", raised)
            if not self._again or self._closing is not None:
                return
            self._interrupt()
            if self._frames:
                wait = FIRST_WAIT_S
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    async def _iterate(self) -> None:
        """Take frames until the runtime ends them."""
        stream = self._runtime.run()
        try:
            async for frame in stream:
                if self._closing is not None:
                    return  # the cancellation was swallowed on its way, as asyncio.wait_for did until Python 3.12
                self._frames += 1
                self._on_frame(frame)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def _give_audio(self) -> None:
        while self._closing is None:
            utterance, pcm = await self._given.get()
            if utterance.dropped:
                continue
            try:
                if pcm is None:
                    await self._runtime.flush()
                else:
                    utterance.reached = True
                    await self._runtime.push_audio(pcm, self._rate, last_chunk=False)
            except Exception as raised:
                self._fail("took no audio", raised)
            if utterance.dropped:
                self._interrupt()  # it was interrupted meanwhile, and this may have landed behind the interruption

    def _interrupt(self) -> None:
        try:
            self._runtime.interrupt()
        except Exception as raised:
            self._fail("could not be interrupted", raised)

    def _fail(self, how: str, cause: Exception) -> None:
        named = explained(cause, secret=self._secret)
        error = EngineError(f"The avatar's runtime {how}. {named}")
        error.__cause__ = named if self._secret and self._secret in str(cause) else cause
        self._on_failure(error)

    async def _close(self, teardown: tuple[str, ...]) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for name in teardown:
            method = getattr(self._runtime, name, None)
            if method is None:
                continue
            try:
                result = method()
                if asyncio.iscoroutine(result):
                    await asyncio.wait_for(result, CLOSE_S)
            except Exception:
                logger.warning("the avatar's runtime did not %s in good order", name, exc_info=True)
