"""An engine whose pictures are timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..pose import Picture, Presentation
from .protocol import Engine, EngineInfo, Turn, TurnFrame
from .resizing import drawn_at


class TimedEngine:
    """An engine as it is, but for telling how long each picture took.

    Args:
        engine: Closed with this one.
        drew: Told the seconds of each picture, in the thread that draws.
    """

    def __init__(self, engine: Engine, drew: Callable[[float], object]) -> None:
        self.engine = engine
        self._drew = drew
        self.info: EngineInfo = engine.info
        self.open_turn: Callable[[Turn], None] = engine.open_turn
        self.push: Callable[[NDArray[np.int16]], None] = engine.push
        self.end_turn: Callable[[], None] = engine.end_turn
        self.interrupt: Callable[[], None] = engine.interrupt
        self.poll: Callable[[], list[TurnFrame]] = engine.poll
        self.provisional: Callable[[int], TurnFrame | None] = engine.provisional
        self.close: Callable[[], None] = engine.close

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """As the engine draws it."""
        begun = time.perf_counter()
        picture = self.engine.draw(frame, presentation)
        self._drew(time.perf_counter() - begun)
        return picture

    def draw_at(self, size: tuple[int, int], frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The same of another size; made smaller afterwards where the engine cannot."""
        begun = time.perf_counter()
        picture = drawn_at(self.engine, size, frame, presentation)
        self._drew(time.perf_counter() - begun)
        return picture
