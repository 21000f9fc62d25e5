"""Feeds segments to the engine a bounded stretch ahead of the voice, and keeps what comes back.

The engine is not trusted: whatever it raises ends its part in the present segment, never the segment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from ..engine.protocol import Engine, Turn, TurnFrame
from ..engine.rate import at_any_rate
from ..errors import EngineError
from .segment import Segment

logger = logging.getLogger("livekit_bithuman")

#: Slots pushed in one call, so that a long reply that arrives at once never holds the event loop up.
SLOTS_PER_CALL = 4
#: An engine that owes the frames of this many seconds in a row has stalled.
STALL_S = 1.0


class Feeder:
    """The engine's side of playout.

    Args:
        engine: Given one turn per segment, in order.
        rate: Of the segments, in Hz.
        ahead_s: Voice to push beyond what was sent to the room and what the engine needs by its own account.
    """

    def __init__(self, engine: Engine, *, rate: int, ahead_s: float) -> None:
        self._rate = rate
        self._ahead_s = ahead_s
        self._slot = -(-rate // engine.info.fps)
        self._owed = 0  # slots in a row that were shown without their frame though it was due
        self._open: Segment | None = None  # the segment whose turn is open
        self._done = -1  # the newest segment whose turn was ended or given up
        self._fed: dict[int, Segment] = {}  # segments whose frames may still come
        self.steps = 0  # counts what was done to the engine: turns, slots pushed, frames taken, failures
        self.error: Exception | None = None  # what the engine raised, until it was collected
        self._use(engine)

    def feed(self, segments: Iterable[Segment]) -> bool:
        """Push what is due and collect what is ready; True if more is due at once."""
        budget = SLOTS_PER_CALL
        more = False
        try:
            for segment in segments:
                if segment.id <= self._done:
                    continue
                if self._open is None:
                    self._open = self._fed[segment.id] = segment
                    self._engine.open_turn(Turn(segment.id, self._rate))
                    self.steps += 1
                if self._open is not segment:
                    break
                limit = min(segment.captured, segment.sent + self._ahead)
                while segment.fed < limit and budget:
                    stop = min(segment.fed + self._slot, limit)
                    self._engine.push(segment.samples(segment.fed, stop))
                    segment.fed = stop
                    budget -= 1
                    self.steps += 1
                if segment.fed < limit:
                    more = True
                    break
                if not segment.ended or segment.fed < segment.captured:
                    break
                self._engine.end_turn()
                self.steps += 1
                self._done = segment.id
                self._open = None
            for frame in self._engine.poll():
                self._keep(frame)
        except Exception as error:
            self._give_up(error)
        return more

    def frame(self, segment: Segment, slot: int) -> TurnFrame | None:
        """The newest frame for a slot, the engine's guess where it has none yet, or None."""
        exact = segment.frames.get(slot)
        if exact is not None:
            self._owed = 0
            return exact
        try:
            guess = self._guess(segment, slot)
        except Exception as error:
            self._give_up(error)
        else:
            if guess is not None:
                return guess
        past = [index for index in segment.frames if index < slot]
        return segment.frames[max(past)] if past else None

    def ready(self, segment: Segment) -> int | None:
        """The last slot of a segment whose frame is there; None if the engine has all of the segment, or gave up."""
        return None if segment.id <= self._done else max(segment.frames, default=-1)

    def needed_from(self, segment: Segment, sample: int) -> int:
        """`sample`, or the first before it that the engine is still to be given: one that took over may be behind."""
        return min(sample, segment.fed) if segment.id > self._done else sample

    def replace(self, engine: Engine, segments: Iterable[Segment]) -> None:
        """Go on with another engine: it is given every segment from the slot that is shown next."""
        self._use(engine)
        self._open = None
        self._owed = 0
        self._fed.clear()
        for segment in segments:
            segment.feed_again()
            self._done = min(self._done, segment.id - 1)

    def forget(self) -> None:
        """Drop every segment: an interruption."""
        self._open = None
        self._owed = 0
        self._fed.clear()
        try:
            self._engine.interrupt()
        except Exception as error:
            self.error = error

    def release(self, segment: Segment) -> None:
        """A segment is over and its pictures are shown."""
        self._fed.pop(segment.id, None)

    def _use(self, engine: Engine) -> None:
        self._engine = engine = at_any_rate(engine)
        self._latency = round((engine.info.lookahead_s + engine.info.first_frame_s) * self._rate)  # it may be behind
        self._ahead = round(self._ahead_s * self._rate) + self._latency  # samples

    def _keep(self, frame: TurnFrame) -> None:
        segment = self._fed.get(frame.turn)
        if segment is None:
            return
        placed = _placed(frame, segment)
        if placed.index > max(segment.frames, default=-1):
            self._owed = 0  # it may be late, but it has not stalled
        segment.frames[placed.index] = placed
        self.steps += 1
        past = sorted(index for index in segment.frames if index < segment.next_slot)
        for index in past[:-1]:  # the newest is shown while none for a later slot has come
            del segment.frames[index]

    def _guess(self, segment: Segment, slot: int) -> TurnFrame | None:
        """The engine's stand-in for a frame that it has not made yet.

        Raises:
            EngineError: It owes frames for too long.
        """
        if segment.id in self._fed and segment.fed >= segment.slot_start(slot + 1) + self._latency:
            self._owed += 1
            if self._owed > STALL_S * self._engine.info.fps:
                raise EngineError(f"The engine has returned no frame for {STALL_S:g} s of voice that it was given.")
        if segment is not self._open or slot < segment.fed_from:
            return None
        guess = self._engine.provisional(slot - segment.fed_from)
        return None if guess is None else _placed(guess, segment)

    def _give_up(self, error: Exception) -> None:
        """Go on without the engine until the next segment."""
        self.steps += 1
        self.error = error
        self._owed = 0
        self._fed.clear()
        if self._open is not None:
            self._done = self._open.id
            self._open = None
        try:
            self._engine.interrupt()
        except Exception:
            logger.debug("the engine failed again when it was interrupted", exc_info=True)


def _placed(frame: TurnFrame, segment: Segment) -> TurnFrame:
    """A frame with its slot in the segment, which is not its index if the engine came in mid-segment."""
    return frame if not segment.fed_from else replace(frame, index=frame.index + segment.fed_from)
