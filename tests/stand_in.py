"""A stand-in for bitHuman's runtime: it keeps the SDK's contract as far as that is known, and renders marks.

Each picture says which utterance and which tick of it it shows, so that a test knows what the adapter made of it.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.media import AudioChunk, VideoFrame
from livekit_bithuman.pose import Picture
from livekit_bithuman.testing import Mark, paint_mark

RATE = 16_000


def sdk_error(name: str, message: str, code: str = "", *, base: type[Exception] = Exception) -> Exception:
    """An exception as the SDK raises it: known by its class's name and module, and by its code."""
    kind = type(name, (base,), {"__module__": "bithuman._exceptions", **({"code": code} if code else {})})
    return kind(f"[{code}] {message}" if code else message)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Manner:
    """How a stand-in behaves."""

    fps: int = 25
    size: tuple[int, int] = (96, 64)  # (width, height)
    paced: bool = True  # frames of speech come at fps, not as soon as they are made
    first_chunk: int = 1  # ticks of a turn that must be in before its first frame
    chunk: int = 1  # and before each further batch
    render_s: float = 0.0  # from a turn's first audio to its first frame, at least
    tail: int = 0  # silent frames behind a turn's own
    filler_pictures: bool = True  # between turns there are pictures
    filler_audio: bool = False  # and chunks of silence
    every_other_picture: bool = False  # frames of speech have a picture only every other time
    stragglers: int = 0  # frames of an interrupted turn that come all the same
    indexed: bool = True  # frames of speech have a frame_index
    first_frame: bool = True  # get_first_frame tells
    fails_after: int | None = None  # frames of speech, of all turns; then run() raises
    ends_after: int | None = None  # the same; then run() ends
    error: Exception = field(default_factory=lambda: RuntimeError("the renderer is out of order"))


@dataclass
class _Turn:
    number: int
    begun: float  # when its first audio came
    pcm: bytearray = field(default_factory=bytearray)
    ticks: int = 0  # composed
    ended: bool = False


class StandInRuntime:
    """Duck type of `bithuman.AsyncBithuman`."""

    made: list[StandInRuntime] = []  # noqa: RUF012  # by create(), of all classes; a test clears it

    def __init__(self, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()
        self.settings = SimpleNamespace(FPS=self.manner.fps, INPUT_SAMPLE_RATE=RATE)
        self.transaction_id = str(uuid.uuid4())
        self.thread = threading.get_ident()
        self.calls: list[str] = []  # what was called, in order; pushes of one turn once
        self.pushed: list[bytes] = []
        self.foreign_calls = 0  # from another thread than it was made in
        self._turns: deque[_Turn] = deque()
        self._ready: deque[VideoFrame] = deque()
        self._count = 0  # turns begun
        self._spoken = 0  # frames of speech handed out
        self._painted = 0
        self._wake = asyncio.Event()
        self._stopped = False

    @classmethod
    async def create(cls, *, model_path: str, api_secret: str | None = None, **options: Any) -> StandInRuntime:
        """As the SDK checks its arguments."""
        if not Path(model_path).exists():  # noqa: ASYNC240
            raise sdk_error("ModelNotFoundError", f"no avatar at {model_path}", "model_not_found")
        if not api_secret:
            raise sdk_error("BithumanError", "api_secret is required", "unknown")
        runtime = cls()
        runtime.options = {"model_path": model_path, "api_secret": api_secret, **options}
        StandInRuntime.made.append(runtime)
        return runtime

    options: dict[str, Any] = {}  # noqa: RUF012  # what create() was given

    async def push_audio(self, data: bytes, sample_rate: int, last_chunk: bool = True) -> None:
        self._note("push_audio")
        if len(data) % 2:
            raise ValueError("buffer size must be a multiple of element size")
        self.pushed.append(data)
        turn = self._open()
        turn.pcm += _resampled(np.frombuffer(data, np.int16), sample_rate).tobytes()
        if last_chunk:
            await self.flush()
        self._wake.set()

    async def flush(self) -> None:
        self._note("flush")
        self._open().ended = True
        self._wake.set()

    def interrupt(self) -> None:
        self._note("interrupt")
        stragglers = [frame for frame in self._ready if frame.audio_chunk is not None][: self.manner.stragglers]
        self._turns.clear()
        self._ready = deque(stragglers)
        self._wake.set()

    async def run(self) -> AsyncIterator[VideoFrame]:
        self._note("run")
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._stopped:
            self._compose(loop.time())
            if self._ready and not self.manner.paced:
                await asyncio.sleep(0)
            else:
                due = max(due + 1 / self.manner.fps, loop.time())
                while not self._stopped and (left := due - loop.time()) > 0:
                    self._wake.clear()
                    with _ignored_timeout():
                        await asyncio.wait_for(self._wake.wait(), left)
                    if self._turns and not self.manner.paced:
                        break
                self._compose(loop.time())
            if self._stopped:
                return
            frame = self._ready.popleft() if self._ready else self._filler()
            if frame.audio_chunk is not None and frame.frame_index is not None:
                self._spoken += 1
                if self._spoken - 1 == self.manner.fails_after:
                    raise self.manner.error
                if self._spoken - 1 == self.manner.ends_after:
                    return
            yield frame

    async def stop(self) -> None:
        self._note("stop")
        self._stopped = True
        self._wake.set()

    async def shutdown(self) -> None:
        self._note("shutdown")
        self._stopped = True

    def cleanup(self) -> None:
        self._note("cleanup")
        self._stopped = True

    def get_first_frame(self) -> Picture | None:
        self._note("get_first_frame")
        return self._paint(Mark(0, 0, 0, True)) if self.manner.first_frame else None

    def _note(self, name: str) -> None:
        self.foreign_calls += threading.get_ident() != self.thread
        if not (name == "push_audio" and self.calls and self.calls[-1] == name):
            self.calls.append(name)

    def _open(self) -> _Turn:
        if not self._turns or self._turns[-1].ended:
            self._count += 1
            self._turns.append(_Turn(self._count, asyncio.get_running_loop().time()))
        return self._turns[-1]

    def _compose(self, now: float) -> None:
        """Make the frames that can be made, of the oldest turn."""
        if not self._turns or self._ready:
            return
        turn = self._turns[0]
        if now - turn.begun < self.manner.render_s:
            return
        spt = RATE // self.manner.fps
        whole = len(turn.pcm) // 2 // spt
        needed = self.manner.first_chunk if turn.ticks == 0 else self.manner.chunk
        if turn.ended:
            for _ in range(-(-len(turn.pcm) // 2 // spt)):
                self._ready.append(self._speech(turn, spt))
            for _ in range(self.manner.tail):
                self._ready.append(self._speech(turn, spt))
            if self._ready:
                self._ready[-1].end_of_speech = True
            else:
                self._ready.append(VideoFrame(end_of_speech=True))
            self._turns.popleft()
        elif whole >= needed:
            for _ in range(needed):
                self._ready.append(self._speech(turn, spt))

    def _speech(self, turn: _Turn, samples: int) -> VideoFrame:
        sound = np.zeros(samples, np.int16)
        heard = np.frombuffer(bytes(turn.pcm[: 2 * samples]), np.int16)
        sound[: len(heard)] = heard
        del turn.pcm[: 2 * samples]
        tick, turn.ticks = turn.ticks, turn.ticks + 1
        painted = not (self.manner.every_other_picture and tick % 2)
        image = self._paint(Mark(self._painted, turn.number, tick, False)) if painted else None
        return VideoFrame(image, AudioChunk(sound, RATE, False), tick if self.manner.indexed else None)

    def _filler(self) -> VideoFrame:
        image = self._paint(Mark(self._painted, 0, 0, True)) if self.manner.filler_pictures else None
        sound = np.zeros(RATE // self.manner.fps, np.int16)
        return VideoFrame(image, AudioChunk(sound, RATE, False) if self.manner.filler_audio else None)

    def _paint(self, mark: Mark) -> Picture:
        self._painted += 1
        return paint_mark(mark, self.manner.size)


def _resampled(pcm: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    if rate == RATE or not len(pcm):
        return pcm
    at = np.arange(round(len(pcm) * RATE / rate)) * rate / RATE
    return np.interp(at, np.arange(len(pcm)), pcm).astype(np.int16)


class _ignored_timeout:
    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, asyncio.TimeoutError)
