"""flite's and festival's voices: recorded pieces joined, or parameters from a tree, with exact phoneme times."""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ..phonemes import ARPABET, EUROPEAN, RUSSIAN, Segment
from .utterance import Utterance, utterance

FLITE = ("awb", "rms", "slt", "kal16")


@dataclass(frozen=True)
class FestivalVoice:
    """A voice of festival's and how it writes."""

    command: str
    phones: Mapping[str, tuple[str, ...]]  # its phones -> visemes in order
    encoding: str  # of its texts


FESTIVAL = {
    "hts": FestivalVoice("voice_cmu_us_slt_arctic_hts", ARPABET, "latin-1"),
    "kal": FestivalVoice("voice_kal_diphone", ARPABET, "latin-1"),
    "ked": FestivalVoice("voice_ked_diphone", ARPABET, "latin-1"),
    "nsh": FestivalVoice("voice_msu_ru_nsh_clunits", RUSSIAN, "utf-8"),
    "machac": FestivalVoice("voice_czech_machac", EUROPEAN, "iso-8859-2"),
    "dita": FestivalVoice("voice_czech_dita", EUROPEAN, "iso-8859-2"),
    "lj": FestivalVoice("voice_suo_fi_lj_diphone", EUROPEAN, "latin-1"),
    "mv": FestivalVoice("voice_hy_fi_mv_diphone", EUROPEAN, "latin-1"),
    "lp": FestivalVoice("voice_lp_diphone", EUROPEAN, "latin-1"),
    "pc": FestivalVoice("voice_pc_diphone", EUROPEAN, "latin-1"),
    "ona": FestivalVoice("voice_upc_ca_ona_hts", EUROPEAN, "latin-1"),
}


def _segments(ends: Sequence[tuple[str, float]], phones: Mapping[str, tuple[str, ...]]) -> list[Segment]:
    """Segments from (phone, end in seconds) pairs, as flite and festival print them."""
    segments, start = [], 0.0
    for phone, end in ends:
        segments.append(Segment(start, end, phones.get(phone.rstrip("012"), ("sil",))))
        start = end
    return segments


def flite(voice: str, texts: Sequence[str], seed: int) -> Iterator[Utterance]:
    """Speak with one of flite's voices."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        for text in texts:
            options = ["--setf", f"duration_stretch={rng.uniform(0.8, 1.25):.2f}"]
            if voice.startswith("kal"):
                options += ["--setf", f"int_f0_target_mean={rng.uniform(85, 190):.0f}"]
            command = ["flite", "-voice", voice, *options, "-t", text, "-psdur", "-o", str(wav)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            ends = [(phone, float(end)) for phone, end in (item.rsplit(":", 1) for item in printed)]
            samples, rate = soundfile.read(wav, dtype="float32")
            yield utterance(samples, rate, _segments(ends, ARPABET))


#: Speaks one text, saves it, and prints "UTT index phone:end phone:end ...".
_SAY = """
(Parameter.set 'Duration_Stretch {stretch:.2f})
(set! u (utt.synth (Utterance Text "{text}")))
(utt.save.wave u "{wav}")
(format t "UTT {index} ")
(mapcar (lambda (s) (format t "%s:%f " (item.name s) (item.feat s "end"))) (utt.relation.items u 'Segment))
(format t "\\n")
"""


def festival(voice: FestivalVoice, texts: Sequence[str], seed: int, batch: int = 25) -> Iterator[Utterance]:
    """Speak with one of festival's voices, `batch` sentences per run of the program."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "say.scm"
        for first in range(0, len(texts), batch):
            lines = [f"({voice.command})"]
            for index, text in enumerate(texts[first : first + batch]):
                wav = Path(folder) / f"{index}.wav"
                lines.append(_SAY.format(stretch=rng.uniform(0.8, 1.25), text=text, wav=wav, index=index))
            script.write_text("\n".join(lines), encoding=voice.encoding, errors="ignore")
            run = subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False)
            for line in run.stdout.decode("latin-1").splitlines():
                if not line.startswith("UTT "):
                    continue
                index_text, *items = line.split()[1:]
                ends = [(phone, float(end)) for phone, end in (item.rsplit(":", 1) for item in items)]
                samples, rate = soundfile.read(Path(folder) / f"{index_text}.wav", dtype="float32")
                yield utterance(samples, rate, _segments(ends, voice.phones))
