"""An engine for tests: its pictures say which slot of which turn they show, readable after video compression."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.compose import Demeanour
from livekit_bithuman.engine.embedded import frame_count
from livekit_bithuman.engine.protocol import EngineInfo, Turn, TurnFrame
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.runtime import AsyncBithuman

FPS = 25
SIZE = (64, 16)  # (width, height): 16 bands of 4 pixels, one bit each
TURN_BITS, SLOT_BITS = 4, 12


def paint(turn: int, slot: int) -> Picture:
    """A picture of two numbers."""
    code = turn << SLOT_BITS | slot
    bits = [code >> bit & 1 for bit in range(TURN_BITS + SLOT_BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 255, SIZE[0] // len(bits))
    return np.tile(row[None, :, None], (SIZE[1], 1, 3))


def read(picture: NDArray[Any]) -> tuple[int, int]:
    """The numbers of a picture, (turn, slot)."""
    bands = picture.reshape(SIZE[1], TURN_BITS + SLOT_BITS, -1).mean(axis=(0, 2)) > 127
    code = sum(1 << bit for bit, lit in enumerate(bands) if lit)
    return code >> SLOT_BITS, code & (1 << SLOT_BITS) - 1


RESTING = paint(15, 0)


class SlateEngine:
    """Any rate, no look-ahead: a slot's frame is ready when a sample after it is in. Its audio is the turn's own."""

    def __init__(self) -> None:
        self.info = EngineInfo(fps=FPS, size=SIZE)
        self.closed = False
        self.interruptions = 0
        self.fail_at: int | None = None  # the slot whose drawing raises
        self._turn: Turn | None = None
        self._pcm = np.zeros(0, np.int16)  # of the open turn
        self._next = 0  # slot
        self._ready: list[TurnFrame] = []

    def open_turn(self, turn: Turn) -> None:
        assert self._turn is None
        self._turn, self._pcm, self._next = turn, np.zeros(0, np.int16), 0

    def push(self, pcm: NDArray[np.int16]) -> None:
        assert self._turn is not None
        self._pcm = np.concatenate([self._pcm, pcm])
        while len(self._pcm) * FPS > (self._next + 1) * self._turn.sample_rate:
            self._emit(last=False)

    def end_turn(self) -> None:
        assert self._turn is not None
        frames = frame_count(len(self._pcm), self._turn.sample_rate, FPS)
        while self._next < frames:
            self._emit(last=self._next == frames - 1)
        self._turn = None

    def interrupt(self) -> None:
        self.interruptions += 1
        self._turn = None
        self._ready = []

    def poll(self) -> list[TurnFrame]:
        ready, self._ready = self._ready, []
        return ready

    def provisional(self, index: int) -> TurnFrame | None:
        return None

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        if frame is None:
            return paint(*read(RESTING))
        if frame.index == self.fail_at:
            raise ArithmeticError("no such mouth")
        return paint(frame.turn, frame.index)

    def close(self) -> None:
        self.closed = True

    def _emit(self, last: bool) -> None:
        assert self._turn is not None
        slot = self._turn.sample_rate // FPS
        audio = np.zeros(slot, np.int16)
        heard = self._pcm[self._next * slot : (self._next + 1) * slot]
        audio[: len(heard)] = heard
        mouth = np.zeros(15, np.float32)
        mouth[10] = self._next / 100  # "aa": ever wider
        self._ready.append(TurnFrame(self._turn.id, self._next, last=last, mouth=mouth, audio=audio))
        self._next += 1


class SlateRuntime(AsyncBithuman):
    """An `AsyncBithuman` whose avatars are slates, and whose clock is always late, so that it never waits."""

    engine: SlateEngine  # the last one loaded

    def _load(self, model_path: object) -> tuple[SlateEngine, Demeanour, Picture]:
        self._source.clock = itertools.count().__next__  # a second later whenever it is read
        self.engine = SlateEngine()
        return self.engine, Demeanour(0, FPS), RESTING


def upright(slot: int, emphasis: float = 0.0) -> Presentation:
    """A head that does not move."""
    return Presentation()
