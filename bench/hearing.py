"""What the short window costs the offline agent's ears: `python -m bench.hearing DIRECTORY`, two minutes.

DIRECTORY has WAV files of speech, 16 kHz mono (`python -m bench.lipsync` makes some). Each is recognised in the window
that Whisper was trained on, and as the agent hears; prints how many words differ, and both times.
"""

from __future__ import annotations

import argparse
import difflib
import re
import statistics
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.local.whisper import RATE, WINDOW_S, Whisper


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.hearing", description=__doc__)
    parser.add_argument("directory", type=Path)
    clips = [_samples(path) for path in sorted(parser.parse_args().directory.rglob("*.wav"))]
    if not clips:
        parser.error("there are no WAV files in this directory")
    whisper = Whisper(threads=2)
    whole, whole_s = _timed(lambda clip: whisper.in_window(clip, WINDOW_S).text, clips)
    short, short_s = _timed(lambda clip: " ".join(heard.text for heard in whisper.recognise(clip)), clips)
    words = sum(len(text) for text in whole)
    different = sum(_differences(one, other) for one, other in zip(whole, short, strict=True))
    print(f"{len(clips)} clips, {words} words; in the short window {different} are others, {different / words:.1%}")
    print(f"median time: {whole_s * 1000:.0f} ms in thirty seconds, {short_s * 1000:.0f} ms as the agent hears")
    return 0


def _samples(path: Path) -> NDArray[np.float32]:
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise SystemExit(f"{path} is not 16 kHz, mono, 16 bit.")
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return (samples / 32_768).astype(np.float32)


def _timed(
    recognise: Callable[[NDArray[np.float32]], str], clips: list[NDArray[np.float32]]
) -> tuple[list[list[str]], float]:
    """The words of each clip, and the median time."""
    texts, times = [], []
    for clip in clips:
        started = time.perf_counter()
        texts.append(re.findall(r"[a-z0-9']+", recognise(clip).lower()))
        times.append(time.perf_counter() - started)
    return texts, statistics.median(times)


def _differences(one: list[str], other: list[str]) -> int:
    """Words put in, left out or put in place of others."""
    changes = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in changes if kind != "equal")


if __name__ == "__main__":
    sys.exit(main())
