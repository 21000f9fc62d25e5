"""Whatever happens in a session, its recording replays to the same answers."""

from __future__ import annotations

import functools
import json

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livekit_bithuman.errors import TraceError
from livekit_bithuman.testing import MarkerEngine
from livekit_bithuman.trace import Trace, replay, timeline, utterances
from tests.unit.playout.sim import RATE
from tests.unit.trace.recorded import Recorded
from tests.unit.trace.test_trace import converse

STEPS = st.one_of(
    st.tuples(st.just("capture"), st.integers(0, RATE)),
    st.tuples(st.just("run"), st.integers(0, 500)),  # ms
    st.tuples(st.just("stall"), st.integers(0, 400)),  # ms
    st.tuples(st.just("rephase"), st.integers(-4, 4)),  # ms
    st.tuples(st.sampled_from(["flush", "clear", "pause", "resume", "engine", "close"]), st.just(0)),
)


@functools.cache
def conversation() -> list[str]:
    recorded = Recorded()
    converse(recorded)
    return recorded.text.splitlines()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 2000), st.floats(-1, 20), st.text(max_size=3), st.just([]), st.just({})
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_trace_is_refused_or_differs_but_never_crashes(data: st.DataObject) -> None:
    lines = conversation().copy()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(1, len(lines) - 1))
        entry = json.loads(lines[place])
        value = data.draw(st.integers(0, len(entry)))
        entry[value : value + data.draw(st.integers(0, 1))] = data.draw(st.lists(VALUES, max_size=1))
        lines[place] = json.dumps(entry)
    try:
        trace = Trace.parse("\n".join(lines))
    except TraceError:
        return
    replay(trace)
    timeline(trace)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=20), st.floats(0.1, 9.9), st.sampled_from([0.0, 0.11]))
def test_a_recording_replays(steps: list[tuple[str, int]], phase_ms: float, lookahead_s: float) -> None:
    recorded = Recorded(MarkerEngine((16, 16), lookahead_s=lookahead_s), phase=round(phase_ms / 1000, 6))
    sim = recorded.sim
    for what, value in steps:
        if what == "capture":
            sim.capture(np.ones(value, np.int16))
        elif what in ("run", "stall"):
            getattr(sim, what)(value / 1000)
        elif what == "rephase":
            sim.driven.rephase(sim.now + value / 1000)
        elif what == "engine":
            sim.driven.replace_engine(MarkerEngine((16, 16)))
        else:
            getattr(sim, what)()
    sim.run(1.0)
    trace = Trace.parse(recorded.text)
    replayed = replay(trace)
    assert replayed.divergence is None, replayed.divergence
    assert replayed.pictures == len(sim.pictures)
    assert replayed.events == len(sim.events)
    assert [u.position is not None for u in utterances(trace)].count(True) == len(sim.finished())
    assert timeline(trace) or not recorded.sim.events
