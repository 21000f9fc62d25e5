"""Sessions that last: whatever playout keeps is bounded by what is pending, never by what has been."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import pytest

from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.playout.segment import Segment
from livekit_bithuman.testing import MarkerEngine

from . import engines
from .sim import BLOCK, RATE, Sim, ramp

MS = RATE // 1000


def containers(thing: object) -> dict[str, int]:
    """The size of every container that an object of this package holds, through those that it owns."""
    sizes: dict[str, int] = {}
    seen: set[int] = set()

    def look(name: str, value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Sized) and not isinstance(value, str):
            sizes[name] = len(value)
        if type(value).__module__.startswith(("livekit_bithuman", "tests")) and not isinstance(value, Segment):
            for key, held in getattr(value, "__dict__", {}).items():
                look(f"{name}.{key}", held)

    look("", thing)
    return sizes


def a_day(sim: Sim, replies: int, first: int = 0) -> None:
    """Replies of every fate: whole, interrupted, paused, run dry, empty; what came out is forgotten as it is read."""
    for number in range(first, first + replies):
        sim.capture(ramp(60 * MS))
        sim.run(0.1 if number % 4 == 1 else 0.01)
        sim.capture(ramp(100 * MS + number % 7))
        if number % 5 == 2:
            sim.pause()
            sim.run(0.05)
            sim.resume()
        if number % 3 == 0:
            sim.clear()
            sim.capture(ramp(3 * BLOCK))
        sim.flush()
        if number % 11 == 0:
            sim.say(ramp(0))
        sim.run(0.35)
        assert len(sim.finished()) == len({event.segment for event in sim.finished()})
        for record in (sim.left, sim.events, sim.pictures):
            record.clear()


@pytest.mark.parametrize("kind", engines.KINDS)
def test_thousands_of_segments_leave_nothing_behind(kind: str) -> None:
    sim = Sim(engine=engines.make(kind, 1))
    a_day(sim, 60)
    early = containers(sim.playout)
    assert {"._segments", "._showing", "._events", "._feeder._fed"} <= early.keys(), "all of them are looked at"
    a_day(sim, 400, first=60)
    sim.run(1.0)
    assert containers(sim.playout).keys() == early.keys()
    late = {name: size for name, size in containers(sim.playout).items() if size > max(2, early[name])}
    assert not late
    assert not sim.playout._segments
    assert not sim.playout._showing


@pytest.mark.parametrize(
    "engine", [MarkerEngine((16, 16)), MarkerEngine((16, 16), lookahead_s=1.0), engines.make("lying", 3)]
)
def test_minutes_of_one_reply_are_kept_only_as_far_as_they_are_pending(engine: Engine) -> None:
    sim = Sim(engine=engine)
    for _ in range(5 * 60 * 5):
        sim.capture(ramp(200 * MS))
        sim.run(0.2)
        sim.left.clear()
        sim.pictures.clear()
    segment = sim.playout._segments[0]
    assert sum(len(block) for block in segment._audio) <= RATE
    assert len(segment.frames) <= 80
    assert len(segment._runs) <= 4
    sim.flush()
    sim.run(1.0)
    assert [event.position for event in sim.finished()] == [5 * 60 * RATE]
