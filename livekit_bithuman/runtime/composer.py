"""The worker's side: takes turns from the intake through the engine, and draws their frames.

Everything here runs in one worker thread, one call at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from ..cues import Cue, Feel
from ..engine.compose import Demeanour, compose
from ..engine.protocol import Engine, TurnFrame
from ..engine.rate import at_any_rate
from ..media import VideoFrame
from ..pose import Picture, Presentation
from ..speech.emphasis import MOST_CHANGE
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
        self._scenes: dict[int, _Scene] = {}  # how the face acts in each of them
        self._resting = demeanour.acting()  # how it acts between turns
        self._rested = 0  # pictures drawn between turns
        self._spoke = False  # since the last of them
        self._emphasis = 0.0  # of the last picture

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
        feeling, cues = self._intake.take_waiting()
        if self._spoke:
            self._spoke = False
            self._resting.take(Feel(feeling.mix, blend_s=0.0), self._rested)
        for cue in cues:
            self._resting.take(cue, self._rested)
        self._emphasis = max(0.0, self._emphasis - MOST_CHANGE / self.engine.info.fps)
        presentation = self._demeanour.resting(tick, silent, self._emphasis, self._resting, self._rested)
        self._rested += 1
        return self.engine.draw(None, presentation)

    def _catch_up(self, generation: int) -> None:
        """Forget what an interruption has made stale."""
        if generation != self._generation:
            self._generation = generation
            self._ready.clear()
            self._messages.clear()
            self._scenes.clear()
            self.engine.interrupt()

    def _feed(self, piece: TurnSlice) -> None:
        if piece.opens:
            self._messages[piece.turn.id] = piece.message_id
            self._scenes[piece.turn.id] = _Scene(self._demeanour, piece)
            self.engine.open_turn(piece.turn)
        self._scenes[piece.turn.id].tell(piece, self.engine.info.fps)
        if len(piece.pcm):
            self.engine.push(piece.pcm)
        if piece.ends:
            self.engine.end_turn()

    def _compose(self, frame: TurnFrame) -> Composed:
        message_id, scene = self._messages.get(frame.turn), self._scenes.get(frame.turn)
        self._spoke = True
        self._emphasis = frame.emphasis
        if frame.last:
            self._messages.pop(frame.turn, None)
            self._scenes.pop(frame.turn, None)
        presentation = self._demeanour.speaking if scene is None else scene.presentation
        return Composed(self._generation, compose(self.engine, presentation, frame, message_id))


class _Scene:
    """How the face acts in one turn: a pure function of the turn's cues and the samples that they came before."""

    def __init__(self, demeanour: Demeanour, first: TurnSlice) -> None:
        self._demeanour = demeanour
        self._acting = demeanour.acting(first.feeling)
        self._waiting: deque[tuple[int, Cue]] = deque()  # with the slot that follows each first

    def tell(self, piece: TurnSlice, fps: int) -> None:
        """Take a slice's cues. Whatever the chunking, they come before the frames of what was pushed after them."""
        for sample, cue in piece.cues:
            self._waiting.append((-(-sample * fps // piece.turn.sample_rate), cue))

    def presentation(self, slot: int, emphasis: float) -> Presentation:
        """Of each slot, in order."""
        while self._waiting and self._waiting[0][0] <= slot:
            self._acting.take(self._waiting.popleft()[1], slot)
        return self._demeanour.speaking(slot, emphasis, self._acting)
