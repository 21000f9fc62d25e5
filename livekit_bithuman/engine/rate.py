"""Engines that take one sample rate only, for callers whose turns have any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..pose import Picture, Presentation
from ..speech.resample import StreamResampler
from .protocol import Engine, EngineInfo, Turn, TurnFrame

#: Of the resampler, at the lowest rate: what it may add to an engine's look-ahead, in seconds.
_DELAY_S = StreamResampler(8_000, 16_000).lookahead_s
STEPS_PER_SECOND = 10  # a long push is resampled in steps, since the resampler needs memory in proportion


def at_any_rate(engine: Engine) -> Engine:
    """The engine itself if it takes any rate, or else one around it that resamples."""
    return engine if engine.info.input_rate is None else _Resampling(engine, engine.info.input_rate)


class _Resampling:
    """An engine of one rate, with a resampler before it."""

    def __init__(self, engine: Engine, rate: int) -> None:
        self._engine = engine
        self._rate = rate
        self._turn: Turn | None = None  # that is open, as the caller opened it
        self._resampler: StreamResampler | None = None  # of that turn, if its rate is another

    @property
    def info(self) -> EngineInfo:
        """The engine's, but for the rate and what resampling waits for."""
        info = self._engine.info
        return replace(info, input_rate=None, lookahead_s=info.lookahead_s + _DELAY_S)

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn at the engine's own rate."""
        self._engine.open_turn(Turn(turn.id, self._rate))
        self._turn = turn
        self._resampler = None if turn.sample_rate == self._rate else StreamResampler(turn.sample_rate, self._rate)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append samples, resampled."""
        if self._turn is None or self._resampler is None:
            self._engine.push(pcm)
            return
        step = self._turn.sample_rate // STEPS_PER_SECOND
        for start in range(0, len(pcm), step):
            self._engine.push(self._resampler.push(pcm[start : start + step]))

    def end_turn(self) -> None:
        """Push what the resampler holds, and end the turn."""
        if self._resampler is not None:
            self._engine.push(self._resampler.finish())
        self._engine.end_turn()
        self._turn = self._resampler = None

    def interrupt(self) -> None:
        """Forget the turn, and what the resampler holds."""
        self._turn = self._resampler = None
        self._engine.interrupt()

    def poll(self) -> list[TurnFrame]:
        """The engine's frames."""
        return self._engine.poll()

    def provisional(self, index: int) -> TurnFrame | None:
        """The engine's guess."""
        return self._engine.provisional(index)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The engine's picture."""
        return self._engine.draw(frame, presentation)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()
