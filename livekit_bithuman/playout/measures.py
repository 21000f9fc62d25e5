"""What is measured of a voice and its pictures where they leave: nothing of what a network or a viewer adds is in it.

Time is an argument, in seconds of the clock that playout is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from .events import Event, Finished, PictureDue, Started

logger = logging.getLogger("livekit_bithuman")

#: Pictures are counted over so long to tell their rate.
RATE_WINDOW_S = 2.0
#: Pictures whose times are kept for that: 60 a second, twice over.
_MOST_KEPT = 240


class Measure(Enum):
    """What is measured again and again, in seconds."""

    PLAYBACK_LATENCY = "from a reply's first voice being taken to its first sample leaving the audio source"
    FRAME_TIME = "from asking for a picture to having it, the way to the drawing thread and back included"
    LOOKAHEAD = "how far the engine's frames reach beyond the picture that is asked for; 0: that one was a guess"
    AV_OFFSET = "how much later than meant a speaking picture was handed to the video source"
    SILENCE = "from being told to stop or pause to the last old sample leaving the audio source"


@dataclass
class Spread:
    """Of figures that are not kept: how many there were, their mean, the least and the most."""

    count: int = 0
    least: float = 0.0
    most: float = 0.0
    _total: float = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value) if self.count else value
        self.count += 1
        self._total += value

    @property
    def mean(self) -> float | None:
        """None if there was none."""
        return self._total / self.count if self.count else None


@dataclass(eq=False)
class Reply:
    """What was measured of one segment. Moments are seconds of playout's clock.

    Attributes:
        segment: As playout counts it.
        opened_at: Its first voice was taken.
        started_at: Its first sample left the audio source; None: none did.
        ended_at: It was over.
        position: Samples that left the audio source.
        interrupted: It was stopped before its end.
        silence_s: From being told to stop to the last of it leaving the audio source; None: it was not audible then.
        pictures: Handed to the video source until it ended; the last one follows its voice.
        skipped: Pictures overdue by more than a frame, never drawn.
        underruns: Times that its voice ran dry.
        spreads: Of what is measured with every picture.
    """

    segment: int
    opened_at: float
    started_at: float | None = None
    ended_at: float | None = None
    position: int = 0
    interrupted: bool = False
    silence_s: float | None = None
    pictures: int = 0
    skipped: int = 0
    underruns: int = 0
    spreads: dict[Measure, Spread] = field(default_factory=dict)
    _before: tuple[int, int] = (0, 0)  # skipped and underruns when it began
    _last: tuple[float, int] | None = None  # when its newest picture was shown, and of which generation
    _intervals: int = 0
    _shown_s: float = 0.0

    @property
    def fps(self) -> float | None:
        """Pictures per second from its first to its last, without pauses; None if there were fewer than two."""
        return self._intervals / self._shown_s if self._shown_s > 0 else None

    def spread(self, measure: Measure) -> Spread:
        """Of something that is measured with every picture."""
        return self.spreads.setdefault(measure, Spread())

    def shown(self, now: float, generation: int) -> None:
        """One of its pictures was handed over."""
        self.pictures += 1
        if self._last is not None and self._last[1] == generation:
            self._intervals += 1
            self._shown_s += now - self._last[0]
        self._last = now, generation

    def began(self, at: float, skipped: int, underruns: int) -> None:
        """Its first sample left; the counts are those of the avatar so far."""
        self.started_at = at
        self._before = skipped, underruns

    def ended(self, event: Finished, now: float, skipped: int, underruns: int) -> None:
        """It is over; the counts are those of the avatar so far."""
        self.ended_at, self.position, self.interrupted = now, event.position, event.interrupted
        if self.started_at is not None:
            self.skipped, self.underruns = skipped - self._before[0], underruns - self._before[1]


class Listener:
    """Told what is measured, in the avatar's event loop. Each method does nothing unless it is overridden."""

    def measured(self, measure: Measure, seconds: float) -> None:
        """A figure."""

    def opened(self, reply: Reply) -> None:
        """A segment's first voice was taken, by the task that runs now."""

    def started(self, reply: Reply) -> None:
        """A segment's first sample has left the audio source."""

    def ended(self, reply: Reply) -> None:
        """A segment is over; the agent is told next."""


class Measures:
    """Of one avatar. What is pending is bounded by the segments that are.

    Attributes:
        listeners: Told in this order; what one raises is logged.
    """

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self._replies: dict[int, Reply] = {}  # that are not over, in order
        self._shown: deque[float] = deque(maxlen=_MOST_KEPT)  # when pictures were handed over

    def opened(self, segment: int, now: float) -> None:
        """A segment's first voice was taken."""
        reply = self._replies[segment] = Reply(segment, now)
        self._each(lambda listener: listener.opened(reply))

    def drew(self, picture: PictureDue, seconds: float, lookahead: float | None) -> None:
        """A picture was drawn.

        Args:
            picture: Which.
            seconds: That it took.
            lookahead: See `Measure.LOOKAHEAD`; None: the engine has all of the segment, or there is none.
        """
        self._measure(Measure.FRAME_TIME, seconds, picture.segment)
        if lookahead is not None:
            self._measure(Measure.LOOKAHEAD, lookahead, picture.segment)

    def shown(self, picture: PictureDue, now: float) -> None:
        """A picture was handed to the video source."""
        self._shown.append(now)
        if picture.segment is None:
            return
        self._measure(Measure.AV_OFFSET, now - picture.due, picture.segment)
        reply = self._replies.get(picture.segment)
        if reply is not None:
            reply.shown(now, picture.generation)

    def stopped(self, asked: float, silent: float) -> None:
        """The voice was told to stop or pause at one moment, and the last of it leaves at the other."""
        reply = next(iter(self._replies.values()), None)
        if reply is None or reply.started_at is None or silent <= asked:
            return
        reply.silence_s = silent - asked
        self._tell(Measure.SILENCE, reply.silence_s)

    def happened(self, event: Event, now: float, skipped: int, underruns: int) -> None:
        """Playout reports something; the counts are its own so far."""
        if isinstance(event, Started) and event.segment in self._replies:
            reply = self._replies[event.segment]
            reply.began(event.at, skipped, underruns)
            self._tell(Measure.PLAYBACK_LATENCY, max(0.0, event.at - reply.opened_at))
            self._each(lambda listener: listener.started(reply))
        elif isinstance(event, Finished) and event.segment in self._replies:
            reply = self._replies.pop(event.segment)
            reply.ended(event, now, skipped, underruns)
            self._each(lambda listener: listener.ended(reply))

    def fps(self, now: float) -> float:
        """Pictures handed to the video source per second, lately; may be asked for from another thread."""
        shown = list(self._shown)  # in one step: another thread appends
        return sum(at > now - RATE_WINDOW_S for at in shown) / RATE_WINDOW_S

    def _measure(self, measure: Measure, seconds: float, segment: int | None) -> None:
        reply = None if segment is None else self._replies.get(segment)
        if reply is not None:
            reply.spread(measure).add(seconds)
        self._tell(measure, seconds)

    def _tell(self, measure: Measure, seconds: float) -> None:
        self._each(lambda listener: listener.measured(measure, seconds))

    def _each(self, tell: Callable[[Listener], None]) -> None:
        for listener in self.listeners:
            try:
                tell(listener)
            except Exception:
                logger.exception("a listener of the avatar's measures raised; the playback goes on")
