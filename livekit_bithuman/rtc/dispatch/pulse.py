"""Whether an avatar that says how far it is still does. Time is an argument, in seconds of any one clock."""

from __future__ import annotations

import json
from dataclasses import dataclass

#: A speaking avatar tells its progress every 40 ms. One that has not for so long is lost: three words in a row.
PATIENCE_S = 0.15
#: The first word on a reply follows the first voice by a round trip.
FIRST_WORD_S = 0.25
#: A reply that comes all at once keeps agent and avatar busy with taking it: so late its words may be, for so long.
OPENING_PATIENCE_S, OPENING_S = 0.5, 1.0
#: An avatar that has nothing to say tells it every half second.
IDLE_PATIENCE_S = 2.0
#: Where words come unevenly, one is waited for twice as long as the longest wait of late; half as long counts again
#: after five seconds of words.
UNEVEN, FORGOTTEN = 2.0, 0.995
#: Who takes a living avatar for dead is more patient next time. No patience is greater than this.
MOST_PATIENCE_S = 1.0
#: Where this process itself did not run, words may be waiting that it has not seen.
STALLED_S, CATCH_UP_S = 0.02, 0.03

MAX_BYTES = 512


@dataclass(frozen=True)
class Progress:
    """One word of an avatar.

    Attributes:
        call: That it answers.
        segment: Of the voice it was sent, as the stream named it; None: it has none to play.
        heard: Samples of that which left its source.
        leaving: It is to go, after the present reply.
    """

    call: str
    segment: str | None
    heard: int
    leaving: bool

    @classmethod
    def read(cls, data: bytes) -> Progress | None:
        """What a data packet says; None if it says nothing of the kind."""
        if len(data) > MAX_BYTES:
            return None
        try:
            told = json.loads(data)
            call, segment, heard, leaving = (told[name] for name in ("call", "segment", "heard", "leaving"))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        heard = 0 if heard is None else heard
        if not isinstance(call, str) or not isinstance(leaving, bool) or not isinstance(heard, int) or heard < 0:
            return None
        if segment is not None and not isinstance(segment, str):
            return None
        return cls(call, segment, heard, leaving)


class Pulse:
    """Waits for one avatar's words, for as long as it is due to speak and a little longer.

    An avatar that never said a word, as one with livekit-agents' own receiver, is not waited for.
    """

    def __init__(self) -> None:
        self._least_patience = PATIENCE_S
        self._longest = 0.0  # between two words, of late
        self._last: float | None = None  # its last word
        self._speaking = False
        self._since = 0.0  # when it began to
        self._expected = float("inf")  # when somebody was to look

    def begin(self) -> None:
        """Another avatar is listened to."""
        self._last, self._speaking, self._longest = None, False, 0.0

    def beat(self, now: float) -> bool:
        """A word came; whether it is the avatar's first, from which on it can be lost."""
        first = self._last is None
        if self._last is not None and self._speaking and not self._is_opening:
            self._longest = max(now - self._last, FORGOTTEN * self._longest)
        self._last = now
        return first

    def was_wrong(self) -> None:
        """An avatar that was given up gave a sign of life."""
        self._least_patience = min(MOST_PATIENCE_S, 2 * self._least_patience)

    def lost_at(self, now: float, speaking: bool) -> float | None:
        """When the avatar is lost unless a word comes before; None: it never spoke, and is not waited for.

        Args:
            now: The time.
            speaking: It has voice to play.
        """
        if speaking and not self._speaking:
            self._since = now
        self._speaking = speaking
        if self._last is None:
            return None
        late = now - self._expected
        if not speaking:
            lost_at = self._last + IDLE_PATIENCE_S
        else:
            patience = max(self._patience, OPENING_PATIENCE_S) if self._is_opening else self._patience
            lost_at = max(self._last + patience, self._since + FIRST_WORD_S)
        if lost_at <= now and late > STALLED_S:
            lost_at = now + CATCH_UP_S
        self._expected = lost_at
        return lost_at

    @property
    def _is_opening(self) -> bool:
        """Whether the last word came in the first moments of a reply."""
        return self._last is not None and self._last < self._since + OPENING_S

    @property
    def _patience(self) -> float:
        return min(MOST_PATIENCE_S, max(self._least_patience, UNEVEN * self._longest))
