"""The spoken corpus on disk: one .npz per source, made once and kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .phonemes import SAMPLES_PER_ROW
from .voices import Utterance, speak


@dataclass(frozen=True)
class Voice:
    """Everything one source said."""

    source: str
    utterances: tuple[Utterance, ...]

    @property
    def rows(self) -> int:
        """How many 10 ms rows it has."""
        return sum(len(utterance.labels) for utterance in self.utterances)


def _store(path: Path, utterances: list[Utterance]) -> None:
    ends = np.cumsum([len(utterance.labels) for utterance in utterances])
    pcm = np.concatenate([utterance.pcm[: len(utterance.labels) * SAMPLES_PER_ROW] for utterance in utterances])
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, pcm=pcm, labels=np.concatenate([utterance.labels for utterance in utterances]), ends=ends)
    unfinished.replace(path)


def _load(path: Path) -> list[Utterance]:
    with np.load(path) as stored:
        pcm: NDArray[np.int16] = stored["pcm"]
        labels: NDArray[np.int8] = stored["labels"]
        ends = [int(end) for end in stored["ends"]]
    return [
        Utterance(pcm[start * SAMPLES_PER_ROW : end * SAMPLES_PER_ROW], labels[start:end])
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def _spoken(folder: Path, source: str, count: int, seed: int) -> Path:
    """The file of a source, synthesised where the folder does not have it yet."""
    path = folder / f"{source.replace(':', '-')}-{count}.npz"
    if not path.exists():
        _store(path, list(speak(source, count, seed + zlib.crc32(source.encode()) % 10_000)))
    return path


def corpus(
    folder: Path, sources: Mapping[str, int], seed: int, say: Callable[[str], None] = print, workers: int = 2
) -> list[Voice]:
    """What every source says, `sources[name]` sentences of each, spoken by `workers` processes."""
    folder.mkdir(parents=True, exist_ok=True)
    voices = []
    # JAX's threads do not survive a fork
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        paths = {source: pool.submit(_spoken, folder, source, count, seed) for source, count in sources.items()}
        for source, path in paths.items():
            voices.append(Voice(source, tuple(_load(path.result()))))
            say(f"{source}: {len(voices[-1].utterances)} utterances, {voices[-1].rows / 6000:.1f} minutes")
    return voices
