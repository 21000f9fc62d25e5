"""The local voice as livekit-agents uses it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from livekit_bithuman.errors import MissingDependencyError

pytest.importorskip("hibari", reason="hibari-tts is not installed")

from livekit_bithuman.local import LocalVoice


@pytest.fixture(scope="module")
def voice() -> LocalVoice:
    return LocalVoice()


async def test_text_becomes_speech_at_the_rate_that_it_announces(voice: LocalVoice) -> None:
    frame = await voice.synthesize("Hello there, this is a test.").collect()
    samples = np.frombuffer(frame.data, np.int16)
    assert (frame.sample_rate, frame.num_channels) == (voice.sample_rate, 1)
    assert 1.0 < frame.duration < 5.0
    assert 2_000 < np.abs(samples.astype(np.int32)).max() <= 32_767


def test_nobody_waits_for_its_first_sound(voice: LocalVoice) -> None:
    first = np.frombuffer(next(voice.sentences("What time is it?")), np.int16)
    assert np.abs(first[: voice.sample_rate // 20].astype(np.int32)).max() > 60, "sound within 50 ms"


def test_sentences_come_one_by_one(voice: LocalVoice) -> None:
    sentences = voice.sentences("One is here. Two is here. Three is here.")
    assert len(next(sentences)) > 2 * voice.sample_rate // 2
    assert len(list(sentences)) == 2


def test_the_same_text_is_the_same_sound(voice: LocalVoice) -> None:
    assert list(voice.sentences("Once more.")) == list(voice.sentences("Once more."))


@pytest.mark.parametrize("text", ["🙂", "…", "   .  "])
async def test_text_without_a_word_is_a_short_silence_and_no_failure(voice: LocalVoice, text: str) -> None:
    frame = await voice.synthesize(text).collect()
    assert 0.0 < frame.duration < 1.0


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(MissingDependencyError, match=r"livekit-bithuman\[offline\]"):
        LocalVoice()
