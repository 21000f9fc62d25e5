"""From a voice's phonemes to the 15 visemes, and from timed phonemes to one label per 10 ms row.

The classes follow the Oculus viseme reference (each viseme lists the sounds it stands for). Three things go beyond it:
a diphthong is two visemes in a row, /h/ takes the mouth of the sound that follows, and central vowels open like `aa`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES

ROWS_PER_SECOND = 100
SAMPLES_PER_ROW = 160  # 10 ms at 16 kHz

#: Marks a sound without a mouth of its own: it takes the viseme that follows.
FOLLOWING = "@"

#: Share of a diphthong that its first target holds; the glide's end is the shorter part in English.
DIPHTHONG_SPLIT = 0.55


def _phones(classes: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """A phone set that lists its phones by viseme, the other way round."""
    return {phone: tuple(visemes.split()) for visemes, phones in classes.items() for phone in phones.split()}


_ARPABET_CLASSES = {
    "sil": "pau sil h# brth ssil #",
    "PP": "p b m em",
    "FF": "f v",
    "TH": "th dh",
    "DD": "t d dx",
    "kk": "k g ng eng",
    "CH": "ch jh sh zh",
    "SS": "s z",
    "nn": "n l el en nx",
    "RR": "r er axr",
    "aa": "aa ah ax ae",
    "E": "eh",
    "ih": "ih ix iy y",
    "oh": "ao",
    "ou": "uh uw ux w",
    "oh ou": "ow",
    "oh ih": "oy",
    "aa ih": "ay",
    "aa ou": "aw",
    "E ih": "ey",
    FOLLOWING: "hh hv",
}  # fmt: skip

#: Arpabet phone, lower case -> its visemes in order.
ARPABET: dict[str, tuple[str, ...]] = _phones(_ARPABET_CLASSES)

_IPA_CLASSES = {
    "PP": "pbmɓ",
    "FF": "fvɱʋɸβ",
    "TH": "θð",
    "DD": "tdɾʔʈɖɽT",
    "kk": "kɡgŋxɣqχɢcɟɰɴ",
    "CH": "ʃʒʧʤɕʑʂʐʨʥ",
    "SS": "szçʦʣ",
    "nn": "nlɲʎɫɭɳ",
    "RR": "ɹrɝɚɜʁɻʀ",
    "aa": "aɑɐʌəæᵊɤ",
    "E": "ɛe",
    "ih": "iɪjɨᵻɯʝ",
    "oh": "ɔoɒœø",  # front rounded vowels are round to the eye, whatever they are to the ear
    "ou": "uʊwʉɥy",
    FOLLOWING: "hɦ",
    # the capital letters in which Kokoro's phoneme alphabet, which hibari shares, writes the English diphthongs
    "E ih": "A",
    "aa ih": "I",
    "oh ou": "OQ",
    "aa ou": "W",
    "oh ih": "Y",
}

#: One IPA letter -> its visemes in order. Letters not in here (stress, length, punctuation) have no mouth.
IPA: dict[str, tuple[str, ...]] = {
    letter: tuple(visemes.split()) for visemes, letters in _IPA_CLASSES.items() for letter in letters
}


#: festival's Czech, Finnish, Italian and Catalan voices; no phone of one means another viseme in the others. A digit
#: for stress is taken off before.
EUROPEAN: dict[str, tuple[str, ...]] = _phones(
    {
        "sil": "# pau _",
        "PP": "p b m p: b: m:",
        "FF": "f v f: v: nf",
        "TH": "T D T: D:",
        "DD": "t d t~ d~ t: d:",
        "kk": "k g ch x N k: g: ng N: n*",
        "CH": "S Z tS dZ s~ z~ c~ dz~ r~ r~* S: Z:",
        "SS": "s z c dz ts s: z:",
        "nn": "n l n~ J L n: l: L:",
        "RR": "r rr r:",
        "aa": "a a: & &: ax @ @:",
        "E": "e e: E",
        "ih": "i i: j j:",
        "oh": "o o: O 7 7:",
        "ou": "u u: w y y: w:",
        FOLLOWING: "h h:",
    }
)

#: festival's Russian voice: a doubled consonant is a soft one, a doubled vowel a stressed one.
RUSSIAN: dict[str, tuple[str, ...]] = _phones(
    {
        "sil": "pau",
        "PP": "p pp b bb m mm",
        "FF": "f ff v vv",
        "DD": "t tt d dd",
        "kk": "k kk g gg h hh",
        "CH": "ch sh sch zh",
        "SS": "s ss z zz c",
        "nn": "n nn l ll",
        "RR": "r rr",
        "aa": "a aa ae ay",
        "E": "e ee",
        "ih": "i ii y yy j",
        "oh": "o oo",
        "ou": "u uu ur",
    }
)


@dataclass(frozen=True)
class Segment:
    """A stretch of speech with one phoneme, as one or more visemes in order."""

    start: float  # seconds
    end: float  # seconds
    visemes: tuple[str, ...]


def _halves(segments: Iterable[Segment]) -> list[Segment]:
    """The segments with each diphthong cut into its two targets."""
    single: list[Segment] = []
    for segment in segments:
        if segment.end <= segment.start or not segment.visemes:
            continue
        if len(segment.visemes) == 1:
            single.append(segment)
            continue
        first, second = segment.visemes
        middle = segment.start + (segment.end - segment.start) * DIPHTHONG_SPLIT
        single.append(Segment(segment.start, middle, (first,)))
        single.append(Segment(middle, segment.end, (second,)))
    return single


def row_labels(segments: Sequence[Segment], rows: int) -> NDArray[np.int8]:
    """One viseme index per 10 ms row: the segment at the row's centre.

    Args:
        segments: In time order; gaps are silence.
        rows: How many labels to return.

    Returns:
        int8, shape (rows,), indices into `VISEMES`.
    """
    labels = np.zeros(rows, np.int8)
    following = "aa"  # what /h/ opens to at the end of an utterance
    for segment in reversed(_halves(segments)):
        viseme = segment.visemes[0]
        if viseme == FOLLOWING:
            viseme = following
        elif viseme != "sil":
            following = viseme
        first = int(np.ceil(segment.start * ROWS_PER_SECOND - 0.5))
        stop = int(np.ceil(segment.end * ROWS_PER_SECOND - 0.5))
        labels[max(0, first) : max(0, stop)] = VISEMES.index(viseme)
    return labels
