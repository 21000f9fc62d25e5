"""When an avatar is called again that did not come. Time is an argument, in seconds of any one clock."""

from __future__ import annotations

#: After so long at first, twice as long each time, and no longer than the last.
CALL_AGAIN_S, CALL_AGAIN_AT_MOST_S = 3.0, 60.0


class Redial:
    """Calls ever less often while nobody answers, and soon where it was the agent that could not be reached.

    Attributes:
        at: When it is to be looked at again; infinity: there is nothing to do.
    """

    def __init__(self) -> None:
        self.at = float("inf")
        self._wait = CALL_AGAIN_S

    def answered(self) -> None:
        """An avatar speaks."""
        self.at, self._wait = float("inf"), CALL_AGAIN_S

    def unanswered(self, now: float) -> None:
        """Nobody came."""
        if self.at == float("inf"):
            self.at = now + self._wait

    def put_off(self, now: float) -> None:
        """Somebody is on the way, or is there and waits for the end of the reply."""
        if now >= self.at:
            self.at = now + self._wait

    def cut_off(self, now: float) -> None:
        """The agent itself is not in its room: what went unanswered until then says nothing of workers."""
        if self.at < float("inf"):
            self.at, self._wait = now + CALL_AGAIN_S, CALL_AGAIN_S

    def is_due(self, now: float) -> bool:
        """Whether to call now; then the next call is that much later."""
        if now < self.at:
            return False
        self._wait = min(CALL_AGAIN_AT_MOST_S, 2 * self._wait)
        self.at = now + self._wait
        return True
