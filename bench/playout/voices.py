"""What the agents say: the same samples in every process, made from a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.testing import marker_voice

#: Of every voice, in Hz, as livekit-agents' own default is.
RATE = 24_000
#: Samples in a slot of 25 FPS.
SLOT = RATE // 25
#: A long voice is made of stretches, since a transform over half an hour needs gigabytes.
STRETCH_S = 60
TONE_HZ = 330.0


def noise(seed: int, seconds: float) -> NDArray[np.int16]:
    """Noise in the speech band that can be located to the sample; int16, shape (seconds * RATE,)."""
    count = round(seconds * RATE)
    stretches = []
    for number, start in enumerate(range(0, count, STRETCH_S * RATE)):
        length = min(STRETCH_S * RATE, count - start)
        stretches.append(marker_voice(seed * 1009 + number, length, RATE))
    return np.concatenate(stretches)


def tone(seconds: float) -> NDArray[np.int16]:
    """A steady tone without anything above 1.5 kHz; int16, shape (seconds * RATE,)."""
    times = np.arange(round(seconds * RATE)) / RATE
    level = 0.3 * np.minimum(1.0, times / 0.05)  # no click of its own at the beginning
    samples: NDArray[np.int16] = np.rint(32767 * level * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16)
    return samples
