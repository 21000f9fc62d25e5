"""Pictures drawn ahead of time: what is shown, and how far ahead is drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from livekit import rtc

from livekit_bithuman.playout import PictureDue
from livekit_bithuman.pose import Presentation
from livekit_bithuman.rtc.drawn import LEAST_LEAD_S, MOST_LEAD_S, DrawLead, DrawnPictures
from tests.unit.playout.sim import RATE, Sim, ramp

FRAME = rtc.VideoFrame(2, 2, rtc.VideoBufferType.I420, bytes(6))


def picture(due: float, segment: int | None = 1, generation: int = 0) -> PictureDue:
    return PictureDue(due, None, Presentation(), generation, segment, 0)


class AheadSim(Sim):
    """A playout whose pictures are drawn at once, as far ahead as asked, and shown when they are due."""

    def __init__(self, ahead: float) -> None:
        self.drawn = DrawnPictures()
        self.shown: list[tuple[float, PictureDue]] = []
        super().__init__(lead=ahead)

    def _settle(self) -> None:
        asked = len(self.pictures)
        super()._settle()
        for new in self.pictures[asked:]:
            self.drawn.add(new, FRAME)
        while (due := self.drawn.next_due) is not None and due <= self.now:
            taken, _ = self.drawn.take()
            if taken.segment is None or taken.generation == self.playout.generation:
                self.shown.append((self.now, taken))

    def _wakeups(self) -> list[float]:
        due = self.drawn.next_due
        return super()._wakeups() + ([] if due is None else [max(self.now + 1e-4, due)])


def gaps(sim: AheadSim) -> list[float]:
    return [float(gap) for gap in np.diff([at for at, _ in sim.shown])]


def said(sim: AheadSim, seconds: float) -> AheadSim:
    sim.run(1.0)
    sim.say(ramp(round(seconds * RATE)))
    return sim


@pytest.mark.parametrize("ahead", [0.015, 0.04, MOST_LEAD_S])
def test_a_reply_begins_when_it_is_due_however_far_ahead_rest_was_drawn(ahead: float) -> None:
    sim = said(AheadSim(ahead), 1.0)
    sim.run(1.5)
    words = [(at, taken) for at, taken in sim.shown if taken.segment is not None]
    assert [taken.slot for _, taken in words] == list(range(25))
    assert max(at - taken.due for at, taken in words) < 0.001
    assert max(gaps(sim)) < 0.061


@pytest.mark.parametrize("ahead", [0.015, 0.04, MOST_LEAD_S])
@pytest.mark.parametrize("stop", [Sim.clear, Sim.pause])
def test_an_interruption_leaves_no_hole_and_no_old_picture(ahead: float, stop: Callable[[Sim], None]) -> None:
    sim = said(AheadSim(ahead), 2.0)
    sim.run(0.83)
    before = len(sim.shown)
    stop(sim)
    sim.run(0.5)
    assert all(taken.segment is None for _, taken in sim.shown[before:])
    assert max(gaps(sim)) < 0.061


@pytest.mark.parametrize("ahead", [0.015, 0.04, MOST_LEAD_S])
@pytest.mark.parametrize("after", [0.80, 0.81, 0.82, 0.83])
def test_rest_is_seen_at_once_however_far_ahead_words_were_drawn(ahead: float, after: float) -> None:
    sim = said(AheadSim(ahead), 2.0)
    sim.run(after)
    before, stopped = len(sim.shown), sim.now
    sim.clear()
    sim.run(0.5)
    assert sim.shown[before][0] - stopped < 0.021


def test_the_tail_of_a_reply_that_is_interrupted_there_is_not_shown() -> None:
    """Rest behind the reply is drawn already: it does not stand in for the words that are dropped before it."""
    sim = said(AheadSim(MOST_LEAD_S), 1.0)
    sim.run(1.06)
    sim.clear()
    sim.run(0.5)
    assert max(gaps(sim)) < 0.061


def test_a_picture_replaces_those_that_were_drawn_for_later() -> None:
    drawn = DrawnPictures()
    for due in (1.00, 1.04, 1.08):
        drawn.add(picture(due, None), FRAME)
    drawn.add(picture(1.05), FRAME)
    assert [drawn.take()[0].due for _ in range(3)] == [1.00, 1.04, 1.05]
    assert drawn.next_due is None


def test_pictures_of_a_high_frame_rate_do_not_replace_each_other() -> None:
    drawn = DrawnPictures()
    for slot in range(6):
        drawn.add(picture(slot / 60), FRAME)
    assert [round(drawn.take()[0].due * 60) for _ in range(6)] == list(range(6))


def test_late_pictures_are_drawn_earlier_and_the_lead_shrinks_again() -> None:
    lead = DrawLead()
    lead.drawn(picture(0.0), -0.005)
    assert lead.seconds == LEAST_LEAD_S
    for _ in range(20):
        lead.drawn(picture(0.0), 0.03)
    assert lead.seconds == MOST_LEAD_S
    for _ in range(400):
        lead.drawn(picture(0.0), -0.01)
    assert lead.seconds == LEAST_LEAD_S


def test_the_first_picture_of_a_reply_says_nothing_about_the_machine() -> None:
    lead = DrawLead()
    lead.drawn(picture(0.0, None), -0.005)
    lead.drawn(picture(0.0, 1), 0.02)
    assert lead.seconds == LEAST_LEAD_S
