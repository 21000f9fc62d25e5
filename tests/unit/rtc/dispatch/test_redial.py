"""When an avatar is called again that did not come."""

from __future__ import annotations

import itertools

from livekit_bithuman.rtc.dispatch.redial import CALL_AGAIN_AT_MOST_S, CALL_AGAIN_S, Redial


def calls(redial: Redial, begin: float, end: float, step: float = 0.5) -> list[float]:
    """When calls are made, if nobody answers any and it is looked as often as `step`."""
    made = []
    now = begin
    while now < end:
        redial.unanswered(now)
        if redial.is_due(now):
            made.append(now)
        now += step
    return made


def test_nobody_is_called_while_there_is_nothing_to_do() -> None:
    redial = Redial()
    assert not redial.is_due(1e9)
    redial.put_off(1e9)
    redial.cut_off(1e9)
    assert redial.at == float("inf")


def test_calls_are_made_ever_less_often_but_never_end() -> None:
    made = calls(Redial(), 0.0, 1000.0)
    gaps = [after - before for before, after in itertools.pairwise(made)]
    assert made[0] == CALL_AGAIN_S
    assert gaps[:4] == [6.0, 12.0, 24.0, 48.0]
    assert set(gaps[4:]) == {CALL_AGAIN_AT_MOST_S}


def test_an_answer_begins_it_anew() -> None:
    redial = Redial()
    calls(redial, 0.0, 100.0)
    redial.answered()
    assert not redial.is_due(1e6)
    assert calls(redial, 200.0, 204.0) == [200.0 + CALL_AGAIN_S]


def test_an_agent_that_was_cut_off_calls_soon_after_it_is_back() -> None:
    redial = Redial()
    calls(redial, 0.0, 100.0)
    for now in range(100, 160):
        redial.cut_off(float(now))
        assert not redial.is_due(float(now)), "nobody would come to where the agent is not"
    assert calls(redial, 160.0, 180.0)[0] <= 159.0 + CALL_AGAIN_S


def test_who_waits_for_the_end_of_a_reply_is_not_called_after() -> None:
    redial = Redial()
    redial.unanswered(0.0)
    for now in range(100):
        redial.put_off(float(now))
        assert not redial.is_due(float(now))
    assert calls(redial, 100.0, 110.0), "and then gone"
