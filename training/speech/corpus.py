"""The spoken corpus on disk: one .npz per voice, made once and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .phonemes import SAMPLES_PER_ROW
from .sentences import sentences
from .voices import Utterance, speak


@dataclass(frozen=True)
class Voice:
    """Everything one voice said."""

    source: str
    utterances: tuple[Utterance, ...]

    @property
    def rows(self) -> int:
        """How many 10 ms rows it has."""
        return sum(len(utterance.labels) for utterance in self.utterances)


def _path(folder: Path, source: str) -> Path:
    return folder / f"{source.replace(':', '-')}.npz"


def _store(path: Path, utterances: list[Utterance]) -> None:
    ends = np.cumsum([len(utterance.labels) for utterance in utterances])
    pcm = np.concatenate([utterance.pcm[: len(utterance.labels) * SAMPLES_PER_ROW] for utterance in utterances])
    np.savez(path, pcm=pcm, labels=np.concatenate([utterance.labels for utterance in utterances]), ends=ends)


def _load(path: Path) -> list[Utterance]:
    with np.load(path) as stored:
        pcm: NDArray[np.int16] = stored["pcm"]
        labels: NDArray[np.int8] = stored["labels"]
        ends = [int(end) for end in stored["ends"]]
    return [
        Utterance(pcm[start * SAMPLES_PER_ROW : end * SAMPLES_PER_ROW], labels[start:end])
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def corpus(
    folder: Path, sources: tuple[str, ...], count: int, seed: int, say: Callable[[str], None] = print
) -> list[Voice]:
    """The corpus of `count` sentences per voice, synthesised where the folder does not have it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    voices = []
    for number, source in enumerate(sources):
        path = _path(folder, source)
        if not path.exists():
            say(f"speaking {count} sentences with {source}")
            _store(path, list(speak(source, sentences(count, seed + number), seed + number)))
        voices.append(Voice(source, tuple(_load(path))))
        say(f"{source}: {len(voices[-1].utterances)} utterances, {voices[-1].rows / 6000:.1f} minutes")
    return voices
