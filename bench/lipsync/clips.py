"""Labelled recordings: what every score is made against.

A folder of them holds `group-name.wav` (16 kHz mono int16) and `group-name.json` ({"visemes": [[start_s, end_s,
viseme], ...]}), as `training.speech.score` reads them too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES
from training.speech.phonemes import ROWS_PER_SECOND, SAMPLES_PER_ROW
from training.speech.score import labels_of

RATE = 16_000
Pcm = NDArray[np.int16]  # 16 kHz mono, shape (n,)
Labels = NDArray[np.int64]  # an index into VISEMES per 10 ms, shape (n // 160,)
Segments = list[tuple[float, float, str]]  # start and end in seconds, viseme


class SpeechError(Exception):
    """The evaluation speech cannot be had or used; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One labelled recording."""

    name: str
    group: str  # "human", "neural", or what stands before the first hyphen of a file's name
    pcm: Pcm
    labels: Labels

    @property
    def rows(self) -> int:
        """Of 10 ms."""
        return len(self.labels)


#: What the groups of the project's evaluation speech are called in tables.
GROUPS = {"asterisk": "human", "piper": "neural"}


def read_clips(folder: Path) -> list[Clip]:
    """All the labelled recordings of a folder, in order of their names.

    Raises:
        SpeechError: There are none, one has no sound, or one that is not 16 kHz mono.
    """
    clips = []
    for label_file in sorted(folder.glob("*.json")):
        wav = label_file.with_suffix(".wav")
        if not wav.is_file():
            raise SpeechError(f"{label_file.name} has no {wav.name} beside it. Build the speech again.")
        pcm, rate = soundfile.read(wav, dtype="int16")
        if rate != RATE or pcm.ndim != 1:
            raise SpeechError(f"{wav.name} is not 16 kHz mono. Convert it first.")
        group = label_file.name.split("-")[0]
        labels = labels_of(label_file, len(pcm) // SAMPLES_PER_ROW)
        clips.append(Clip(label_file.stem, GROUPS.get(group, group), pcm, labels))
    if not clips:
        raise SpeechError(f"There is no labelled speech in {folder}: it needs name.wav and name.json.")
    return clips


def some_of(clips: Iterable[Clip], count: int) -> list[Clip]:
    """Every k-th clip of each group, so that `count` of each are left, or all if there are fewer."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.group, []).append(clip)
    return [clip for group in groups.values() for clip in group[:: max(1, -(-len(group) // count))]]


def segments_of_runs(runs: str) -> Segments:
    """Segments from "sil:4 TH:15 ...": visemes in order, each with its length in rows of 10 ms.

    Raises:
        SpeechError: It is not written like that.
    """
    segments: Segments = []
    row = 0
    for item in runs.split():
        viseme, _, length = item.partition(":")
        if viseme not in VISEMES or not length.isdecimal():
            raise SpeechError(f"{item!r} is not a viseme and a number of rows.")
        segments.append((row / ROWS_PER_SECOND, (row + int(length)) / ROWS_PER_SECOND, viseme))
        row += int(length)
    return segments


def write_clip(folder: Path, name: str, pcm: Pcm, text: str, segments: Segments) -> None:
    """Write a recording and then its labels, each in one step: what is cut short leaves no clip."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.part"
    soundfile.write(unfinished, pcm, RATE, subtype="PCM_16", format="WAV")
    unfinished.replace(folder / f"{name}.wav")
    unfinished.write_text(json.dumps({"text": text, "visemes": segments}, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(folder / f"{name}.json")
