"""Any order of what an agent, an engine and an event loop may do, against a model of what livekit-agents counts."""

from __future__ import annotations

import math
import os
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from numpy.typing import NDArray

from livekit_bithuman.playout import TICK_S, EngineFailed, Finished, PictureDue, Progressed, Started, Stop
from livekit_bithuman.rtc.drawn import SAME_S
from tests.unit.playout import engines
from tests.unit.playout.sim import BLOCK, PLAIN, RATE, Sim

#: More in a deep run: PLAYOUT_EXAMPLES=10000.
EXAMPLES = int(os.environ.get("PLAYOUT_EXAMPLES", "150"))
#: A flushed segment ends this long after its last sample could have left: the guard, the first tick, and a wake-up.
LIVE_S = 0.030
#: Voice that is there leaves tick after tick, but for those that a start may cost.
LIVE_TICKS = 2
#: Pictures follow each other at least this quickly: one picture's time, and what an interruption may add.
GAP_S = 0.0601
FPS = 25


@dataclass
class Said:
    """A segment as the contract sees it."""

    samples: NDArray[np.int16] = field(default_factory=lambda: np.zeros(0, np.int16))
    flushed: bool = False
    due: float = math.inf  # when it must have ended
    started: bool = False
    end: Finished | None = None
    progressed: int = 0  # samples reported as heard

    @property
    def playable(self) -> int:
        """Ticks of it that may leave."""
        return -(-len(self.samples) // BLOCK) if self.flushed else len(self.samples) // BLOCK


class PlayoutMachine(RuleBasedStateMachine):
    """Drives a playout through its simulated shell, and checks after every step what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Said] = []
        self.capturing = False  # livekit-agents: a segment opens at the first capture after a flush
        self.cleared = False  # the open segment was cleared: its later samples are void
        self.paused = False
        self.closed = False
        self.honest = True  # every engine so far
        self.left = 0  # samples that the room heard, silence left out
        self.left_first: list[int] = []  # of each block that left, its first sample
        self.left_at: list[float] = []  # and when
        self._next = 0  # the next sample's number
        self._events = self._pictures = 0  # how many were looked at
        self._new: list[NDArray[np.int16]] = []  # what the room heard and was not compared yet
        self._waiting: list[PictureDue] = []  # taken and not due yet
        self._shown: PictureDue | None = None  # the picture on the screen
        self._shown_until = -math.inf  # what was due by then has been shown
        self._stalled_at = -math.inf  # when the event loop was last blocked

    @initialize(phase_us=st.integers(0, 9_999), kind=st.sampled_from(engines.KINDS), seed=st.integers(0, 999))
    def begin(self, phase_us: int, kind: str, seed: int) -> None:
        # the half keeps ticks off the milliseconds that the steps fall on: which is first there is for floats to say
        self.sim = Sim(engine=engines.make(kind, seed), phase=(phase_us + 0.5) / 1e6)
        self.honest = engines.honest(kind)
        event(f"engine: {kind}")

    # what an agent does

    @rule(count=st.one_of(st.integers(0, RATE), st.integers(0, 5 * BLOCK)))
    def capture(self, count: int) -> None:
        samples = ((np.arange(self._next, self._next + count)) % 32_000 + 1).astype(np.int16)
        self._next += count
        if not self.capturing:
            self.capturing, self.cleared = True, False
            self.said.append(Said())
        if not self.cleared and not self.closed:
            self.said[-1].samples = np.concatenate([self.said[-1].samples, samples])
        self.sim.capture(samples)
        self._check()

    @rule()
    def flush(self) -> None:
        if self.capturing:
            self.said[-1].flushed = True
        self.capturing = False
        self.sim.flush()
        self._expect_ends()
        self._check(may_interrupt=self.closed)
        assert not self.closed or not self._pending(), "a closed playout keeps nobody waiting"

    @rule(count=st.integers(0, 2 * RATE))
    def say(self, count: int) -> None:
        self.capture(count)
        self.flush()

    @rule()
    def clear(self) -> None:
        event("cleared while paused" if self.paused and self._pending() else "cleared")
        self.cleared = self.capturing
        self.sim.clear()
        self._check(may_interrupt=True)
        assert not self._pending(), "a clear ends everything at once"

    @rule()
    def pause(self) -> None:
        self.paused = not self.closed
        self.sim.pause()
        self._expect_ends()
        self._check()

    @rule()
    def resume(self) -> None:
        self.paused = False
        self.sim.resume()
        self._expect_ends()
        self._check()

    @rule(really=st.integers(0, 4))
    def close(self, really: int) -> None:
        """One time in five, since nothing much happens after it."""
        if really or self.closed:
            return
        event("closed while paused" if self.paused else "closed")
        self.cleared, self.closed, self.paused = self.capturing, True, False
        self.sim.close()
        self.sim.close()
        self._check(may_interrupt=True)
        assert not self._pending()

    # what an engine does

    @rule(kind=st.sampled_from(engines.KINDS), seed=st.integers(0, 999))
    def replace_engine(self, kind: str, seed: int) -> None:
        event("engine replaced in mid-reply" if self._pending() else "engine replaced")
        self.honest &= engines.honest(kind)
        self.sim.playout.replace_engine(engines.make(kind, seed))
        self.sim.run(0)
        self._check()

    # what time does

    @rule(ms=st.integers(0, 700))
    def run(self, ms: int) -> None:
        heard, playable = len(self.left_at), self._playable_ticks()
        self.sim.run(ms / 1000)
        self._check()
        if not self.paused and not self.closed:
            expected = min(playable, math.floor(ms / 1000 / TICK_S) - LIVE_TICKS)
            assert len(self.left_at) - heard >= expected, "voice that is there leaves, tick after tick"

    @rule(ms=st.integers(0, 60))
    def run_briefly(self, ms: int) -> None:
        self.run(ms)

    @rule(ms=st.integers(1, 500))
    def stall(self, ms: int) -> None:
        event("event loop blocked")
        self.sim.stall(ms / 1000)
        self._stalled_at = self.sim.now
        self._expect_ends()
        self._check()

    def teardown(self) -> None:
        if not hasattr(self, "sim"):
            return
        self.resume()
        self.flush()
        self.run(math.ceil(1000 * self._playable_ticks() * TICK_S) + 100)
        assert not self._pending(), "every segment ended"
        assert self.left == sum(said.end.position for said in self.said if said.end is not None)
        event(f"segments: {len(self.said) if len(self.said) < 4 else '4 or more'}")

    # the model

    def _pending(self) -> list[Said]:
        return [said for said in self.said if said.end is None]

    def _heard_of_pending(self) -> int:
        return self.left - sum(said.end.position for said in self.said if said.end is not None)

    def _playable_ticks(self) -> int:
        """Ticks of captured voice that have not left yet."""
        heard = self._heard_of_pending()
        ticks = 0
        for said in self._pending():
            own = min(heard, len(said.samples))
            heard -= own
            ticks += said.playable - -(-own // BLOCK)
        return ticks

    def _expect_ends(self) -> None:
        """Say anew by when each flushed segment must have ended."""
        self._hear()
        heard, ticks = self._heard_of_pending(), 0
        for said in self._pending():
            own = min(heard, len(said.samples))
            heard -= own
            ticks += said.playable - -(-own // BLOCK)
            said.due = self.sim.now + ticks * TICK_S + LIVE_S if said.flushed and not self.paused else math.inf

    # checks

    def _check(self, *, may_interrupt: bool = False) -> None:
        self._hear()
        self._check_events(may_interrupt)
        self._check_heard()
        self._check_pictures()
        late = [said.due for said in self._pending() if said.due < self.sim.now]
        assert not late, "every flushed segment that is not paused ends within the bound"

    def _hear(self) -> None:
        for at, block in self.sim.left[len(self.left_at) :]:
            self.left_first.append(self.left)
            self.left_at.append(at)
            self._new.append(block[block != 0])
            self.left += len(self._new[-1])

    def _check_events(self, may_interrupt: bool) -> None:
        new, self._events = self.sim.events[self._events :], len(self.sim.events)
        for at, happened in new:
            if isinstance(happened, EngineFailed):
                assert not self.honest, happened.error
            elif isinstance(happened, Stop):
                self._check_nothing_old_is_waiting()
            elif isinstance(happened, Started):
                said = self.said[happened.segment]
                assert not said.started
                assert said.end is None
                assert abs(happened.at - self._left_at(happened.segment, 0)) < 1e-6
                said.started = True
            elif isinstance(happened, Progressed):
                said = self.said[happened.segment]
                assert happened.offset == said.progressed, "progress has no hole and is never revised"
                assert abs(happened.started_at - self._left_at(happened.segment, happened.offset)) < 1e-6
                said.progressed += happened.count
            else:
                assert isinstance(happened, Finished)
                self._check_finished(at, happened, may_interrupt)

    def _check_finished(self, at: float, end: Finished, may_interrupt: bool) -> None:
        said = self.said[end.segment]
        assert said is self._pending()[0], "in order, none twice"
        assert said.progressed == end.position, "progress covers what was heard"
        assert said.started == (end.position > 0)
        if end.interrupted:
            assert may_interrupt, "only an interruption interrupts"
            assert end.position <= len(said.samples)
        else:
            assert said.flushed, "a natural end comes after the flush"
            assert end.position == len(said.samples)
            assert at <= said.due, "and within the bound"
        said.end = end

    def _check_heard(self) -> None:
        """What left the source is what was said, up to the positions that were reported."""
        heard = self._heard_of_pending()
        assert heard >= 0, "a position is never ahead of the room"
        parts = [said.samples[: said.end.position] for said in self.said if said.end is not None]
        for said in self._pending():
            parts.append(said.samples[:heard])
            heard -= len(parts[-1])
        assert heard == 0, "a position is never behind the room"
        if self._new:
            new = np.concatenate(self._new)
            self._new.clear()
            assert np.array_equal(new, np.concatenate(parts)[self.left - len(new) :])

    def _check_nothing_old_is_waiting(self) -> None:
        """Whatever speaks and waits for its moment belongs to a generation that is over: the shell drops it."""
        generation = self.sim.playout.generation
        assert all(picture.generation < generation for picture in self._waiting if picture.segment is not None)
        self._waiting = [picture for picture in self._waiting if picture.segment is None]

    def _check_pictures(self) -> None:
        new, self._pictures = self.sim.pictures[self._pictures :], len(self.sim.pictures)
        for picture in new:
            if picture.segment is not None:
                said = self.said[picture.segment]
                assert not self.paused
                assert said.end is None or not said.end.interrupted, "nothing of an older generation is shown"
                if self.honest and picture.frame is not None:
                    assert picture.frame.turn == picture.segment
                    assert picture.frame.index <= picture.slot
            # as the shell has it: what was drawn for a later moment is not shown any more
            while self._waiting and self._waiting[-1].due > max(picture.due - SAME_S, self._shown_until):
                self._waiting.pop()
            self._waiting.append(picture)
        self._shown_until = self.sim.now
        while self._waiting and self._waiting[0].due <= self.sim.now:
            self._show(self._waiting.pop(0))

    def _show(self, picture: PictureDue) -> None:
        before, self._shown = self._shown, picture
        if before is not None:
            if self._stalled_at < before.due:
                assert 0 < picture.due - before.due <= GAP_S, "pictures go on"
            if before.segment is not None and before.segment == picture.segment:
                assert picture.slot >= before.slot + (before.generation == picture.generation)
        if picture.segment is not None:
            self._check_sync(picture)

    def _check_sync(self, picture: PictureDue) -> None:
        """The picture of a slot comes the fixed lag after a block of its voice left."""
        assert picture.segment is not None
        moment = picture.due - PLAIN.lag_s
        index = bisect_left(self.left_at, moment - 1e-6)
        assert abs(self.left_at[index] - moment) < 1e-6
        base = self._base(picture.segment)
        stop = self.left_first[index + 1] if index + 1 < len(self.left_at) else self.left
        assert self.left_first[index] - base < (picture.slot + 1) * RATE // FPS
        assert stop - base > picture.slot * RATE // FPS

    def _base(self, segment: int) -> int:
        """How much the room had heard before a segment."""
        return sum(said.end.position for said in self.said[:segment] if said.end is not None)

    def _left_at(self, segment: int, sample: int) -> float:
        """When a sample left the source."""
        wanted = self._base(segment) + sample
        return self.left_at[bisect_right(self.left_first, wanted) - 1]


PlayoutMachine.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # slow by far here, and the steps say enough
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestPlayout = PlayoutMachine.TestCase
