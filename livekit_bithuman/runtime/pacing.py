"""When the next frame is due. Time is an argument: nothing here reads a clock or sleeps."""

from __future__ import annotations

import math

_ROUNDING = 1e-6  # periods: what sums of floats may be off by


class FramePacer:
    """A schedule of frames at a fixed rate, which gives way when its reader is late.

    Frame k is due at `origin + k / fps`. A reader that took a frame late finds at most `backlog` more of the turn due
    at once, as if a queue of that length had filled while it was away; for more, the whole schedule moves. Fillers
    that nobody came for are dropped.
    """

    def __init__(self, fps: int, backlog: int) -> None:
        """Start unscheduled.

        Args:
            fps: Frames per second.
            backlog: Frames that may be due at once; 0: any number.
        """
        self._fps = fps
        self._backlog = backlog
        self._origin: float | None = None  # when frame 0 of the present schedule was due
        self._index = 0  # the next frame

    def resume(self, now: float) -> None:
        """A reader came (back): its next frame is due now, or later if the last one left less than a period ago."""
        if self._origin is None or self.wait(now) == 0.0:
            self._origin, self._index = now, 0

    def wait(self, now: float) -> float:
        """Seconds until the next frame is due, 0 if it is."""
        return max(0.0, self._due() - now)

    def left(self, now: float) -> None:
        """A frame of a turn left."""
        self._begin(now)
        self._index += 1
        excess = self._behind(now) + 1 - self._backlog
        if self._backlog and excess > 0 and self._origin is not None:
            self._origin += excess / self._fps

    def filler_left(self, now: float) -> None:
        """A filler left; those that are overdue too never will."""
        self._begin(now)
        self._index += 1 + max(0, self._behind(now))

    def _begin(self, now: float) -> None:
        """A schedule counts from when its first frame left, which took a while to draw."""
        if self._index == 0:
            self._origin = now

    def _due(self) -> float:
        if self._origin is None:
            raise RuntimeError("resume() starts the schedule")
        return self._origin + self._index / self._fps

    def _behind(self, now: float) -> int:
        """Whole periods that have passed since the next frame was due; negative while it is not."""
        return math.floor((now - self._due()) * self._fps + _ROUNDING)
