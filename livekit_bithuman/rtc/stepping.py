"""What an avatar gives up when its machine is short of time, in which order, and when it takes it back.

    FULL     all of it
    CALM     at rest every second picture
    SMALL    and sides of three quarters
    SMALLER  and sides of a half
    HALF     and in speech every second picture too

Each picture tells how long it was drawn, in the thread that draws: that grows when the machine, the interpreter or the
engine is short of time, before the first picture is late. A picture is *tight* if it took most of the time that there
is for one, or if others before it were never drawn. Several tight ones of the last second are pressure; a stall of the
event loop, however long, is one. It is *easy* if it would leave half the time even with what a step up costs. Steps up
wait until nearly all are easy for a while, and longer each time that the step before had to be taken back.

Time is an argument, in seconds of any one clock.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum

#: Of the time for one picture: more is tight, and less is easy.
TIGHT, EASY = 0.8, 0.5
#: Pictures that are looked back on; so many tight ones are pressure, and with fewer than so many nothing is decided.
WINDOW, PRESSURE, FEWEST = 25, 8, 10
#: Share of them that is easy where a step up may be taken.
CALM_SHARE = 0.9
#: An avatar that begins finds everything cold.
COLD_S = 2.0
#: Wait before a step up, doubled by each that had to be taken back within so long, up to the longest.
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 80.0


class Step(IntEnum):
    """What is given up; each has all that those before it have."""

    FULL = 0
    CALM = 1
    SMALL = 2
    SMALLER = 3
    HALF = 4

    @property
    def told(self) -> str:
        """For the log."""
        return _TOLD[self]

    @property
    def share(self) -> float:
        """Of the pictures' sides."""
        return 1.0 if self < Step.SMALL else 0.75 if self is Step.SMALL else 0.5

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Of (width, height) in pixels what is left, both even as video encoders want them; nothing of what is tiny."""
        if self.share == 1.0 or min(size) * self.share < LEAST_SIDE:
            return size
        width, height = (2 * round(side * self.share / 2) for side in size)
        return width, height

    def shows(self, index: int, *, speech: bool) -> bool:
        """Whether a picture is drawn: the slot's of a segment, or the resting one of that number."""
        return index % 2 == 0 or self < (Step.HALF if speech else Step.CALM)


#: Pictures are not made smaller than this, in pixels.
LEAST_SIDE = 128
_TOLD = {
    Step.FULL: "as they should be",
    Step.CALM: "half as many at rest",
    Step.SMALL: "three quarters as wide, half as many at rest",
    Step.SMALLER: "half as wide, half as many at rest",
    Step.HALF: "half as wide, and half as many",
}
#: What a picture costs to draw and to encode, of what one at full size does: `bench.scale --size` 512, 384 and 256.
_COSTS = {Step.FULL: 1.0, Step.CALM: 1.0, Step.SMALL: 0.70, Step.SMALLER: 0.48, Step.HALF: 0.48}


class Stepper:
    """Decides on one avatar's step.

    Args:
        fps: Pictures per second as they should be.
        now: The time.
        lowest: Nothing beyond this is given up; `Step.FULL`: nothing at all.
    """

    def __init__(self, fps: int, now: float, lowest: Step = Step.HALF) -> None:
        self.step = Step.FULL
        self.downs = 0  # steps down so far
        self._lowest = lowest
        self._slot_s = 1.0 / fps
        self._seen: deque[tuple[bool, bool]] = deque(maxlen=WINDOW)  # (tight, easy) of the last pictures
        self._cold_until = now + COLD_S
        self._easy_since: float | None = None  # nearly all pictures are easy
        self._wait_s = FIRST_WAIT_S  # before the next step up
        self._went_up_at: float | None = None  # and it may have been wrong

    def drawn(self, seconds: float, now: float, *, skipped: bool, speech: bool) -> bool:
        """A picture was drawn; whether that changed the step.

        Args:
            seconds: That it took, in the thread that draws.
            now: The time.
            skipped: Pictures before it were never drawn, because they were overdue.
            speech: It is a segment's.
        """
        if now < self._cold_until:
            return False
        there_is = self._slot_s if self.step.shows(1, speech=speech) else 2 * self._slot_s
        after_up = seconds * _COSTS[Step(max(0, self.step - 1))] / _COSTS[self.step]
        tight, easy = seconds > TIGHT * there_is, after_up < EASY * self._slot_s
        self._seen.append((skipped or tight, not skipped and easy))
        if len(self._seen) < FEWEST:
            return False
        if sum(tight for tight, _ in self._seen) >= PRESSURE:
            return self._down(now)
        if sum(easy for _, easy in self._seen) < CALM_SHARE * len(self._seen):
            self._easy_since = None
            return False
        return self._up(now)

    def restart(self, now: float) -> None:
        """Another engine draws: what was seen says nothing of it, and it finds everything cold."""
        self._go(self.step)
        self._cold_until = now + COLD_S

    def _down(self, now: float) -> bool:
        if self._went_up_at is not None:
            self._wait_s = min(LONGEST_WAIT_S, 2 * self._wait_s)  # it was too early
            self._went_up_at = None
        if self.step >= self._lowest:
            self._easy_since = None
            return False
        self.downs += 1
        self._go(Step(self.step + 1))
        return True

    def _up(self, now: float) -> bool:
        if self._went_up_at is not None and now - self._went_up_at > 2 * self._wait_s:
            self._wait_s, self._went_up_at = FIRST_WAIT_S, None  # it was right
        if self._easy_since is None:
            self._easy_since = now
        if self.step is Step.FULL or now - self._easy_since < self._wait_s:
            return False
        self._go(Step(self.step - 1))
        self._went_up_at = now
        return True

    def _go(self, step: Step) -> None:
        self.step = step
        self._easy_since = None
        self._seen.clear()
