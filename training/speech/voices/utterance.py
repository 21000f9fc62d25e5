"""Spoken text with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from ..phonemes import SAMPLES_PER_ROW, Segment, row_labels

RATE = 16_000


@dataclass(frozen=True)
class Utterance:
    """Spoken text with its labels."""

    pcm: NDArray[np.int16]  # 16 kHz mono
    labels: NDArray[np.int8]  # a viseme index per 10 ms


def utterance(samples: NDArray[Any], rate: int, segments: Sequence[Segment]) -> Utterance:
    """Bring a voice's sound, full scale at 1.0, to 16 kHz int16 and its segments to rows."""
    sound = np.asarray(samples, np.float32)
    if rate != RATE:
        sound = soxr.resample(sound, rate, RATE)
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
    return Utterance(pcm, row_labels(segments, len(pcm) // SAMPLES_PER_ROW))
