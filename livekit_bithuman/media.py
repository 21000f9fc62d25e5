"""What goes into a runtime and what comes out of it: chunks of PCM, frames, and the controls that carry them.

The names, fields and defaults are those of bitHuman's contract, so that code written for its SDK runs unchanged. Two
things differ on purpose: float samples beyond full scale are clipped (they would wrap around to the opposite sign),
and samples that are not numbers are an error (they would become loud noise).
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AudioFormatError

FULL_SCALE = 32767.0  # int16 value of the float sample 1.0, as in the contract


def pcm_from_floats(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Float samples as int16 PCM.

    Args:
        samples: Any float dtype, any shape, -1..1; what lies beyond is clipped.

    Returns:
        int16, same shape, truncated towards zero as in the contract.

    Raises:
        AudioFormatError: A sample is NaN or infinite.
    """
    if not np.isfinite(samples).all():
        raise AudioFormatError(
            "The audio has samples that are not finite numbers. "
            "Check the step that made it (a division by zero, say), or replace them by np.nan_to_num."
        )
    wide = samples.astype(np.float32) if samples.dtype == np.float16 else samples  # float16 cannot hold 32767
    pcm: NDArray[np.int16] = (np.clip(wide, -1.0, 1.0) * FULL_SCALE).astype(np.int16)
    return pcm


@dataclass(eq=False)
class AudioChunk:
    """Mono PCM of one rate.

    Attributes:
        data: int16, shape (n,), n >= 0. The constructor also takes int16 little-endian bytes, and float32 or float64
            samples in -1..1, and stores them as int16.
        sample_rate: In Hz.
        last_chunk: No more audio of this turn follows.

    Raises:
        AudioFormatError: Bytes of odd length, another dtype, more than one dimension, NaN or infinity.
    """

    data: NDArray[np.int16]
    sample_rate: int
    last_chunk: bool = True

    def __post_init__(self) -> None:
        self.data = _as_pcm(self.data)

    @classmethod
    def from_bytes(cls, audio_bytes: bytes, sample_rate: int, last_chunk: bool = True) -> AudioChunk:
        """A chunk of int16 little-endian mono PCM."""
        return cls(_pcm_from_bytes(audio_bytes), sample_rate, last_chunk)

    @property
    def bytes(self) -> bytes:
        """The samples as int16 PCM in the machine's byte order (little-endian on every supported one)."""
        return self.data.tobytes()

    @property
    def array(self) -> NDArray[np.int16]:
        """The samples: int16, shape (n,)."""
        return self.data

    @property
    def duration(self) -> float:
        """In seconds."""
        return len(self.data) / self.sample_rate


def _pcm_from_bytes(data: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    if memoryview(data).nbytes % 2:
        raise AudioFormatError("The audio ends in half a sample. Pass 16-bit PCM: two bytes for each sample.")
    return np.frombuffer(data, "<i2").astype(np.int16, copy=False)


def _as_pcm(data: object) -> NDArray[np.int16]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return _pcm_from_bytes(data)
    if not isinstance(data, np.ndarray) or (data.dtype != np.int16 and data.dtype.kind != "f"):
        kind = data.dtype if isinstance(data, np.ndarray) else type(data).__name__
        raise AudioFormatError(
            f"The audio is {kind}. Pass 16-bit PCM as bytes, a numpy array of int16, or floats in -1..1."
        )
    if data.ndim != 1:
        raise AudioFormatError(
            f"The audio has the shape {data.shape}, and one channel is needed. Mix it down first: audio.mean(axis=1)."
        )
    return pcm_from_floats(data) if data.dtype.kind == "f" else data


class Emotion(str, Enum):
    """The emotions that the contract names."""

    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    JOY = "joy"
    NEUTRAL = "neutral"
    SADNESS = "sadness"
    SURPRISE = "surprise"


@dataclass
class EmotionPrediction:
    """One emotion and how strongly it is meant.

    Attributes:
        emotion: Which one.
        score: 0..1.
    """

    emotion: Emotion
    score: float

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EmotionPrediction:
        """The inverse of `to_dict`."""
        return cls(Emotion(data["emotion"]), float(data["score"]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: `{"emotion": "joy", "score": 0.9}`."""
        return {"emotion": self.emotion.value, "score": self.score}


@dataclass
class VideoControl:
    """One message to a runtime. Every field may be left out.

    Attributes:
        audio: Speech to append to the open turn.
        text: A transcript; not used for pictures.
        target_video: A named clip to play.
        action: One gesture, or several, to play.
        emotion_preds: How to look.
        message_id: Comes back as `VideoFrame.source_message_id` of the turn that this message opens.
        end_of_speech: The turn ends with this message.
        force_action: Play the action in mid-speech too.
        stop_on_user_speech: Whether the action ends when the user speaks; None: as the model says.
        stop_on_agent_speech: The same for the agent's own speech.
    """

    audio: AudioChunk | None = None
    text: str | None = None
    target_video: str | None = None
    action: str | list[str] | None = None
    emotion_preds: list[EmotionPrediction] | None = None
    message_id: Hashable = field(default_factory=lambda: str(uuid.uuid4()))
    end_of_speech: bool = False
    force_action: bool = False
    stop_on_user_speech: bool | None = None
    stop_on_agent_speech: bool | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing to show: no audio, clip, action or emotion. Text does not count."""
        return self.audio is None and not (self.target_video or self.action or self.emotion_preds)

    @property
    def is_speaking(self) -> bool:
        """There is audio."""
        return self.audio is not None

    @classmethod
    def from_audio(
        cls, audio: bytes | NDArray[np.int16] | NDArray[np.floating[Any]], sample_rate: int, last_chunk: bool = True
    ) -> VideoControl:
        """A message of speech alone; the arguments are those of `AudioChunk`."""
        return cls(audio=AudioChunk(_as_pcm(audio), sample_rate, last_chunk))


@dataclass(eq=False)
class VideoFrame:
    """One tick of a runtime's output.

    Attributes:
        bgr_image: uint8, shape (height, width, 3), BGR; None for a filler.
        audio_chunk: The slot's speech, 16 kHz mono; None for a filler.
        frame_index: The slot within the turn, counted from 0; None for a filler.
        source_message_id: `message_id` of the `VideoControl` that opened the turn, if one did.
        end_of_speech: No frame of this turn follows. Such a frame may have no picture.
    """

    bgr_image: NDArray[np.uint8] | None = None
    audio_chunk: AudioChunk | None = None
    frame_index: int | None = None
    source_message_id: Hashable | None = None
    end_of_speech: bool = False

    @property
    def has_image(self) -> bool:
        """False for fillers."""
        return self.bgr_image is not None

    @property
    def rgb_image(self) -> NDArray[np.uint8] | None:
        """The picture in RGB order: a reversed view of `bgr_image`, not contiguous."""
        return None if self.bgr_image is None else self.bgr_image[:, :, ::-1]
