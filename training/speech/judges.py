"""Scores on voices and languages that nothing was trained on, with phoneme times that the voices themselves know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from livekit_bithuman.speech.net import VisemeNet

from .align import aligned
from .corpus import Voice
from .score import Tally, told
from .voices import NEURAL


def judged(voices: Sequence[Voice], net: VisemeNet, aligner: VisemeNet) -> dict[str, Tally]:
    """Tallies by source at 100 frames a second; labels of neural voices are mended by the aligner first."""
    tallies = {}
    for voice in voices:
        fair = aligned(voice, aligner)[0] if voice.source.startswith(NEURAL) else voice
        tally = tallies[voice.source] = Tally()
        for utterance in fair.utterances:
            labels = utterance.labels.astype(np.int64)
            if (labels > 0).any():
                tally.add(told(utterance.pcm, 100, net), labels)
    return tallies
