"""The audio source's timer as arithmetic, and how observations correct it."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.playout import TICK_S, Finished, TickClock, tick_among
from tests.unit.playout.sim import BLOCK, RATE, Sim, ramp

MS = 0.001


def test_a_tick_is_numbered_from_the_one_that_was_seen() -> None:
    clock = TickClock(100.003)
    assert clock.index(100.003) == 0
    assert clock.index(100.0129) == 0
    assert clock.after(100.003) == 1
    assert clock.time(7) == pytest.approx(100.073)


@pytest.mark.parametrize("late", [[], [0], [0, 3, 4], [1, 2, 8, 9]])
@pytest.mark.parametrize("by_ms", [2.0, 4.4, 6.0, 9.0, 57.0])
def test_firings_that_were_seen_late_move_nothing(late: list[int], by_ms: float) -> None:
    jitter = np.random.default_rng(4).uniform(0, 0.3 * MS, 10)
    moments = [100.0 + number * TICK_S + jitter[number] for number in range(10)]
    for number in late:
        moments[number] += by_ms * MS
    phase = (tick_among(moments) - 100.0 + TICK_S / 2) % TICK_S - TICK_S / 2
    assert 0 <= phase <= 0.3 * MS


@pytest.mark.parametrize("late_ms", [0.2, 3.0, 4.9])
def test_an_earlier_firing_is_believed_at_once(late_ms: float) -> None:
    clock = TickClock(5.0 + late_ms * MS)  # the first look was late
    clock.rephase(35.0)
    assert clock.time(0) == pytest.approx(5.0)
    assert clock.index(35.0) == 3000, "the numbers stay"


def test_a_firing_seen_late_hardly_moves_the_clock() -> None:
    clock = TickClock(5.0)
    clock.rephase(35.004)
    assert 0 < clock.time(0) - 5.0 <= 0.5 * MS


def test_a_drift_of_twenty_parts_in_a_million_is_followed_for_half_an_hour() -> None:
    period = TICK_S * (1 + 20e-6)
    clock = TickClock(0.0)
    jitter = np.random.default_rng(3).exponential(0.3 * MS, 180)
    for look, late in enumerate(jitter, start=1):
        clock.rephase(look * 1000 * period + late)  # every 10 s
    tick = 180 * 1000
    assert clock.time(tick) == pytest.approx(tick * period, abs=1 * MS)


@pytest.mark.parametrize("late_ms", [-4.0, 2.0, 4.0])
def test_a_phase_that_was_seen_wrong_is_mended_between_two_segments(late_ms: float) -> None:
    sim = Sim(phase=3.7 * MS, believed_phase=(3.7 + late_ms) * MS)
    sim.say(ramp(20 * BLOCK))
    sim.run(1.0)
    for _ in range(10):
        sim.playout.rephase(sim.phase + sim.ticks * TICK_S)
    begin = len(sim.left)
    sim.capture(ramp(RATE))
    sim.flush()
    sim.run(0.4567)
    sim.clear()
    heard = sum(len(block) for _, block in sim.left[begin:])
    end = sim.finished()[-1]
    assert isinstance(end, Finished)
    assert end.position == heard
    assert sim.started()[-1].at == pytest.approx(sim.left[begin][0])


def test_a_later_phase_in_mid_segment_takes_nothing_back_that_was_reported() -> None:
    sim = Sim(phase=3.7 * MS)
    sim.capture(ramp(RATE))
    for _ in range(40):
        sim.run(0.0103)
        sim.playout.rephase(sim.now - 6.5 * MS)
        sim.pause()
        sim.resume()
    sim.clear()
    covered = 0
    for run in sim.progressed():
        assert run.offset == covered
        covered += run.count
    assert sim.finished()[-1].position >= covered
