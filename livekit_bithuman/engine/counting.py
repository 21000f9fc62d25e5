"""An engine without a face: it counts samples and answers with the frames that they make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidStateError
from ..pose import Picture, Presentation
from .protocol import EngineInfo, Turn, TurnFrame


class CountingEngine:
    """Frames as soon as their samples and the look-ahead are there; black pictures.

    It stands in where timing alone matters, and is what engines for tests are made of.

    Args:
        info: As it describes itself; frames wait for `lookahead_s` of audio.
    """

    def __init__(self, info: EngineInfo) -> None:
        self._info = info
        self._turn: Turn | None = None
        self._pushed = 0  # samples of the open turn
        self._made = 0  # frames of the open turn
        self._ready: list[TurnFrame] = []
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        """Constant."""
        return self._info

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn."""
        if self._closed:
            raise InvalidStateError("The engine is closed: make a new one.")
        if self._turn is not None:
            raise InvalidStateError("The turn before is open: end or interrupt it first.")
        self._turn, self._pushed, self._made = turn, 0, 0

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Count samples."""
        turn = self._opened()
        self._pushed += len(pcm)
        # one sample is held back: a frame that ends with the turn is its last, and has to say so
        seen = self._pushed - max(1, round(self._info.lookahead_s * turn.sample_rate))
        self._make(max(0, seen) * self._info.fps // turn.sample_rate, ended=False)

    def end_turn(self) -> None:
        """Make the frames that are left."""
        turn = self._opened()
        self._make(max(1, -(-self._pushed * self._info.fps // turn.sample_rate)), ended=True)
        self._turn = None

    def interrupt(self) -> None:
        """Forget the turn."""
        self._turn = None
        self._ready.clear()

    def poll(self) -> list[TurnFrame]:
        """Frames made since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def provisional(self, index: int) -> TurnFrame | None:
        """The frame itself: it depends on nothing but its index. None when no turn is open."""
        return None if self._turn is None else TurnFrame(self._turn.id, index)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """A black picture."""
        width, height = self._info.size
        return np.zeros((height, width, 3), np.uint8)

    def close(self) -> None:
        """Forget the turn and take no more."""
        self._turn = None
        self._ready.clear()
        self._closed = True

    def _opened(self) -> Turn:
        if self._turn is None:
            raise InvalidStateError("No turn is open: call open_turn() first.")
        return self._turn

    def _make(self, count: int, *, ended: bool) -> None:
        turn = self._opened()
        for index in range(self._made, count):
            self._ready.append(TurnFrame(turn.id, index, last=ended and index == count - 1))
        self._made = max(self._made, count)
