"""What a worker takes for a call: only what an agent can have meant, whatever anybody sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livekit_bithuman.rtc.dispatch.call import MAX_BYTES, Call, CallError

LEAST = {"protocol": 1, "agent": "agent", "identity": "avatar"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(["protocol", "agent", "identity", "call", "avatar", "name", "rate", "size", "fps", "seed", "more"]),
    json_values,
)


def test_what_an_agent_asks_for_arrives() -> None:
    asked = Call("agent", "avatar-1", "0123abcd", "maya", "Maya", 48_000, (640, 480), 30, 7)

    assert Call.from_metadata(asked.metadata()) == asked


def test_agent_and_identity_are_all_that_is_needed() -> None:
    call = Call.from_metadata(json.dumps({**LEAST, "from a newer agent": [1]}))

    assert (call.agent, call.identity, call.call, call.avatar) == ("agent", "avatar", None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": 2},
        {"protocol": True},
        {"protocol": "1"},
        {"agent": ""},
        {"agent": "x" * 300},
        {"agent": "a\nb"},
        {"agent": "avatar"},
        {"identity": 3},
        {"call": "not hexadecimal"},
        {"call": "0123abcd" * 9},
        {"avatar": "../../etc/passwd"},
        {"avatar": "/etc/passwd"},
        {"avatar": ".hidden"},
        {"avatar": "maya\n"},
        {"rate": 22_050},
        {"rate": 24_000.0},
        {"rate": True},
        {"size": [512]},
        {"size": [511, 512]},
        {"size": [4096, 4096]},
        {"size": "512x512"},
        {"fps": 0},
        {"fps": 1000},
        {"seed": 10**30},
        {"seed": None},
    ],
)
def test_what_no_worker_does_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CallError):
        Call.from_metadata(json.dumps({**LEAST, **change}))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "1", "{", '{"protocol": NaN}', "[" * 5000, "x" * (MAX_BYTES + 1), "\ud800"]
)
def test_what_is_no_call_is_refused(text: str) -> None:
    with pytest.raises(CallError):
        Call.from_metadata(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
@given(fields)
def test_any_json_is_a_call_that_can_be_told_again_or_is_refused(told: dict[str, Any]) -> None:
    for text in (json.dumps(told), json.dumps({**LEAST, **told})):
        try:
            call = Call.from_metadata(text)
        except CallError:
            continue
        assert Call.from_metadata(call.metadata()) == call


@settings(deadline=None)
@given(st.text())
def test_any_text_is_refused_as_a_call_error(text: str) -> None:
    with pytest.raises(CallError):
        Call.from_metadata(text)
