"""When an avatar that says how far it is counts as lost, on a clock of the test's own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_bithuman.rtc.dispatch.pulse import (
    CATCH_UP_S,
    FIRST_WORD_S,
    IDLE_PATIENCE_S,
    MOST_PATIENCE_S,
    OPENING_PATIENCE_S,
    OPENING_S,
    PATIENCE_S,
    Progress,
    Pulse,
)


def speaking() -> Pulse:
    """An avatar whose last word came at 10.0, in the midst of a reply."""
    pulse = Pulse()
    pulse.beat(1.0)
    pulse.lost_at(1.0, True)
    pulse.beat(10.0)
    return pulse


def test_who_never_spoke_is_not_waited_for() -> None:
    pulse = Pulse()
    assert pulse.lost_at(0.0, False) is None
    assert pulse.lost_at(99.0, True) is None


def test_who_speaks_and_falls_silent_is_lost_within_200_ms() -> None:
    assert speaking().lost_at(10.0, True) == pytest.approx(10.0 + PATIENCE_S)
    assert PATIENCE_S + CATCH_UP_S < 0.2


def test_every_word_is_waited_for_anew() -> None:
    pulse = speaking()
    for now in (10.04, 10.08, 10.12):
        pulse.beat(now)
        assert pulse.lost_at(now, True) == pytest.approx(now + PATIENCE_S)


def test_the_first_word_on_a_reply_may_take_a_round_trip() -> None:
    pulse = Pulse()
    pulse.beat(10.0)
    assert pulse.lost_at(10.3, False) == 10.0 + IDLE_PATIENCE_S
    assert pulse.lost_at(10.4, True) == pytest.approx(10.4 + FIRST_WORD_S)


def test_a_process_that_did_not_run_itself_looks_once_more() -> None:
    pulse = speaking()
    due = pulse.lost_at(10.0, True)
    assert due is not None
    late = due + 0.3
    again = pulse.lost_at(late, True)
    assert again is not None
    assert again == pytest.approx(late + CATCH_UP_S)
    assert pulse.lost_at(again, True) == pytest.approx(10.0 + PATIENCE_S), "and then it is lost"


def test_who_was_wrong_is_more_patient_within_bounds() -> None:
    pulse = speaking()
    pulse.was_wrong()
    assert pulse.lost_at(10.0, True) == pytest.approx(10.0 + 2 * PATIENCE_S)
    for _ in range(9):
        pulse.was_wrong()
    assert pulse.lost_at(10.0, True) == pytest.approx(10.0 + MOST_PATIENCE_S)


def test_the_first_word_is_told_since_nobody_looks_before() -> None:
    pulse = Pulse()
    assert pulse.beat(1.0)
    assert not pulse.beat(1.04)
    pulse.begin()
    assert pulse.beat(2.0)


def test_words_that_come_unevenly_are_waited_for_longer_until_they_come_evenly() -> None:
    pulse = speaking()
    pulse.beat(10.12)
    assert pulse.lost_at(10.12, True) == pytest.approx(10.12 + 0.24)
    now = 10.12
    for _ in range(250):
        now += 0.04
        pulse.beat(now)
    assert pulse.lost_at(now, True) == pytest.approx(now + PATIENCE_S)


def test_a_pause_between_replies_is_no_unevenness() -> None:
    pulse = speaking()
    pulse.lost_at(10.0, False)
    pulse.beat(10.5)
    pulse.lost_at(10.6, True)
    pulse.beat(11.6)
    pulse.beat(11.64)
    assert pulse.lost_at(11.64, True) == pytest.approx(11.64 + PATIENCE_S)


def test_words_may_be_late_while_a_reply_is_taken() -> None:
    pulse = Pulse()
    pulse.beat(10.0)
    pulse.lost_at(10.0, True)
    pulse.beat(10.1)
    assert pulse.lost_at(10.1, True) == pytest.approx(10.1 + OPENING_PATIENCE_S)
    pulse.beat(10.0 + OPENING_S)
    assert pulse.lost_at(10.0 + OPENING_S, True) == pytest.approx(10.0 + OPENING_S + PATIENCE_S, abs=1e-6)


def test_another_avatar_is_not_judged_by_the_one_before() -> None:
    pulse = speaking()
    pulse.begin()
    assert pulse.lost_at(99.0, True) is None


def test_a_word_says_where_the_avatar_is() -> None:
    told = {"call": "abcd1234", "segment": "3", "heard": 480, "leaving": False}
    assert Progress.read(json.dumps(told).encode()) == Progress("abcd1234", "3", 480, False)
    idle = {"call": "abcd1234", "segment": None, "heard": None, "leaving": True}
    assert Progress.read(json.dumps(idle).encode()) == Progress("abcd1234", None, 0, True)


@given(
    st.binary(max_size=600)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_a_word_or_none(data: bytes) -> None:
    assert Progress.read(data) is None


@given(
    st.fixed_dictionaries(
        {
            name: st.none() | st.booleans() | st.integers() | st.floats() | st.text()
            for name in ("call", "segment", "heard", "leaving")
        }
    )
)
def test_any_fields_are_a_word_or_none(told: dict[str, object]) -> None:
    word = Progress.read(json.dumps(told).encode())
    assert word is None or (isinstance(word.call, str) and word.heard >= 0)
