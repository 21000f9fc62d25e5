"""Turn timings from the framework's metrics."""

from __future__ import annotations

import pytest

from livekit_bithuman.turns import TurnTiming

USER = {"stopped_speaking_at": 100.0, "transcription_delay": 0.4, "end_of_turn_delay": 0.55}
ASSISTANT = {"llm_node_ttft": 0.01, "tts_node_ttfb": 0.12, "playback_latency": 0.03, "e2e_latency": 0.80}


def parts(timing: TurnTiming) -> list[float]:
    return [timing.recognition, timing.endpointing, timing.reply, timing.voice, timing.playout, timing.other]


def test_the_parts_are_the_frameworks_and_make_up_the_total() -> None:
    timing = TurnTiming.of(USER, ASSISTANT)
    assert parts(timing) == pytest.approx([0.4, 0.15, 0.01, 0.12, 0.03, 0.09])
    assert timing.total == 0.80


@pytest.mark.parametrize("total", [0.6, 0.5, 0.2])
def test_what_went_on_at_the_same_time_counts_once(total: float) -> None:
    timing = TurnTiming.of(USER, ASSISTANT | {"e2e_latency": total, "llm_node_ttft": 0.3})
    assert sum(parts(timing)) == pytest.approx(total)
    assert min(parts(timing)) >= 0.0


def test_typed_text_has_no_total() -> None:
    timing = TurnTiming.of({}, {name: value for name, value in ASSISTANT.items() if name != "e2e_latency"})
    assert timing.total is None
    assert (timing.recognition, timing.endpointing, timing.voice) == (0.0, 0.0, 0.12)


def test_json_has_milliseconds() -> None:
    assert TurnTiming.of(USER, ASSISTANT).to_json() == {
        "recognition_ms": 400,
        "endpointing_ms": 150,
        "reply_ms": 10,
        "voice_ms": 120,
        "playout_ms": 30,
        "other_ms": 90,
        "total_ms": 800,
    }
    assert TurnTiming.of({}, {}).to_json()["total_ms"] is None
