"""Features and labels to train on: every utterance once as it was spoken and several times augmented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.features import features

from .augment import augmented, not_speech
from .corpus import Voice
from .voices import RATE, Utterance

#: Share of the rows on which the mouth must stay shut although something sounds.
NOT_SPEECH_SHARE = 0.06


@dataclass(frozen=True)
class Dataset:
    """Utterances end to end."""

    rows: NDArray[np.float16]  # (n, 40) features
    labels: NDArray[np.int8]  # (n,) viseme indices


def _rows(utterance: Utterance, rng: np.random.Generator) -> tuple[NDArray[np.float16], NDArray[np.int8]]:
    """An utterance after a random stretch of silence, so that rows begin in every phase of a phoneme."""
    lead = int(rng.integers(0, RATE // 4))
    pcm = np.concatenate([np.zeros(lead, np.int16), utterance.pcm])
    # a label's row is the one whose centre lies in it; moving the sound by part of a row moves it to the nearest
    labels = np.concatenate([np.zeros(round(lead / 160), np.int8), utterance.labels])
    found = features(pcm)
    count = min(len(found), len(labels))
    return found[:count].astype(np.float16), labels[:count]


def dataset(
    voices: Sequence[Voice], copies: Callable[[str], int], seed: int, say: Callable[[str], None] = print
) -> Dataset:
    """All voices, each utterance as spoken and `copies(source)` times augmented."""
    rng = np.random.default_rng(seed)
    rows: list[NDArray[np.float16]] = []
    labels: list[NDArray[np.int8]] = []

    def add(utterance: Utterance) -> None:
        found, shown = _rows(utterance, rng)
        rows.append(found)
        labels.append(shown)

    others = [utterance.pcm.astype(np.float32) / 32768.0 for voice in voices for utterance in voice.utterances[::20]]
    for voice in voices:
        for utterance in voice.utterances:
            add(utterance)
            for _ in range(copies(voice.source)):
                add(augmented(utterance, others[int(rng.integers(len(others)))], rng))
        say(f"{voice.source}: {sum(map(len, labels))} rows so far")
    wanted = int(sum(map(len, labels)) * NOT_SPEECH_SHARE)
    while wanted > 0:
        quiet = not_speech(int(rng.uniform(1.0, 4.0) * RATE), rng)
        add(quiet)
        wanted -= len(quiet.labels)
    order = rng.permutation(len(rows))
    return Dataset(np.concatenate([rows[i] for i in order]), np.concatenate([labels[i] for i in order]))
