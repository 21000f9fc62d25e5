"""What livekit-agents counts of an audio output, and what an output may say of it. Time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .promises import BrokenPromise

#: What resampling and padding may add to a position, in seconds.
ROUNDING_S = 0.005
#: So much before its last sample can have been heard a segment may be reported as heard, in seconds.
EARLY_S = 0.050


class SinkPromise(Enum):
    """What an audio output promises, each with what its author can do."""

    ONE_FINISH = (
        "Each captured segment is answered by exactly one playback_finished.",
        "Keep counters per segment, and report where a segment ends, never once per call of clear_buffer.",
    )
    ONE_START = (
        "playback_started comes once per segment that is heard, before its playback_finished.",
        "Reset what says that a segment has started in every way that it can end, interruptions too.",
    )
    POSITION = (
        "playback_position lies between 0 and what was captured of the segment.",
        "Count a segment's own samples, without padding, and set the count to 0 where the next one begins.",
    )
    NATURAL_END = (
        "A segment ends uninterrupted after its flush, with all of it heard.",
        "Report interrupted=False at the last captured sample, and not when the voice runs dry.",
    )
    INTERRUPTION = (
        "interrupted=True answers clear_buffer, and nothing else.",
        "Let clear_buffer end the segments that were captured before it, and no later one.",
    )
    NOT_EARLY = (
        "A segment is not reported as heard before its last sample can have left.",
        "Report its end when the last sample has left the audio source's queue, not when it was put there.",
    )
    LIVENESS = (
        "A flushed segment ends by itself, and a cleared one at once; while it is paused it may wait.",
        "End every segment in every state: before its first sample, empty, paused, cleared twice, after an error.",
    )
    CAPTURE = (
        "capture_frame returns as voice is played, and at once after a clear.",
        "Wait for room in the queue, never for an event that an interruption takes away.",
    )


@dataclass
class Captured:
    """One segment."""

    opened_at: float
    seconds: float = 0.0  # captured
    flushed: bool = False
    cleared: bool = False  # by an interruption
    started: bool = False
    paused_s: float = 0.0  # while it was open
    end: tuple[float, bool] | None = None  # (position, interrupted)


@dataclass
class Ledger:
    """The segments in order, and the first promise that was broken.

    Args:
        promises: Those that are held against the output.
    """

    promises: frozenset[SinkPromise] = frozenset(SinkPromise)
    segments: list[Captured] = field(default_factory=list)
    broken: BrokenPromise | None = None
    _capturing: bool = False
    _paused_at: float | None = None

    @property
    def pending(self) -> list[Captured]:
        """Segments that have not ended, the oldest first."""
        return [segment for segment in self.segments if segment.end is None]

    @property
    def paused(self) -> bool:
        """Whether the output is."""
        return self._paused_at is not None

    @property
    def capturing(self) -> bool:
        """Whether a segment is open."""
        return self._capturing

    def unheard_s(self) -> float:
        """Seconds of voice that may have to be heard yet, at most."""
        return sum(segment.seconds for segment in self.pending)

    # what an agent does

    def captured(self, now: float, seconds: float) -> None:
        """A frame was taken."""
        if not self._capturing:
            self._capturing = True
            self.segments.append(Captured(now))
        self.segments[-1].seconds += seconds

    def flushed(self) -> None:
        """The open segment has all its voice."""
        if self._capturing:
            self.segments[-1].flushed = True
        self._capturing = False

    def cleared(self) -> None:
        """Everything captured so far may end as interrupted."""
        for segment in self.pending:
            segment.cleared = True

    def pause(self, now: float) -> None:
        """The output is paused."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: float) -> None:
        """It is not."""
        if self._paused_at is not None:
            for segment in self.pending:
                segment.paused_s += now - max(self._paused_at, segment.opened_at)
            self._paused_at = None

    # what an output says

    def started(self) -> None:
        """It reported a start."""
        if not self.pending:
            self.fail(SinkPromise.ONE_START, "playback_started came while no segment was pending.")
            return
        segment = self.pending[0]
        if segment.started:
            self.fail(SinkPromise.ONE_START, f"Segment {self._number(segment)} was started twice.")
        segment.started = True

    def finished(self, now: float, position: float, interrupted: bool) -> None:
        """It reported an end."""
        if not self.pending:
            self.fail(SinkPromise.ONE_FINISH, f"playback_finished came {self._surplus()}, and no segment was pending.")
            return
        segment = self.pending[0]
        number = self._number(segment)
        segment.end = (position, interrupted)
        if not -ROUNDING_S <= position <= segment.seconds + ROUNDING_S:
            self.fail(
                SinkPromise.POSITION,
                f"Segment {number} of {segment.seconds:.3f} s was heard up to {position:.3f} s, it was said.",
            )
        if position > 0 and not segment.started:
            self.fail(
                SinkPromise.ONE_START, f"Segment {number} was heard up to {position:.3f} s, and was never started."
            )
        if interrupted:
            if not segment.cleared:
                self.fail(SinkPromise.INTERRUPTION, f"Segment {number} was called interrupted, and nothing cleared it.")
            return
        if not segment.flushed:
            self.fail(SinkPromise.NATURAL_END, f"Segment {number} ended before it was flushed.")
        elif position < segment.seconds - ROUNDING_S:
            self.fail(
                SinkPromise.NATURAL_END,
                f"Segment {number} of {segment.seconds:.3f} s ended by itself after {position:.3f} s.",
            )
        early = segment.seconds - (now - segment.opened_at - self._paused_s(segment, now))
        if early > EARLY_S:
            self.fail(
                SinkPromise.NOT_EARLY,
                f"Segment {number} of {segment.seconds:.3f} s was called heard {1000 * early:.0f} ms too early.",
            )

    def give_up(self) -> None:
        """Nothing more is to be learnt of what is pending."""
        for segment in self.pending:
            segment.end = (0.0, True)

    def fail(self, promise: SinkPromise, found: str) -> None:
        """Remember the first promise that is broken, if it is one of those that count."""
        if promise in self.promises and self.broken is None:
            text, remedy = promise.value
            self.broken = BrokenPromise(text, found, remedy)

    # inside

    def _number(self, segment: Captured) -> int:
        return 1 + next(index for index, other in enumerate(self.segments) if other is segment)

    def _surplus(self) -> str:
        return f"once more than the {len(self.segments)} segments"

    def _paused_s(self, segment: Captured, now: float) -> float:
        going_on = 0.0 if self._paused_at is None else now - max(self._paused_at, segment.opened_at)
        return segment.paused_s + going_on
