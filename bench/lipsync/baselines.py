"""Other ways from sound to a mouth, run for real: loudness, OpenFaceFX, HeadAudio, Rhubarb Lip Sync.

All listen to 16 kHz. What they say is brought to the two numbers that are scored by the table that ours goes through
(`livekit_bithuman.speech.shape`), so that no target is easier for one than for another. Rhubarb reads a clip as a
whole; loudness here and OpenFaceFX know its loudest part beforehand; HeadAudio streams.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.shape import OPENNESS, WIDTH
from training.speech.phonemes import SAMPLES_PER_ROW
from training.speech.score import blurred

from .clips import RATE, Clip
from .node import Unavailable, run_script
from .told import ROWS_PER_SECOND, Told


@dataclass(frozen=True)
class Baseline:
    """A system beside ours."""

    name: str  # and version, as printed
    lookahead: str  # what it hears of the future
    tell: Callable[[Sequence[Clip]], list[Told]]  # raises Unavailable


#: dB below a clip's loud parts (their 95th percentile) at which the mouth of the loudness baseline is shut.
RANGE_DB = 32.0


def loudness(clip: Clip) -> Told:
    """The mouth opens with the level of the voice."""
    rows = clip.pcm[: clip.rows * SAMPLES_PER_ROW].reshape(clip.rows, SAMPLES_PER_ROW).astype(np.float64)
    level = 10.0 * np.log10((rows**2).mean(axis=1) + 1.0)
    opening = np.clip((level - np.percentile(level, 95)) / RANGE_DB + 1.0, 0.0, 1.0)
    return Told(blurred(opening, 1.5))


_OPENFACEFX_NAMES = {"I": "ih", "O": "oh", "U": "ou"}


def openfacefx(clips: Sequence[Clip]) -> list[Told]:
    """OpenFaceFX's path for sound without a transcript.

    Raises:
        Unavailable: It is not installed.
    """
    try:
        from openfacefx.energy import generate_from_energy
    except ImportError as error:
        raise Unavailable("openfacefx is not installed: make bench-lipsync does that") from error
    told = []
    with tempfile.TemporaryDirectory(prefix="lipsync-") as folder:
        wav = Path(folder) / "clip.wav"
        for clip in clips:
            soundfile.write(wav, clip.pcm, RATE, subtype="PCM_16")
            track = generate_from_energy(str(wav), fps=float(ROWS_PER_SECOND))
            weights = np.zeros((clip.rows, len(VISEMES)))
            middles = (np.arange(clip.rows) + 0.5) / ROWS_PER_SECOND
            for channel in track.channels:
                column = VISEMES.index(_OPENFACEFX_NAMES.get(channel.name, channel.name))
                keys = [(key.time, key.value) for key in channel.keys]
                weights[:, column] = np.interp(middles, *np.array(keys).T)
            told.append(Told.of_weights(weights))
    return told


#: Rows by which HeadAudio's user delays the voice: its README names 50 to 100 ms.
HEADAUDIO_DELAY = 10
#: HeadAudio's own order.
_HEADAUDIO_VISEMES = ["aa", "E", "ih", "oh", "ou", "PP", "SS", "TH", "DD", "FF", "kk", "nn", "RR", "CH", "sil"]
#: Seconds between HeadAudio's answers.
_HEADAUDIO_HOP = 0.016


def headaudio(clips: Sequence[Clip]) -> list[Told]:
    """HeadAudio as its README uses it: its worklet, its easing, the voice delayed by 100 ms.

    Raises:
        Unavailable: Node or the package cannot be had.
    """
    told = []
    order = [_HEADAUDIO_VISEMES.index(viseme) for viseme in VISEMES]
    for clip, answer in zip(clips, run_script("headaudio", clips), strict=True):
        shown = np.array(answer["values"], np.float64)[HEADAUDIO_DELAY : HEADAUDIO_DELAY + clip.rows, order]
        shown[:, 0] += np.maximum(0.0, 1.0 - shown.sum(axis=1))  # a face rests where nothing moves it
        told.append(Told.of_weights(shown))
    return told


def headaudio_classes(clips: Sequence[Clip]) -> list[Told]:
    """HeadAudio's classes at the times it gives for them, before its easing and without its delay.

    Raises:
        Unavailable: Node or the package cannot be had.
    """
    told = []
    for clip, answer in zip(clips, run_script("headaudio", clips), strict=True):
        visemes = np.zeros(clip.rows, np.int64)
        for seconds, index in answer["classes"]:
            first = round((seconds - _HEADAUDIO_HOP / 2) * ROWS_PER_SECOND)
            stop = round((seconds + _HEADAUDIO_HOP / 2) * ROWS_PER_SECOND)
            visemes[max(0, first) : max(0, stop)] = VISEMES.index(_HEADAUDIO_VISEMES[index])
        told.append(Told(OPENNESS[visemes], WIDTH[visemes], visemes))
    return told


#: Rhubarb's mouth shapes by the sounds that its documentation gives them.
_RHUBARB_VISEMES = {
    "A": "PP", "B": "kk SS DD ih", "C": "E", "D": "aa", "E": "oh RR", "F": "ou", "G": "FF", "H": "nn", "X": "sil",
}  # fmt: skip


def rhubarb(clips: Sequence[Clip]) -> list[Told]:
    """Rhubarb Lip Sync on the whole clip, without its text.

    Raises:
        Unavailable: Node or the package cannot be had.
    """
    shapes = {}
    for shape, names in _RHUBARB_VISEMES.items():
        indices = [VISEMES.index(name) for name in names.split()]
        shapes[shape] = float(OPENNESS[indices].mean()), float(WIDTH[indices].mean())
    told = []
    for clip, answer in zip(clips, run_script("rhubarb", clips), strict=True):
        openness, width = np.zeros(clip.rows), np.zeros(clip.rows)
        for cue in answer["mouthCues"]:
            rows = slice(round(cue["start"] * ROWS_PER_SECOND), round(cue["end"] * ROWS_PER_SECOND))
            openness[rows], width[rows] = shapes[cue["value"]]
        told.append(Told(openness, width))
    return told


BASELINES: dict[str, Baseline] = {
    "loudness": Baseline("loudness", "the clip's loud parts", lambda clips: [loudness(clip) for clip in clips]),
    "openfacefx": Baseline("OpenFaceFX", "the clip's loud parts", openfacefx),
    "headaudio": Baseline("HeadAudio", "100 ms", headaudio),
    "headaudio-classes": Baseline("HeadAudio, classes alone", "96 ms and more", headaudio_classes),
    "rhubarb": Baseline("Rhubarb Lip Sync", "the whole clip", rhubarb),
}
