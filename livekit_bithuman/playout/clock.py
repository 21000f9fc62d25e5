"""The audio source's timer as arithmetic.

livekit's native `AudioSource` sends 10 ms of queued audio (or of silence) every 10 ms, on a timer of its own. When a
sample leaves is therefore known without asking: the first block that finds the queue empty leaves at the next tick,
every following one a tick later. All of playout counts in these ticks and turns them into seconds only at its edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Period of the native audio source's timer, in seconds (libwebrtc's unit of audio).
TICK_S = 0.010
#: Share of the firings seen that is taken to be seen in time.
SEEN_WELL = 0.6
#: How much later one observation may move the phase, in seconds.
LATER_S = 0.0005


def tick_among(moments: Sequence[float]) -> float:
    """A moment at which a timer fired, from moments at which firings were seen, some of them late.

    Modulo the period, those that were seen well lie close together. The beginning of the shortest arc that holds most
    of them is taken, so that a late one, the first included, moves nothing, however late it is.

    Args:
        moments: Four or more, in seconds.
    """
    phases = sorted((moment - moments[0]) % TICK_S for moment in moments)
    most = math.ceil(SEEN_WELL * len(phases))
    around = [*phases, *(phase + TICK_S for phase in phases)]
    spans = [around[start + most - 1] - around[start] for start in range(len(phases))]
    return moments[0] + phases[spans.index(min(spans))]


class TickClock:
    """Numbers the ticks of the audio source's timer.

    Args:
        origin: A moment at which the timer was seen to fire, in seconds of the caller's monotonic clock.
    """

    def __init__(self, origin: float) -> None:
        self._origin = origin  # the time of tick 0

    def index(self, now: float) -> int:
        """The newest tick at or before `now`."""
        return math.floor((now - self._origin) / TICK_S + 1e-6)

    def after(self, now: float) -> int:
        """The first tick later than `now`."""
        return self.index(now) + 1

    def time(self, tick: float) -> float:
        """When a tick fires, in seconds, or a moment between two."""
        return self._origin + tick * TICK_S

    def rephase(self, fired: float) -> None:
        """Correct the phase by a moment at which the timer was seen to fire; the numbers stay.

        What is seen of a firing is never early and may be late, by as much as the machine is busy. So a phase earlier
        than the one known is believed at once, a later one only a little at a time: enough to follow a drift.
        """
        error = (fired - self._origin) / TICK_S
        self._origin += min((error - round(error)) * TICK_S, LATER_S)
