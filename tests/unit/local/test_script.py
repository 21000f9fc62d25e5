"""What the scripted conversation answers."""

from __future__ import annotations

from datetime import datetime

import pytest

from livekit_bithuman.local import script
from livekit_bithuman.local.script import NOTHING, RULES, UNKNOWN, reply

AFTERNOON = datetime(2026, 3, 22, 15, 7)


def rule_of(answer: str) -> int:
    return next(place for place, rule in enumerate(RULES) if answer in rule.answers)


@pytest.mark.parametrize(
    ("said", "like"),
    [
        ("Hello there!", "hi"),
        ("Can you tell me a story about the sea?", "a story"),
        ("Tell me a joke.", "a joke"),
        ("What are you?", "who are you"),
        ("How does this work?", "how does it work"),
        ("How are you today?", "how are you"),
        ("Thank you very much.", "thanks"),
        ("Goodbye!", "bye"),
    ],
)
def test_what_means_the_same_is_answered_alike(said: str, like: str) -> None:
    assert rule_of(reply([said], AFTERNOON)) == rule_of(reply([like], AFTERNOON))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Say I like green apples.", "I like green apples."),
        ("Please say: Peter Piper picked a peck.", "Peter Piper picked a peck."),
        ("repeat after me, one two three", "one two three"),
        ("What time is it?", "It is 3:07 PM."),
        ("What day is it today?", "Today is Sunday, the 22nd of March."),
        ("", NOTHING),
        ("…", NOTHING),
        ("Explain quantum chromodynamics.", UNKNOWN[0]),
    ],
)
def test_the_answer_is_this(said: str, answer: str) -> None:
    assert reply([said], AFTERNOON) == answer


def test_who_asks_again_hears_another_one_and_in_the_end_the_first() -> None:
    jokes = [reply(["A joke!"] * count, AFTERNOON) for count in range(1, 5)]
    assert len(set(jokes[:3])) == 3
    assert jokes[3] == jokes[0]


def test_nobody_said_anything() -> None:
    assert reply([], AFTERNOON) == NOTHING


@pytest.mark.parametrize(
    ("day", "spoken"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (21, "21st")]
)
def test_days_are_ordinals(day: int, spoken: str) -> None:
    assert script._ordinal(day) == spoken
