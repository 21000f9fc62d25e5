"""The worker's side: takes turns from the intake through the engine, and draws their frames.

Everything here runs in one worker thread, one call at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from ..engine.compose import Demeanour, compose
from ..engine.protocol import Engine, TurnFrame
from ..engine.rate import at_any_rate
from ..media import VideoFrame
from ..pose import Picture
from .intake import Intake, TurnSlice

FEED_S = 0.5  # input per engine call: a turn pushed at once must not keep its first frame waiting


@dataclass(frozen=True)
class Composed:
    """A finished frame, and what it belongs to."""

    generation: int
    frame: VideoFrame


class Composer:
    """Makes the next frame whenever it is asked to."""

    def __init__(self, engine: Engine, demeanour: Demeanour, intake: Intake) -> None:
        self.engine = at_any_rate(engine)
        self._demeanour = demeanour
        self._intake = intake
        self._generation = intake.generation  # of what the engine holds
        self._ready: deque[TurnFrame] = deque()  # polled, not drawn
        self._messages: dict[int, Hashable | None] = {}  # message_id of each turn that is not finished

    def next_frame(self) -> Composed | None:
        """The next frame of a turn, drawn; None if the input so far gives none.

        Raises:
            Exception: Whatever the engine raises.
        """
        while True:
            self._catch_up(self._intake.generation)
            self._ready += self.engine.poll()
            if self._ready:
                return self._compose(self._ready.popleft())
            piece = self._intake.take(FEED_S)
            if piece is None:
                return None
            self._catch_up(piece.generation)
            self._feed(piece)

    def resting_picture(self, tick: int, silent: int) -> Picture:
        """The avatar between turns; see `Demeanour.resting`."""
        return self.engine.draw(None, self._demeanour.resting(tick, silent))

    def _catch_up(self, generation: int) -> None:
        """Forget what an interruption has made stale."""
        if generation != self._generation:
            self._generation = generation
            self._ready.clear()
            self._messages.clear()
            self.engine.interrupt()

    def _feed(self, piece: TurnSlice) -> None:
        if piece.opens:
            self._messages[piece.turn.id] = piece.message_id
            self.engine.open_turn(piece.turn)
        if len(piece.pcm):
            self.engine.push(piece.pcm)
        if piece.ends:
            self.engine.end_turn()

    def _compose(self, frame: TurnFrame) -> Composed:
        message_id = self._messages.get(frame.turn)
        if frame.last:
            self._messages.pop(frame.turn, None)
        return Composed(self._generation, compose(self.engine, self._demeanour.speaking, frame, message_id))
