"""Speech whose phoneme times are exact, because the voice that spoke it says what it did.

| voice | program, Debian or PyPI package | licence of the voice |
|---|---|---|
| awb, rms, slt, kal16 | flite (`-psdur`) | BSD-like, Carnegie Mellon University |
| hts, kal, ked | festival: festvox-us-slt-hts, -kallpc16k, -kdlpc16k | BSD-like, CMU and CSTR |
| heart | hibari-tts | Apache-2.0 |

Nothing from the evaluation's speakers is among them. Pace and pitch vary from sentence to sentence.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from .phonemes import ARPABET, IPA, SAMPLES_PER_ROW, Segment, row_labels

RATE = 16_000
FLITE_VOICES = ("awb", "rms", "slt", "kal16")
FESTIVAL_VOICES = {"hts": "voice_cmu_us_slt_arctic_hts", "kal": "voice_kal_diphone", "ked": "voice_ked_diphone"}

#: hibari's durations run this late against its own sound (its decoder's receptive field); found by moving the labels
#: until a net that never heard the voice agreed best.
HIBARI_DELAY_S = 0.05


@dataclass(frozen=True)
class Utterance:
    """Spoken text with its labels."""

    pcm: NDArray[np.int16]  # 16 kHz mono
    labels: NDArray[np.int8]  # a viseme index per 10 ms


def _utterance(samples: NDArray[Any], rate: int, segments: Sequence[Segment]) -> Utterance:
    """Bring a voice's sound to 16 kHz int16 and its segments to rows."""
    sound = np.asarray(samples, np.float32)
    if rate != RATE:
        sound = soxr.resample(sound, rate, RATE)
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
    return Utterance(pcm, row_labels(segments, len(pcm) // SAMPLES_PER_ROW))


def _arpabet_segments(ends: Sequence[tuple[str, float]]) -> list[Segment]:
    """Segments from (phone, end in seconds) pairs, as flite and festival print them."""
    segments, start = [], 0.0
    for phone, end in ends:
        segments.append(Segment(start, end, ARPABET.get(phone.rstrip("012"), ("sil",))))
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
            yield _utterance(samples, rate, _arpabet_segments(ends))


#: Speaks one text, saves it, and prints "UTT index phone:end phone:end ...".
_FESTIVAL_SAY = """
(Parameter.set 'Duration_Stretch {stretch:.2f})
(set! u (utt.synth (Utterance Text "{text}")))
(utt.save.wave u "{wav}")
(format t "UTT {index} ")
(mapcar (lambda (s) (format t "%s:%f " (item.name s) (item.feat s "end"))) (utt.relation.items u 'Segment))
(format t "\\n")
"""


def festival(voice: str, texts: Sequence[str], seed: int, batch: int = 25) -> Iterator[Utterance]:
    """Speak with one of festival's voices, `batch` sentences per run of the program."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "say.scm"
        for first in range(0, len(texts), batch):
            lines = [f"({FESTIVAL_VOICES[voice]})"]
            for index, text in enumerate(texts[first : first + batch]):
                wav = Path(folder) / f"{index}.wav"
                lines.append(_FESTIVAL_SAY.format(stretch=rng.uniform(0.8, 1.25), text=text, wav=wav, index=index))
            script.write_text("\n".join(lines), encoding="latin-1", errors="ignore")
            run = subprocess.run(["festival", "-b", str(script)], capture_output=True, check=False)
            for line in run.stdout.decode("latin-1").splitlines():
                if not line.startswith("UTT "):
                    continue
                index_text, *items = line.split()[1:]
                ends = [(phone, float(end)) for phone, end in (item.rsplit(":", 1) for item in items)]
                samples, rate = soundfile.read(Path(folder) / f"{index_text}.wav", dtype="float32")
                yield _utterance(samples, rate, _arpabet_segments(ends))


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
        elif symbol in "ːˑ" and segments:
            segments[-1] = Segment(segments[-1].start, end, segments[-1].visemes)
        elif duration > shortest_pause or not segments:
            segments.append(Segment(start if borrowed is None else borrowed, end, ("sil",)))
            borrowed = None
        else:
            middle = (start + end) / 2
            segments[-1] = Segment(segments[-1].start, middle, segments[-1].visemes)
            borrowed = middle
    return segments


def hibari(texts: Sequence[str], seed: int) -> Iterator[Utterance]:
    """Speak with hibari's built-in voice; its predicted durations are read from inside its graph."""
    import onnx
    import onnxruntime
    from hibari import SAMPLE_RATE, Hibari, dsp

    rng = np.random.default_rng(seed)
    voice = Hibari()
    graph = onnx.load(voice.model_path)
    graph.graph.output.append(onnx.helper.make_tensor_value_info("/Clip_output_0", 1, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    letters = {number: letter for letter, number in voice.vocab.items()}
    for text in texts:
        for phonemes in voice.phonemize(text):
            ids = voice.ids(phonemes)
            speed = np.array([rng.uniform(0.8, 1.25)], np.float32)
            *acoustics, durations = session.run(None, {"ids": np.array([ids], np.int64), "speed": speed})
            samples = dsp.synth(*(part[0] for part in acoustics), rng)
            seconds = durations.reshape(-1).astype(float)
            seconds *= len(samples) / SAMPLE_RATE / seconds.sum()
            seconds[0] = max(0.0, seconds[0] - HIBARI_DELAY_S)
            symbols = ["_"] + [letters[number] for number in ids[1:-1]] + ["_"]
            yield _utterance(samples, SAMPLE_RATE, merge_ipa(symbols, list(seconds)))


def speak(source: str, texts: Sequence[str], seed: int) -> Iterator[Utterance]:
    """Speak with a voice named "program:voice", as in `SOURCES`."""
    program, _, voice = source.partition(":")
    if program == "flite":
        return flite(voice, texts, seed)
    if program == "festival":
        return festival(voice, texts, seed)
    return hibari(texts, seed)


SOURCES: tuple[str, ...] = (
    *(f"flite:{voice}" for voice in FLITE_VOICES),
    *(f"festival:{voice}" for voice in FESTIVAL_VOICES),
    "hibari:heart",
)
