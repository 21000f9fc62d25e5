"""A neural voice's symbols and their durations to timed visemes; texts of any language to such symbols."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from ..phonemes import IPA, Segment

#: espeak-ng writes an affricate as two letters with a tie; Kokoro's alphabet has one letter.
_LIGATURES = {"t‍s": "ʦ", "d‍z": "ʣ", "t‍ʃ": "ʧ", "d‍ʒ": "ʤ", "t‍ɕ": "ʨ", "d‍ʑ": "ʥ"}


def espeak_ipa(text: str, language: str) -> str:
    """The text's phonemes in Kokoro's alphabet by espeak-ng's rules for the language."""
    command = ["espeak-ng", "-q", "--ipa=3", "-v", language, text]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    phonemes = ", ".join(line.strip() for line in printed.splitlines() if line.strip())
    phonemes = re.sub(r"\(.*?\)", "", phonemes)  # a change of language within the text
    for pair, letter in _LIGATURES.items():
        phonemes = phonemes.replace(pair, letter)
    return phonemes.replace("‍", "").replace("-", "") + "."


def merge_ipa(symbols: Sequence[str], durations: Sequence[float], shortest_pause: float = 0.06) -> list[Segment]:
    """Segments from a neural voice's symbols and their durations in seconds.

    Stress marks lend their time to the sound that follows, length marks to the one before, and a space or a comma
    that is too short to be a pause is shared by its neighbours.
    """
    segments: list[Segment] = []
    clock, borrowed = 0.0, None
    for symbol, duration in zip(symbols, durations, strict=True):
        start, end = clock, clock + duration
        clock = end
        visemes = IPA.get(symbol)
        if visemes is not None:
            start = start if borrowed is None else borrowed
            previous = segments[-1] if segments else None
            if previous is not None and previous.visemes == ("DD",) and visemes == ("CH",):
                segments[-1] = Segment(previous.start, end, ("CH",))  # an affricate written as two letters
            else:
                segments.append(Segment(start, end, visemes))
            borrowed = None
        elif symbol in "ˈˌ":
            borrowed = start if borrowed is None else borrowed
        elif symbol in "ːˑ̃ʰʲ" and segments:
            segments[-1] = Segment(segments[-1].start, end, segments[-1].visemes)
        elif duration > shortest_pause or not segments:
            segments.append(Segment(start if borrowed is None else borrowed, end, ("sil",)))
            borrowed = None
        else:
            middle = (start + end) / 2
            segments[-1] = Segment(segments[-1].start, middle, segments[-1].visemes)
            borrowed = middle
    return segments
