"""The playout of one avatar: segments in, and out of it voice slices, pictures and events, each at its time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..cues import Cue
from ..engine.protocol import Engine
from .clock import TICK_S, TickClock
from .events import EngineFailed, Event, Finished, PictureDue, Progressed, Started, Stop, VoiceSlice
from .feeder import Feeder
from .presenter import Presenter
from .segment import Segment

#: A run that would begin this close before a tick waits for it: nobody could say which side it landed on.
TICK_GUARD_S = 0.003
#: Voice that the source holds while an engine is fed, which may take some milliseconds.
FEED_S = 0.050
#: A resting picture due less than this before a slot's is left out: encoders drop one of two such pictures.
CROWDED_S = 0.020
#: Voice that is kept after it was heard: pictures lag behind it, and another engine begins with theirs.
KEPT_S = 0.120
#: A picture later than this re-anchors the resting cadence instead of catching up.
STALL_S = 0.100


@dataclass(frozen=True)
class PlayoutOptions:
    """Timing that was measured on livekit 1.1.21's native sources.

    Attributes:
        depth_s: How full the audio source's queue is kept. It costs no latency (the queue is cleared at once) and rides
            out stalls of the event loop shorter than itself.
        slice_ticks: Voice per hand-over, in ticks of 10 ms.
        lag_s: How long after its slot's first sample a picture is captured, so that both reach a viewer together.
        fade_s: The ramp that ends an interrupted voice, and that begins a resumed one.
        ahead_s: How far the engine's poses run ahead of the voice.
    """

    depth_s: float = 0.200
    slice_ticks: int = 2
    lag_s: float = 0.038
    fade_s: float = 0.005
    ahead_s: float = 0.300


@dataclass(frozen=True)
class _TimedCue:
    """A cue that waits for its moment of a reply."""

    segment: int | None  # None: the next one that is captured
    at_s: float  # in the segment's voice
    cue: Cue

    def of(self, segment: int) -> _TimedCue:
        """The same, for the reply that it has waited for."""
        return replace(self, segment=segment)


class Playout:
    """Keeps voice, pictures and events of one avatar on one clock: the audio source's tick.

    Nothing here sleeps or awaits; every method that needs the time is told it. The shell

    - calls `capture`, `flush`, `clear`, `pause`, `resume` and `cue` when the agent does,
    - takes a `VoiceSlice` from `voice()` and hands it to the audio source, until there is none,
    - takes a `PictureDue` from `picture()`, draws it and publishes it when it is due,
    - executes the events of `take_events()` in order, directly after each of these calls,
    - and calls again at `voice_wakeup()` and `picture_wakeup()`.

    Three rules make it sound. Each utterance is a `Segment` with counters of its own, so nothing is shared between
    two of them. Every interruption and pause opens a new *generation*, and what belongs to an older one is dropped
    wherever it is met. A position is what left the source: known from the tick at which a run began, never from what
    was handed over.

    Args:
        engine: Draws the pictures; told of one turn per segment.
        presenter: Adds idle motion and blends.
        rate: Of the voice, in Hz; a multiple of 100.
        clock: Of the audio source.
        now: The time of the first picture.
    """

    def __init__(
        self,
        engine: Engine,
        presenter: Presenter,
        *,
        rate: int,
        clock: TickClock,
        now: float,
        options: PlayoutOptions | None = None,
    ) -> None:
        if rate % 100:
            raise ValueError(f"The voice's rate must be a multiple of 100 Hz, not {rate}: resample it first.")
        self._options = options or PlayoutOptions()
        self._presenter = presenter
        self._clock = clock
        self._rate = rate
        self._fps = engine.info.fps
        self._block = rate // 100  # samples of one tick
        self._kept = round(KEPT_S * rate)  # heard samples that are kept
        self._feeder = Feeder(engine, rate=rate, ahead_s=self._options.ahead_s)
        self._segments: deque[Segment] = deque()  # captured and not finished, the oldest first
        self._showing: deque[Segment] = deque()  # those whose pictures are not all shown
        self._next_id = 0
        self._discarding = False  # the present utterance was cleared: its later samples belong nowhere
        self._queue_end = clock.index(now)  # the tick at which a block handed over now would leave, if later
        self._resuming = False  # the next slice continues after a pause
        self._epoch = now  # presentation tick 0
        #: When the pictures asked for are due, and whether they are a slot's: the one seen now, then those ahead of it.
        self._asked: deque[tuple[float, bool]] = deque([(now, False)])
        self._rest_anchor = now  # a resting picture is due `_rest_count` / fps after this
        self._rest_count = 0
        self._timed: list[_TimedCue] = []  # in the order in which they were given
        self._events: list[Event] = []
        self._more_to_feed = False
        self.paused = False
        self.closed = False
        self.generation = 0  # counts interruptions and pauses
        self.underruns = 0  # times that the voice ran dry inside a segment
        self.skipped = 0  # pictures that were overdue by more than a frame and never drawn

    # what the agent does

    def capture(self, samples: NDArray[np.int16]) -> None:
        """Append voice to the open segment, or open one.

        Args:
            samples: int16 mono, shape (n,), n >= 0, at `rate`.
        """
        if self._discarding:
            return
        if not self._segments or self._segments[-1].ended:
            segment = Segment(self._next_id, rate=self._rate, fps=self._fps, block=self._block)
            self._next_id += 1
            self._segments.append(segment)
            self._timed = [
                replace(timed, segment=segment.id) if timed.segment is None else timed for timed in self._timed
            ]
            if not self.closed:
                self._showing.append(segment)
        if not self.closed:
            self._segments[-1].append(samples)

    def flush(self) -> None:
        """The open segment has all its samples."""
        self._discarding = False
        if not self._segments or self._segments[-1].ended:
            return
        segment = self._segments[-1]
        segment.ended = True
        if self.closed:
            self._segments.pop()
            self._finish(segment, 0, interrupted=True)

    def cue(self, cue: Cue, at_s: float | None = None) -> None:
        """Tell the face something.

        Args:
            cue: What.
            at_s: When, in seconds of the voice of the reply that is heard or comes next; an interruption and the
                reply's end drop it. None: with the next picture.
        """
        if at_s is None:
            self._presenter.cue(cue)
        elif not (self._discarding or self.closed):
            self._timed.append(_TimedCue(self._segments[0].id if self._segments else None, at_s, cue))

    def clear(self, now: float) -> None:
        """Stop at once: every unfinished segment ends here as interrupted, and no cue waits for it any longer."""
        self.advance(now)
        self._timed.clear()
        if not self._segments:
            return
        tick = self._clock.index(now)
        heard = [segment.rewind(tick) for segment in self._segments]
        self._stop(now)
        self._resuming = False
        self._presenter.cut()
        self._feeder.forget()
        self._discarding = not self._segments[-1].ended
        self._showing.clear()
        segments = list(self._segments)
        self._segments.clear()
        for segment, position in zip(segments, heard, strict=True):
            self._progress(segment, tick)
            self._finish(segment, position, interrupted=True)

    def pause(self, now: float) -> None:
        """Hold voice and mouth; what was not heard is kept. Idempotent."""
        if self.paused or self.closed:
            return
        self.advance(now)
        self.paused = True
        # what was heard to its end is over: its last pictures, which lag behind, would come after the pause
        while self._showing and self._showing[0].finished:
            self._feeder.release(self._showing.popleft())
        if not self._segments:
            return
        tick = self._clock.index(now)
        for segment in self._segments:
            heard = segment.rewind(tick)
            segment.show_from(heard)
            self._progress(segment, tick)
        self._resuming = self._segments[0].sent > 0
        self._stop(now)
        self._presenter.cut()

    def resume(self, now: float) -> None:
        """Go on from the first unheard sample. Idempotent."""
        self.paused = False

    def close(self, now: float) -> None:
        """Finish whatever is pending as interrupted; later segments are finished as soon as they are flushed."""
        if self.closed:
            return
        self.clear(now)
        self.closed = True

    def replace_engine(self, engine: Engine) -> None:
        """Go on with another engine, in mid-segment too. The one before is the caller's again.

        Raises:
            ValueError: Its frame rate is not that of the one before.
        """
        if engine.info.fps != self._fps:
            raise ValueError(f"The new engine has {engine.info.fps} FPS, the track {self._fps}: use one of that rate.")
        self._feeder.replace(engine, self._segments)

    def rephase(self, fired: float) -> None:
        """Correct the clock by a moment at which the audio source's timer was seen to fire; see `TickClock.rephase`."""
        self._clock.rephase(fired)

    def next_tick(self, now: float) -> float:
        """When the audio source's timer fires next."""
        return self._clock.time(self._clock.after(now))

    @property
    def pending(self) -> bool:
        """Whether a segment is not finished."""
        return bool(self._segments)

    def heard(self, now: float) -> int | None:
        """Samples of the oldest unfinished segment that have left the source; None if none is pending."""
        return self._segments[0].heard(self._clock.index(now)) if self._segments else None

    @property
    def backlog(self) -> int:
        """Samples captured and not handed to the audio source yet."""
        return sum(segment.captured - segment.sent for segment in self._segments)

    @property
    def newest(self) -> int:
        """The segment that was opened last; -1: none was."""
        return self._next_id - 1

    @property
    def silent_at(self) -> float:
        """When the last sample handed over so far has left the source, as far as the clock tells."""
        return self._clock.time(self._queue_end)

    @property
    def lookahead_s(self) -> float | None:
        """How far the engine's frames reach beyond the last picture of a segment; 0: that one was a guess.

        None where none is shown, or the engine has all of its voice.
        """
        segment = self._showing[0] if self._showing and not self.paused else None
        ready = None if segment is None else self._feeder.ready(segment)
        return None if segment is None or ready is None else max(0, ready - segment.next_slot + 1) / self._fps

    @property
    def feeds(self) -> int:
        """Counts what `voice` and `picture` did to the engine."""
        return self._feeder.steps

    @property
    def pending_events(self) -> int:
        """Events that `take_events` would return now."""
        return len(self._events)

    # what the shell executes

    def take_events(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def advance(self, now: float) -> None:
        """Note what has left the source by now: starts and ends of segments."""
        tick = self._clock.index(now)
        while self._segments:
            segment = self._segments[0]
            first = segment.first_tick
            if not segment.started and first is not None and first <= tick:
                segment.started = True
                self._events.append(Started(segment.id, self._clock.time(first)))
            segment.release(self._feeder.needed_from(segment, segment.heard(tick) - self._kept))
            if not segment.ended or segment.sent < segment.captured:
                return
            end = segment.end_tick
            if end is not None and end > tick:
                return
            self._segments.popleft()
            self._progress(segment, tick)
            self._finish(segment, segment.captured, interrupted=False)

    def voice(self, now: float) -> VoiceSlice | None:
        """The next samples to hand to the audio source, if its queue wants any now.

        One slice may be under way at a time. A slice is dated by `now`, so it has to be handed over at once; the engine
        is fed when the source holds enough, or wants nothing.
        """
        segment = self._unsent()
        start = self._clock.after(now)
        held = self._clock.time(self._queue_end) - now
        unsure = self._queue_end <= start and self._clock.time(start) - now < TICK_GUARD_S
        if segment is None or held >= self._options.depth_s or unsure:
            self._feed()
            return None
        if held > FEED_S:
            self._feed()
        else:
            self._more_to_feed = True
        stop = min(segment.captured, segment.sent + self._options.slice_ticks * self._block)
        samples = segment.samples(segment.sent, stop)
        if not segment.ended:
            samples = samples[: len(samples) // self._block * self._block]
        count = len(samples)
        self._begin_run(segment, max(self._queue_end, start))
        segment.sent += count
        if count % self._block:
            samples = np.pad(samples, (0, -count % self._block))
        self._queue_end = max(self._queue_end, start) + len(samples) // self._block
        if self._resuming:
            self._resuming = False
            samples = samples.copy()
            length = min(len(samples), self._fade_samples)
            samples[:length] = np.rint(samples[:length] * (1.0 - self._ramp(length)))
        return VoiceSlice(samples, self.generation)

    def voice_wakeup(self, now: float) -> float | None:
        """When `advance` or `voice` has something to do; None: only after the agent did something."""
        if self._more_to_feed:
            return now
        times = []
        if self._segments:
            segment = self._segments[0]
            if not segment.started and segment.first_tick is not None:
                times.append(self._clock.time(segment.first_tick))
            if segment.ended and segment.sent == segment.captured:
                times.append(self._clock.time(segment.end_tick) if segment.end_tick is not None else now)
        if self._unsent() is not None:
            refill = self._clock.time(self._queue_end) - self._options.depth_s
            times.append(max(refill, now + TICK_GUARD_S / 2))
        return min(times) if times else None

    def picture(self, now: float, lead: float = 0.0) -> PictureDue | None:
        """The next picture, if it is due within `lead` seconds."""
        due, segment = self._next_picture(now)
        if due - lead > now:
            return None
        tick = max(0, round((due - self._epoch) * self._fps))
        loudness: tuple[int, ...]
        if segment is None:
            frame, identity, slot, loudness = None, None, tick, ()
            if now - due > STALL_S:
                due = now
                self._anchor_rest(due, 1)
            else:
                self._rest_count += 1
        else:
            identity, slot = segment.id, segment.next_slot
            if slot not in segment.frames:
                self._feed()  # the first slices of a reply go out before the engine is fed
            frame, loudness = self._feeder.frame(segment, slot), segment.loudness(slot)
            self._give_cues(segment.id, slot)
            segment.next_slot = slot + 1
            self._anchor_rest(due, 1)
        while self._asked and self._asked[-1][0] >= due:
            self._asked.pop()  # this one is seen instead
        self._asked.append((due, segment is not None))
        self._forget_shown(now)
        presentation = self._presenter.present(tick, frame, identity)
        self._collect_engine_error()
        return PictureDue(due, frame, presentation, self.generation, identity, slot, loudness)

    def picture_wakeup(self, now: float, lead: float = 0.0) -> float:
        """When `picture` has something to show."""
        return self._next_picture(now)[0] - lead

    # inside

    @property
    def _fade_samples(self) -> int:
        return round(self._options.fade_s * self._rate)

    def _ramp(self, length: int) -> NDArray[np.float32]:
        """From just under 1 down to 0, so smooth at both ends (three derivatives) that nothing clicks."""
        x = np.arange(1, length + 1, dtype=np.float32) / np.float32(max(1, length))
        ramp: NDArray[np.float32] = 1 - x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)
        return ramp

    def _unsent(self) -> Segment | None:
        """The segment whose samples go to the source next, if it has a slice of them."""
        if self.paused:
            return None
        for segment in self._segments:
            left = segment.captured - segment.sent
            if left >= self._block or (left and segment.ended):
                return segment
            if not segment.ended:
                return None
        return None

    def _feed(self) -> None:
        self._more_to_feed = self._feeder.feed(self._segments)
        self._collect_engine_error()

    def _collect_engine_error(self) -> None:
        if self._feeder.error is not None:
            self._events.append(EngineFailed(self._feeder.error))
            self._feeder.error = None

    def _give_cues(self, segment: int, slot: int) -> None:
        """Hand over the cues whose time has come, and drop those of replies that are over."""
        waiting = []
        for timed in self._timed:
            if timed.segment == segment and timed.at_s * self._fps <= slot:
                self._presenter.cue(timed.cue)
            elif timed.segment is None or timed.segment >= segment:
                waiting.append(timed)
        self._timed = waiting

    def _begin_run(self, segment: Segment, tick: int) -> None:
        """Date the samples about to be sent; a gap inside a segment is an under-run, unless a pause made it."""
        end = segment.end_tick
        if end is not None and end != tick:
            self._progress(segment, tick - 1)
            self.underruns += not self._resuming
        segment.begin_run(tick)

    def _stop(self, now: float) -> None:
        """Ask for an empty queue and open a new generation. Segments are rewound already."""
        self.generation += 1
        playing = next((segment for segment in self._segments if segment.sent < segment.captured), None)
        fade = np.zeros(0, np.int16)
        if playing is not None and playing.sent and self._queue_end > self._clock.after(now):
            unheard = playing.samples(playing.sent, playing.sent + self._fade_samples)
            faded = np.rint(unheard * self._ramp(len(unheard))).astype(np.int16)
            fade = np.pad(faded, (0, -len(faded) % self._block))
        self._queue_end = self._clock.after(now) + len(fade) // self._block
        if not self.closed:  # the source may be gone
            self._events.append(Stop(fade))
        self._forget_shown(now)
        if any(spoke for _, spoke in self._asked):
            # of the slots' pictures that are not due yet none will be shown: rest takes their place at once
            seen, _ = self._asked[0]
            self._anchor_rest(max(now, seen + CROWDED_S), 0)
            self._asked = deque([(seen, False)])

    def _progress(self, segment: Segment, tick: int) -> None:
        progress = segment.take_progress(tick)
        if progress is not None:
            offset, count = progress
            leaves = segment.leaves(offset)
            assert leaves is not None, "a sample that was heard has left"
            self._events.append(Progressed(segment.id, self._clock.time(leaves), offset, count))

    def _finish(self, segment: Segment, position: int, *, interrupted: bool) -> None:
        segment.finished = True
        self._events.append(Finished(segment.id, position, interrupted))

    def _anchor_rest(self, at: float, count: int) -> None:
        self._rest_anchor = at
        self._rest_count = count

    def _forget_shown(self, now: float) -> None:
        """Of the pictures asked for, keep the one that is seen now and those that are not yet."""
        while len(self._asked) > 1 and self._asked[1][0] <= now:
            self._asked.popleft()

    def _next_picture(self, now: float) -> tuple[float, Segment | None]:
        """When the next picture is due, and whose it is."""
        rest = self._rest_anchor + self._rest_count / self._fps
        slot = self._next_slot(now)
        if slot is None:
            return rest, None
        due, segment = slot
        if rest < due - CROWDED_S:
            return rest, None
        return due, segment

    def _next_slot(self, now: float) -> tuple[float, Segment] | None:
        """The slot whose picture comes next, if its voice was sent; slots that are past are skipped."""
        while self._showing and not self.paused:
            segment = self._showing[0]
            due = self._slot_due(segment, segment.next_slot)
            if due is None:
                if segment.finished:
                    self._showing.popleft()
                    self._feeder.release(segment)
                    continue
                return None
            following = self._slot_due(segment, segment.next_slot + 1)
            if following is None and segment.finished:
                following = due + 1 / self._fps  # the rest that follows the last slot
            if following is not None and following <= now - TICK_S / 2:
                segment.next_slot += 1
                self.skipped += 1
                continue
            return due, segment
        return None

    def _slot_due(self, segment: Segment, slot: int) -> float | None:
        leaves = segment.slot_leaves(slot)
        return None if leaves is None else self._clock.time(leaves) + self._options.lag_s
