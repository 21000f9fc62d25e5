"""Stepping down and up, over simulated loads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from livekit_bithuman.rtc.stepping import COLD_S, FIRST_WAIT_S, LONGEST_WAIT_S, Step, Stepper

FPS = 25
SLOT_S = 1 / FPS
#: Drawing and encoding at full size on an idle machine, and what is left of it: not the stepper's own figures.
PICTURE_S = 0.010
LEFT = {Step.FULL: 1.0, Step.CALM: 1.0, Step.SMALL: 0.75, Step.SMALLER: 0.5, Step.HALF: 0.5}


@dataclass
class Machine:
    """Draws one avatar's pictures while the machine is `load` times as slow as an idle one."""

    load: Callable[[float], float]
    speech: bool = True
    lowest: Step = Step.HALF
    now: float = 0.0
    skipped: int = 0
    changes: list[tuple[float, Step]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stepper = Stepper(FPS, self.now, self.lowest)

    def run(self, seconds: float) -> None:
        end, index, skipped = self.now + seconds, round(self.now * FPS), False
        while self.now < end:
            due, index = index * SLOT_S, index + 1
            if not self.stepper.step.shows(index - 1, speech=self.speech):
                continue
            if self.now > due + SLOT_S:
                self.skipped, skipped = self.skipped + 1, True
                continue
            took = PICTURE_S * LEFT[self.stepper.step] * self.load(self.now)
            self.now = max(self.now, due) + took
            if self.stepper.drawn(took, self.now, skipped=skipped, speech=self.speech):
                self.changes.append((self.now, self.stepper.step))
            skipped = False
        self.now = max(self.now, end)


def test_an_idle_machine_gives_nothing_up() -> None:
    machine = Machine(lambda now: 1.0)
    machine.run(600)
    assert machine.changes == []
    assert machine.stepper.downs == machine.skipped == 0


def test_what_is_given_up_goes_in_order_and_before_a_picture_is_dropped() -> None:
    machine = Machine(lambda now: 1.0 + now / 20)  # ever slower
    machine.run(110)
    assert [step for _, step in machine.changes] == [Step.CALM, Step.SMALL, Step.SMALLER, Step.HALF]
    assert machine.skipped == 0
    machine.run(300)
    assert machine.skipped > 0, "then nothing is left to give"
    assert machine.stepper.step is Step.HALF


def test_it_comes_back_a_step_at_a_time_when_the_load_is_gone() -> None:
    machine = Machine(lambda now: 12.0 if now < 30 else 1.0)
    machine.run(30)
    assert machine.stepper.step is Step.HALF
    machine.run(4 * FIRST_WAIT_S + 60)
    back = [step for at, step in machine.changes if at > 30]
    assert back == [Step.SMALLER, Step.SMALL, Step.CALM, Step.FULL]
    assert machine.changes[-4][0] > 30 + FIRST_WAIT_S


@pytest.mark.parametrize("load", [3.2, 3.6, 4.2, 5.0, 6.3])
def test_a_load_that_stays_is_not_answered_by_up_and_down(load: float) -> None:
    machine = Machine(lambda now: load)
    machine.run(1800)
    settled = [change for change in machine.changes if change[0] > 60]
    assert len(settled) <= 2 * (1800 / LONGEST_WAIT_S + 5), machine.changes
    assert machine.skipped < 0.01 * 1800 * FPS


def test_bursts_are_answered_ever_more_slowly() -> None:
    machine = Machine(lambda now: 5.0 if now % 20 < 4 else 1.0)
    machine.run(1200)
    first = sum(at < 300 for at, _ in machine.changes)
    last = sum(at > 900 for at, _ in machine.changes)
    assert last < first


def test_one_stall_is_no_pressure() -> None:
    machine = Machine(lambda now: 80.0 if 9.99 < now < 10.04 else 1.0)  # most of a second for one picture
    machine.run(60)
    assert machine.skipped > 10
    assert machine.changes == []


def test_what_is_cold_says_nothing() -> None:
    machine = Machine(lambda now: 6.0 if now < COLD_S - 0.1 else 1.0)
    machine.run(10)
    assert machine.changes == []
    machine.stepper.restart(machine.now)
    assert not any(
        machine.stepper.drawn(1.0, machine.now + at / FPS, skipped=True, speech=True) for at in range(int(COLD_S * FPS))
    )


def test_nothing_is_given_up_beyond_what_is_allowed() -> None:
    machine = Machine(lambda now: 30.0, lowest=Step.FULL)
    machine.run(60)
    assert machine.stepper.step is Step.FULL
    machine = Machine(lambda now: 30.0, lowest=Step.SMALL)
    machine.run(60)
    assert machine.stepper.step is Step.SMALL


def test_a_face_at_rest_needs_half_as_much_once_it_is_calm() -> None:
    machine = Machine(lambda now: 3.6, speech=False)
    machine.run(30)
    assert machine.stepper.step is Step.CALM
    assert machine.skipped == 0


def test_sizes_are_even_and_tiny_pictures_stay() -> None:
    assert [step.size((512, 512)) for step in Step] == [(512, 512), (512, 512), (384, 384), (256, 256), (256, 256)]
    assert Step.SMALL.size((1280, 720)) == (960, 540)
    assert Step.SMALLER.size((250, 350)) == (250, 350), "no side under 128"
    assert all(side % 2 == 0 for step in Step for side in step.size((410, 610)))


def test_half_of_the_pictures_are_every_second_one() -> None:
    assert [index for index in range(6) if Step.HALF.shows(index, speech=True)] == [0, 2, 4]
    assert all(Step.SMALLER.shows(index, speech=True) for index in range(6))
    assert [index for index in range(6) if Step.CALM.shows(index, speech=False)] == [0, 2, 4]
