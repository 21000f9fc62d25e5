"""Two labelled recordings made on the fly: a buzz shaped like a wide vowel, with closures and pauses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.lipsync.clips import Segments, segments_of_runs, write_clip

RATE = 16_000

#: Pitch in Hz, and what is said.
SPOKEN = {
    "one-first": (110.0, "sil:30 aa:30 PP:9 aa:25 sil:25 aa:40 PP:8 aa:30 sil:40"),
    "two-second": (180.0, "sil:40 aa:20 PP:10 aa:30 sil:30 aa:25 PP:9 aa:35 sil:30"),
}


#: Formants of the a in father: Hz, half their width in Hz, and strength.
FORMANTS = ((730, 60, 1.0), (1090, 70, 0.5), (2440, 110, 0.2), (3400, 150, 0.1))


def vowel(pitch: float, count: int) -> NDArray[np.float64]:
    """A buzz with those formants."""
    time = np.arange(count) / RATE
    sound = np.zeros(count)
    for harmonic in np.arange(pitch, 4000.0, pitch):
        gains = [strength / (1.0 + ((harmonic - hertz) / width) ** 2) for hertz, width, strength in FORMANTS]
        sound += sum(gains) * np.sin(2 * np.pi * harmonic * time)
    return np.asarray(sound / np.abs(sound).max())


def write_clips(folder: Path) -> None:
    """Write both."""
    for name, (pitch, runs) in SPOKEN.items():
        segments = segments_of_runs(runs)
        write_clip(folder, name, spoken(pitch, segments), runs, segments)


def spoken(pitch: float, segments: Segments) -> NDArray[np.int16]:
    """The buzz where the lips are open, fading over 20 ms; near silence elsewhere."""
    count = round(segments[-1][1] * RATE)
    level = np.zeros(count)
    for start, end, viseme in segments:
        level[round(start * RATE) : round(end * RATE)] = viseme == "aa"
    level = np.convolve(level, np.hanning(320) / np.hanning(320).sum(), "same")
    noise = np.random.default_rng(1).standard_normal(count) * 3
    return np.rint(vowel(pitch, count) * level * 12_000 + noise).astype(np.int16)
