"""Make `speech.wav`, the clip of real speech that the tests use: `python tests/data/make_speech.py`.

Needs the `hibari-tts` distribution. The noise component is seeded, so the same version makes the same samples.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from hibari import SAMPLE_RATE, Hibari

TEXT = "Maybe you should move my purple boots. She saw five of them."

if __name__ == "__main__":
    samples = Hibari()(TEXT, seed=0)
    pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")
    with wave.open(str(Path(__file__).with_name("speech.wav")), "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(SAMPLE_RATE)
        clip.writeframes(pcm.tobytes())
