"""Cues on playout's clock: now, or at a moment of a reply; never of one that is over."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.cues import Act, Action, Attend, Attitude, Cue, Feel
from livekit_bithuman.media import Emotion

from .sim import RATE, Sim

NOD = Act(Action.NOD)
FEAR = Feel(((Emotion.FEAR, 1.0),), 0.0)
FPS = 25


def voice(seconds: float) -> np.ndarray:
    return (np.arange(round(seconds * RATE)) % 30_000).astype(np.int16)


def feared(sim: Sim) -> list[tuple[int | None, int]]:
    """(segment, slot) of the pictures that look afraid."""
    return [(p.segment, p.slot) for p in sim.pictures if p.presentation.expression.lids > 0]


def nods(sim: Sim) -> int:
    """Times that the head went down."""
    down = np.array([picture.presentation.pitch > 0.05 for picture in sim.pictures])
    return int((down[1:] & ~down[:-1]).sum()) // 2  # a nod goes down twice


def test_a_cue_without_a_time_is_followed_by_the_next_picture() -> None:
    sim = Sim()
    sim.run(0.5)
    before = len(sim.pictures)
    sim.cue(FEAR)
    sim.run(0.2)
    assert len(feared(sim)) == len(sim.pictures) - before


@pytest.mark.parametrize("at_s", [0.0, 0.5, 0.52, 1.3])
def test_a_timed_cue_is_followed_from_its_slot_on(at_s: float) -> None:
    sim = Sim()
    sim.capture(voice(0.1))
    sim.cue(FEAR, at_s)
    sim.capture(voice(1.5))
    sim.flush()
    sim.run(2.0)
    assert feared(sim)[0] == (0, int(np.ceil(at_s * FPS)))


def test_a_timed_cue_before_a_reply_waits_for_it_and_not_for_the_one_after() -> None:
    sim = Sim()
    sim.cue(FEAR, 0.2)
    sim.run(1.0)
    assert feared(sim) == []
    sim.say(voice(0.5))
    sim.say(voice(0.5))
    sim.run(1.5)
    assert feared(sim)[0] == (0, 5)


def test_a_timed_cue_is_of_the_reply_that_is_heard_and_not_of_what_was_captured_ahead() -> None:
    sim = Sim()
    sim.say(voice(1.0))
    sim.say(voice(1.0))
    sim.run(0.3)
    sim.cue(FEAR, 0.8)
    sim.run(2.0)
    assert feared(sim)[0] == (0, 20)


@pytest.mark.parametrize("when", ["in the reply", "before it"])
def test_an_interruption_drops_cues_that_wait(when: str) -> None:
    sim = Sim()
    if when == "before it":
        sim.cue(FEAR, 0.6)
    sim.capture(voice(2.0))
    if when == "in the reply":
        sim.cue(FEAR, 0.6)
    sim.run(0.4)
    sim.clear()
    sim.cue(FEAR, 0.1)  # of the same reply, whose voice still comes
    sim.flush()
    sim.say(voice(2.0))
    sim.run(3.0)
    assert feared(sim) == []


def test_a_reply_that_ends_before_a_cue_drops_it() -> None:
    sim = Sim()
    sim.say(voice(0.5))
    sim.cue(FEAR, 0.9)
    sim.run(1.0)
    sim.say(voice(2.0))
    sim.run(2.5)
    assert feared(sim) == []


def test_a_pause_keeps_a_cue_and_a_resume_does_not_repeat_it() -> None:
    sim = Sim()
    sim.say(voice(2.0))
    sim.cue(NOD, 0.2)
    sim.cue(FEAR, 1.5)
    sim.run(0.8)
    sim.pause()
    sim.run(2.0)
    assert feared(sim) == []
    sim.resume()
    sim.run(2.0)
    assert feared(sim)[0] == (0, round(1.5 * FPS))
    assert nods(sim) == 1


def test_a_cue_whose_slot_was_skipped_is_not_lost() -> None:
    sim = Sim()
    sim.say(voice(2.0))
    sim.cue(FEAR, 0.6)
    sim.run(0.5)
    sim.stall(0.5)
    sim.run(1.0)
    assert feared(sim)
    assert feared(sim)[0][1] > 15


def test_cues_change_no_sample_and_no_moment() -> None:
    def played(cues: list[Cue]) -> Sim:
        sim = Sim()
        for cue in cues:
            sim.cue(cue)
        sim.say(voice(1.0))
        for cue in cues:
            sim.cue(cue, 0.5)
        sim.run(1.5)
        return sim

    told, plain = played([NOD, FEAR, Attend(Attitude.THINKING)]), played([])
    assert [p.due for p in told.pictures] == [p.due for p in plain.pictures]
    assert np.array_equal(told.spoken(), plain.spoken())
