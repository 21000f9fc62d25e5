"""A runtime as an `Engine`: the voice that playout feeds goes in, pictures come back when the runtime has them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.protocol import EngineInfo, Turn, TurnFrame
from ..errors import AudioFormatError, EngineError, InvalidStateError
from ..pose import Picture, Presentation
from ..speech.resample import HIGHEST_RATE, LOWEST_RATE, StreamResampler
from .explain import explained
from .link import RuntimeLink
from .runtime import Runtime, RuntimeFrame, frame_rate, input_rate
from .utterances import Utterances

#: A runtime that shows no picture by then does not work.
FIRST_PICTURE_S = 30.0
#: Fillers without a picture before the runtime is asked for its first one.
PICTURELESS = 10
#: Expression 2 (bitHuman's models of 20 frames a second) begins a turn with a chunk of 21 frames and goes on in chunks
#: of 32, none of which it makes before all of its audio is in.
CHUNKED_FPS, FIRST_CHUNK, CHUNK = 20, 21, 32
#: Other models: audio that is given ahead, and time that a turn's first frame may take.
FIRST_FRAME_S = 0.25
#: `close` waits no longer than this, where it may wait.
CLOSE_WAIT_S = 5.0


class RuntimeEngine:
    """An `Engine` over a runtime that lives on an event loop of its own, or on the caller's.

    The runtime paces itself: its pictures come in real time, and `poll` returns those that have come. It moves by
    itself too, so a `Presentation` has no effect. At rest the newest picture that it made between turns is shown.

    Made by `RuntimeEngine.over`.

    Attributes:
        runtime: What it is made over. Call it on the loop that it belongs to.
    """

    def __init__(
        self,
        runtime: Runtime,
        loop: asyncio.AbstractEventLoop,
        *,
        again: bool,
        teardown: tuple[str, ...],
        secret: str | None = None,
        on_closed: Callable[[], None] | None = None,
    ) -> None:
        self.runtime = runtime
        self._fps = frame_rate(runtime)
        self._rate = input_rate(runtime)
        self._teardown = teardown
        self._on_closed = on_closed
        self._utterances = Utterances(fps=self._fps, rate=self._rate)
        self._ready: list[TurnFrame] = []  # not polled yet; bounded by what is pushed ahead of the voice
        self._lock = threading.Lock()  # guards both, and what follows
        self._rest: Picture | None = None  # the newest picture outside a turn
        self._failure: EngineError | None = None  # until frames come again
        self._pictureless = 0  # frames before the first picture
        self._first_picture: asyncio.Future[None] = loop.create_future()
        self._closed = False
        self._info: EngineInfo | None = None
        self._link = RuntimeLink(
            runtime,
            loop,
            rate=self._rate,
            again=again,
            secret=secret,
            on_frame=self._take,
            on_failure=self._fail,
        )

    @classmethod
    async def over(
        cls,
        runtime: Runtime,
        *,
        again: bool,
        teardown: tuple[str, ...],
        secret: str | None = None,
        on_closed: Callable[[], None] | None = None,
    ) -> RuntimeEngine:
        """An engine over a runtime that belongs to the running loop; returns once there is a picture.

        Args:
            runtime: Closed with the engine, or if this fails.
            again: Try `run()` again after it failed. Otherwise the engine has failed for good.
            teardown: Names of the methods that close the runtime, in order.
            secret: Left out of errors.
            on_closed: Called on the loop when `close` has closed the runtime.

        Raises:
            AvatarError: The runtime failed, or shows no picture; see `explained`.
        """
        loop = asyncio.get_running_loop()
        engine = cls(runtime, loop, again=again, teardown=teardown, secret=secret, on_closed=on_closed)
        engine._link.start()
        try:
            await asyncio.wait_for(asyncio.shield(engine._first_picture), FIRST_PICTURE_S)
        except BaseException as error:
            engine._first_picture.cancel()
            engine._closed = True
            await asyncio.shield(engine._link.close(*teardown))
            if isinstance(error, asyncio.TimeoutError):
                raise EngineError(f"The avatar's runtime has shown no picture within {FIRST_PICTURE_S:g} s.") from None
            raise
        return engine

    @property
    def info(self) -> EngineInfo:
        """Constant."""
        assert self._info is not None, "known from the first picture on"
        return self._info

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn.

        Raises:
            InvalidStateError: A turn is open, or the engine is closed.
            AudioFormatError: The rate is outside 8..192 kHz.
            EngineError: The runtime has failed.
        """
        if self._closed:
            raise InvalidStateError("The engine is closed. Make a new one.")
        if not LOWEST_RATE <= turn.sample_rate <= HIGHEST_RATE:
            raise AudioFormatError(
                f"The sample rate is {turn.sample_rate} Hz. Resample to {LOWEST_RATE} .. {HIGHEST_RATE} Hz first."
            )
        with self._lock:
            self._raise_if_failed()
            self._utterances.open(turn)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append int16 mono samples, shape (n,), to the open turn.

        Raises:
            InvalidStateError: No turn is open.
            EngineError: The runtime has failed.
        """
        with self._lock:
            self._raise_if_failed()
            utterance = self._utterances.opened
            for slot in utterance.push(pcm):
                self._link.give(utterance, slot)

    def end_turn(self) -> None:
        """Close the open turn; its last frames come when the runtime has made them.

        Raises:
            InvalidStateError: No turn is open.
            EngineError: The runtime has failed.
        """
        with self._lock:
            self._raise_if_failed()
            utterance = self._utterances.opened
            for slot in utterance.end():
                self._link.give(utterance, slot)
            self._utterances.close()
            if utterance.given:
                self._link.end(utterance)
            else:
                self._ready.append(TurnFrame(utterance.turn.id, 0, last=True))

    def interrupt(self) -> None:
        """Forget every turn and every frame not polled yet. In any state, any number of times."""
        with self._lock:
            self._utterances.interrupt()
            self._ready.clear()
        self._link.interrupt()

    def poll(self) -> list[TurnFrame]:
        """The frames that came since the last call.

        Raises:
            EngineError: The runtime has failed.
        """
        with self._lock:
            self._raise_if_failed()
            ready, self._ready = self._ready, []
            return ready

    def provisional(self, index: int) -> TurnFrame | None:
        """None, always: a runtime cannot guess. It is noted that the slot was due."""
        with self._lock:
            self._utterances.missed(index)
        return None

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The frame's picture, or the newest one at rest: BGR uint8 of `info.size`.

        Raises:
            EngineError: The runtime has failed.
        """
        shown = None if frame is None else frame.image
        if shown is None:
            with self._lock:
                self._raise_if_failed()
                shown = self._rest
        assert shown is not None, "there is one from the start"
        picture: Picture = shown.copy()
        return picture

    def close(self) -> None:
        """Stop the runtime and let it go. Idempotent.

        Waits until that is done, for some seconds at most; in a thread with an event loop it does not wait.
        """
        self._closed = True
        closed: Future[None] = Future()
        try:
            self._link.loop.call_soon_threadsafe(self._close_on_loop, closed)
        except RuntimeError:
            return  # the loop is closed, and the runtime's tasks went with it
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            wait([closed], CLOSE_WAIT_S)

    # on the runtime's loop

    def _close_on_loop(self, closed: Future[None]) -> None:
        def tell(_: object) -> None:
            closed.set_result(None)
            if self._on_closed is not None:
                self._on_closed()

        self._link.close(*self._teardown).add_done_callback(tell)

    def _take(self, frame: RuntimeFrame) -> None:
        image = None if frame.bgr_image is None else self._fitted(frame.bgr_image)
        with self._lock:
            self._failure = None
            frames, resting = self._utterances.place(frame, image)
            self._ready += frames
            if image is not None and (resting or self._rest is None):
                self._rest = image
        if not self._first_picture.done():
            self._look_for_picture()

    def _look_for_picture(self) -> None:
        """Runtimes without pictures between turns are asked for one, once some frames show that this is one of them."""
        self._pictureless += 1
        if self._rest is None and self._pictureless == PICTURELESS:
            image = self._link.first_picture()
            self._rest = None if image is None else self._fitted(image)
        if self._rest is not None:
            self._first_picture.set_result(None)

    def _fitted(self, image: Any) -> Picture:
        """A picture of the engine's own, of `info.size`, which is that of the first one with even sides."""
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        if self._info is None:
            self._info = self._described((width, height))
        if (width, height) != self._info.size:
            import cv2

            resized: Picture = np.asarray(cv2.resize(image, self._info.size, interpolation=cv2.INTER_AREA), np.uint8)
            return resized
        picture: Picture = np.array(image[:height, :width], np.uint8, order="C")  # theirs may be drawn over
        return picture

    def _described(self, size: tuple[int, int]) -> EngineInfo:
        chunked = self._fps == CHUNKED_FPS
        resampling = StreamResampler(LOWEST_RATE, self._rate).lookahead_s  # of the rate that waits longest
        return EngineInfo(
            fps=self._fps,
            size=size,
            lookahead_s=resampling + (CHUNK / CHUNKED_FPS if chunked else 0.0),
            first_frame_s=FIRST_CHUNK / CHUNKED_FPS if chunked else FIRST_FRAME_S,
            paced=True,
        )

    def _fail(self, error: EngineError) -> None:
        with self._lock:
            self._failure = error
            self._utterances.interrupt()
            self._ready.clear()
        if not self._first_picture.done():
            self._first_picture.set_exception(error if error.__cause__ is None else explained(error.__cause__))

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise EngineError(str(self._failure)) from self._failure
