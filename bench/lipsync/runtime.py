"""Our own column: the streaming path that drives the face, with the shipped weights or others."""

from __future__ import annotations

import os
import zipfile

import numpy as np

from livekit_bithuman.speech.net import VisemeNet
from livekit_bithuman.speech.stream import SpeechStream
from training.speech.score import told as told_weights

from .clips import Clip, SpeechError
from .conditions import Condition, clean
from .told import Told


def read_net(path: str | os.PathLike[str]) -> VisemeNet:
    """The net in a weights file.

    Raises:
        SpeechError: It cannot be read, or is none.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file):  # np.load would take a single array, too
            file.seek(0)
            with np.load(file) as arrays:
                return VisemeNet.from_arrays(arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SpeechError(f"{os.fspath(path)} is not a weights file: {error}.") from error


def told(clip: Clip, fps: int = 100, net: VisemeNet | None = None, condition: Condition = clean) -> Told:
    """What the runtime says of a clip, every frame held for its time."""
    return Told.of_weights(told_weights(condition(clip.pcm), fps, net))


def lookahead_ms(fps: int = 25, net: VisemeNet | None = None) -> float:
    """Of 16 kHz input, after a frame's end."""
    return SpeechStream(fps, net).lookahead_s * 1000
