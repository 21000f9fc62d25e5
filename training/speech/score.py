"""Score the streaming runtime against labelled speech: `python -m training.speech.score FOLDER`.

FOLDER holds recordings `name.wav` (16 kHz mono) with labels `name.json` ({"visemes": [[start_s, end_s, viseme], ...]});
the name up to its first hyphen is the group that is averaged. The runtime is run at 100 frames a second, and at 25
with every frame held for its 40 ms, as a viewer sees it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.net import VisemeNet
from livekit_bithuman.speech.shape import OPENNESS, WIDTH, mouth_shape
from livekit_bithuman.speech.stream import SpeechStream

from .phonemes import ROWS_PER_SECOND, SAMPLES_PER_ROW

Track = NDArray[np.float64]

#: An openness below this, after a blur of 15 ms, counts as shut.
SHUT = 0.13


def blurred(track: Track, rows: float) -> Track:
    """A track under a Gaussian of that many rows, its ends held."""
    reach = int(4 * rows)
    taps = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * rows * rows))
    return np.convolve(np.pad(track, reach, "edge"), taps / taps.sum(), "valid")


@dataclass
class Tally:
    """What is counted over a group of recordings."""

    openness_r: list[float] = field(default_factory=list)
    width_r: list[float] = field(default_factory=list)
    right: list[float] = field(default_factory=list)  # share of rows whose strongest viseme is the label
    closures: int = 0  # p, b, m of 30 ms and more
    shut: int = 0  # of them, shown shut within 40 ms
    onset_ms: list[float] = field(default_factory=list)
    vowel_rows: int = 0
    vowel_rows_shut: int = 0
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((15, 15), np.int64))  # [label, told]

    def add(self, weights: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        """Count one recording: weights (n, 15) and labels (n,), both per 10 ms."""
        openness, width = mouth_shape(weights)
        self.add_tracks(labels, openness, width, weights.argmax(axis=1))

    def add_tracks(
        self,
        labels: NDArray[np.int64],
        openness: NDArray[np.floating],
        width: NDArray[np.floating] | None = None,
        visemes: NDArray[np.integer] | None = None,
    ) -> None:
        """Count one recording of which any system told the openness, and perhaps more; all (n,), a row per 10 ms.

        Args:
            labels: What was said, indices into VISEMES; not all of it silence.
            openness: 0..1.
            width: -1..1.
            visemes: Indices into VISEMES.
        """
        spoken = np.flatnonzero(labels > 0)
        core = slice(max(0, spoken[0] - 10), min(len(labels), spoken[-1] + 10))
        for told, table, found in ((openness, OPENNESS, self.openness_r), (width, WIDTH, self.width_r)):
            if told is None:
                continue
            shown = blurred(np.asarray(told, np.float64), 2)[core]
            if shown.std() > 1e-6:
                target = blurred(table[labels].astype(np.float64), 3)[core]
                found.append(float(np.corrcoef(shown, target)[0, 1]))
        if visemes is not None:
            self.right.append(float((visemes[core] == labels[core]).mean()))
            np.add.at(self.confusion, (labels[core], visemes[core]), 1)
        self._closures(blurred(np.asarray(openness, np.float64), 1.5) < SHUT, labels)

    def _closures(self, shut: NDArray[np.bool_], labels: NDArray[np.int64]) -> None:
        closed = np.concatenate([[0], labels == VISEMES.index("PP"), [0]]).astype(int)
        for start, stop in zip(
            np.flatnonzero(np.diff(closed) == 1), np.flatnonzero(np.diff(closed) == -1), strict=True
        ):
            if stop - start < 3:
                continue
            self.closures += 1
            near = max(0, start - 4)
            hits = np.flatnonzero(shut[near : stop + 4])
            if len(hits) == 0:
                continue
            self.shut += 1
            onset = near + int(hits[0])
            while onset > max(0, start - 15) and shut[onset - 1]:
                onset -= 1
            if onset > start - 15:  # a closure that merges with a pause has no onset
                self.onset_ms.append(abs(onset - start) * 10.0)
        vowels = labels >= VISEMES.index("aa")
        self.vowel_rows += int(vowels.sum())
        self.vowel_rows_shut += int((shut & vowels).sum())

    def figures(self) -> dict[str, float]:
        """What a table says of the group; NaN for what nobody told or nothing gave."""
        return {
            "openness_r": _mean(self.openness_r),
            "width_r": _mean(self.width_r),
            "accuracy": _mean(self.right),
            "shut": self.shut / self.closures if self.closures else np.nan,
            "false": self.vowel_rows_shut / self.vowel_rows if self.vowel_rows else np.nan,
            "onset_median_ms": float(np.median(self.onset_ms)) if self.onset_ms else np.nan,
            "onset_p90_ms": float(np.percentile(self.onset_ms, 90)) if self.onset_ms else np.nan,
        }

    def line(self) -> str:
        """One row of the table."""
        row = (
            "accuracy {accuracy:.3f}  openness r {openness_r:.3f}  width r {width_r:.3f}  shut {shut:.3f}  "
            "false {false:.3f}  onset median {onset_median_ms:.0f} p90 {onset_p90_ms:.0f} ms"
        )
        return f"n {len(self.openness_r):4d}  {row.format(**self.figures())}"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def told(pcm: NDArray[np.int16], fps: int, net: VisemeNet | None = None) -> NDArray[np.float32]:
    """The runtime's weights for a recording, a row per 10 ms: float32 (len(pcm) // 160, 15)."""
    rows = len(pcm) // SAMPLES_PER_ROW
    stream = SpeechStream(fps, net)
    stream.push(pcm)
    stream.finish(-(-rows * fps // ROWS_PER_SECOND))
    frames = stream.poll()
    return frames[np.arange(rows) * fps // ROWS_PER_SECOND]


def labels_of(path: Path, rows: int) -> NDArray[np.int64]:
    """A viseme index per 10 ms from a label file; silence where it says nothing."""
    labels = np.zeros(rows, np.int64)
    for start, end, viseme in json.loads(path.read_text(encoding="utf-8"))["visemes"]:
        labels[round(start * ROWS_PER_SECOND) : round(end * ROWS_PER_SECOND)] = VISEMES.index(viseme)
    return labels


def score(
    folder: Path,
    fps: int,
    net: VisemeNet | None = None,
    change: Callable[[NDArray[np.int16]], NDArray[np.int16]] | None = None,
) -> dict[str, Tally]:
    """Tallies by group.

    Args:
        folder: Recordings and labels.
        fps: The rate at which the runtime runs.
        net: Weights other than the shipped ones.
        change: Applied to every recording first: a telephone, noise.
    """
    tallies: dict[str, Tally] = {}
    for label_file in sorted(folder.glob("*.json")):
        pcm, _ = soundfile.read(label_file.with_suffix(".wav"), dtype="int16")
        weights = told(change(pcm) if change is not None else pcm, fps, net)
        labels = labels_of(label_file, len(weights))
        tallies.setdefault(label_file.name.split("-")[0], Tally()).add(weights, labels)
    return tallies


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="recordings with labels")
    parser.add_argument("--weights", type=Path, help="a weights file other than the shipped one")
    options = parser.parse_args(arguments)
    net = None
    if options.weights is not None:
        with np.load(options.weights) as arrays:
            net = VisemeNet.from_arrays(arrays)
    for fps in (100, 25):
        for group, tally in score(options.folder, fps, net).items():
            print(f"{fps:3d} fps  {group:9s} {tally.line()}")


if __name__ == "__main__":
    main()
