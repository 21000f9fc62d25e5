"""Any order of what an agent may do: each segment ends once, and what was heard is what was said up to the position."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from livekit_bithuman.playout import Finished, Started
from tests.unit.playout.sim import BLOCK, RATE, Sim

#: More in a deep run: PLAYOUT_EXAMPLES=10000.
EXAMPLES = int(os.environ.get("PLAYOUT_EXAMPLES", "150"))

STEPS = st.one_of(
    st.tuples(st.just("capture"), st.integers(0, RATE)),
    st.tuples(st.just("capture"), st.integers(0, 5 * BLOCK)),
    st.tuples(st.just("flush"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("run"), st.integers(0, 700)),  # ms
    st.tuples(st.just("stall"), st.integers(0, 500)),  # ms
)


@dataclass
class Said:
    """A segment as the contract sees it."""

    samples: NDArray[np.int16]
    flushed: bool = False


class Model:
    """What livekit-agents counts: a segment opens at the first capture after a flush."""

    def __init__(self) -> None:
        self.segments: list[Said] = []
        self.capturing = False
        self.cleared = False  # the open segment was cleared: its later samples are void
        self._next = 0

    def capture(self, count: int) -> NDArray[np.int16]:
        samples = ((np.arange(self._next, self._next + count)) % 32_000 + 1).astype(np.int16)
        self._next += count
        if not self.capturing:
            self.capturing, self.cleared = True, False
            self.segments.append(Said(np.zeros(0, np.int16)))
        if not self.cleared:
            self.segments[-1].samples = np.concatenate([self.segments[-1].samples, samples])
        return samples

    def flush(self) -> None:
        if self.capturing:
            self.segments[-1].flushed = True
        self.capturing = False

    def clear(self) -> None:
        self.cleared = self.capturing


def _play(steps: list[tuple[str, int]], phase_ms: float) -> tuple[Sim, Model]:
    sim, model = Sim(phase=phase_ms / 1000), Model()
    for what, value in steps:
        if what == "capture":
            sim.capture(model.capture(value))
        elif what in ("run", "stall"):
            getattr(sim, what)(value / 1000)
        else:
            getattr(sim, what)()
            if what in ("flush", "clear"):
                getattr(model, what)()
        _check_so_far(sim, model)
    sim.resume()
    sim.flush()
    model.flush()
    sim.run(1.0 + sum(len(said.samples) for said in model.segments) / RATE)
    return sim, model


def _check_so_far(sim: Sim, model: Model) -> None:
    finished = [event.segment for event in sim.finished()]
    assert finished == sorted(set(finished)), "in order, none twice"
    for event in sim.finished():
        said = model.segments[event.segment]
        assert 0 <= event.position <= len(said.samples)
        assert event.interrupted or said.flushed, "a natural end comes after the flush"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25), st.floats(0.1, 9.9))
def test_every_segment_ends_once_and_positions_are_what_was_heard(
    steps: list[tuple[str, int]], phase_ms: float
) -> None:
    sim, model = _play(steps, phase_ms)
    ends = {event.segment: event for event in sim.finished()}
    assert list(ends) == list(range(len(model.segments))), "every segment ended, and within the bound"

    heard = [model.segments[index].samples[: end.position] for index, end in ends.items()]
    spoken = sim.spoken()
    assert np.array_equal(spoken[spoken != 0], np.concatenate([np.zeros(0, np.int16), *heard]))

    started = [event.segment for event in sim.started()]
    assert started == [index for index, end in ends.items() if end.position > 0]
    for index in started:
        order = [
            type(event) for _, event in sim.events if isinstance(event, (Started, Finished)) and event.segment == index
        ]
        assert order == [Started, Finished]

    for index, end in ends.items():
        runs = [(run.offset, run.count) for run in sim.progressed() if run.segment == index]
        covered = 0
        for offset, count in runs:
            assert offset == covered, "progress has no hole and is never revised"
            covered += count
        assert covered == end.position


@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=20), st.floats(0.1, 9.9))
def test_pictures_go_on_and_no_slot_is_shown_twice_in_a_generation(
    steps: list[tuple[str, int]], phase_ms: float
) -> None:
    sim, _ = _play([step for step in steps if step[0] != "stall"], phase_ms)
    shown = [(p.generation, p.segment, p.slot) for p in sim.pictures if p.segment is not None]
    assert len(shown) == len(set(shown))
    on_screen = _on_screen(sim)
    gaps = np.diff([p.due for p in on_screen])
    assert np.all(gaps > 0)
    assert np.all(gaps <= 0.0601)


def _on_screen(sim: Sim) -> list:  # type: ignore[type-arg]
    """The pictures that are published: one drawn for a generation that ended before it was due is dropped."""
    kept = []
    for picture, following in zip(sim.pictures, [*sim.pictures[1:], None], strict=True):
        stale = following is not None and picture.segment is not None and following.due <= picture.due
        if not stale:
            kept.append(picture)
    return kept
