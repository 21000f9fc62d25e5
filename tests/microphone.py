"""What a fake microphone says: Chromium plays a WAV file as one."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.local import LocalVoice
from livekit_bithuman.speech.resample import StreamResampler

#: Hz that Chromium's fake device works at.
RATE = 48_000
#: Silence before the first word: Chromium needs a moment to open the device.
_LEAD_S = 0.5


def write_questions(path: Path, voice: LocalVoice, questions: Sequence[tuple[str, float]]) -> None:
    """Write a WAV file that says each text, and is silent for so many seconds after it."""
    pieces = [_silence(_LEAD_S)]
    for text, silence in questions:
        spoken = np.frombuffer(b"".join(voice.sentences(text)), np.int16)
        resampler = StreamResampler(voice.sample_rate, RATE)
        samples = np.concatenate([resampler.push(spoken), resampler.finish()])
        pieces += [np.asarray(np.clip(np.rint(samples), -32_768, 32_767), np.int16), _silence(silence)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(pieces).tobytes())


def _silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(int(seconds * RATE), np.int16)
