"""hibari's voice: a neural one of eight megabytes, quick, with its own rules for American English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .ipa import merge_ipa
from .utterance import Utterance, utterance

#: Where in the graph the predicted duration of every symbol comes out, in frames.
_DURATIONS = "/Clip_output_0"


def hibari(texts: Sequence[str], seed: int) -> Iterator[Utterance]:
    """Speak with hibari's built-in voice; its predicted durations are read from inside its graph."""
    import onnx
    import onnxruntime
    from hibari import SAMPLE_RATE, Hibari, dsp

    rng = np.random.default_rng(seed)
    voice = Hibari()
    graph = onnx.load(voice.model_path)
    graph.graph.output.append(onnx.helper.make_tensor_value_info(_DURATIONS, 1, None))
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
            symbols = ["_"] + [letters[number] for number in ids[1:-1]] + ["_"]
            yield utterance(samples, SAMPLE_RATE, merge_ipa(symbols, list(seconds)))
