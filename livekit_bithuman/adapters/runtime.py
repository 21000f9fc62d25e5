"""What a runtime has to offer to become an engine: the part of bitHuman's `AsyncBithuman` that is used here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..pose import Picture

#: Of a runtime that does not say.
DEFAULT_FPS, DEFAULT_RATE = 25, 16_000


class RuntimeAudio(Protocol):
    """`AudioChunk` as read here."""

    @property
    def data(self) -> NDArray[np.int16]:
        """int16 mono, shape (n,)."""

    @property
    def sample_rate(self) -> int:
        """Hz."""


class RuntimeFrame(Protocol):
    """`VideoFrame` as read here."""

    @property
    def bgr_image(self) -> Picture | None:
        """BGR uint8 (height, width, 3)."""

    @property
    def audio_chunk(self) -> RuntimeAudio | None:
        """The speech that the picture belongs to; None or silence outside a turn."""

    @property
    def frame_index(self) -> int | None:
        """Within the turn."""

    @property
    def end_of_speech(self) -> bool:
        """The turn's last."""


@runtime_checkable
class Runtime(Protocol):
    """bitHuman's `AsyncBithuman`, this package's, or anything that does the same.

    Read where it is there: `settings.FPS` and `settings.INPUT_SAMPLE_RATE`, else `fps` and `sample_rate`; and called at
    the end, those that are there: `stop()`, `shutdown()`, `cleanup()`.
    """

    async def push_audio(self, data: bytes, sample_rate: int, last_chunk: bool = True) -> None:
        """Append int16 mono PCM to the present turn."""

    async def flush(self) -> None:
        """The turn ends."""

    def interrupt(self) -> None:
        """Drop the turn; not a coroutine."""

    def run(self) -> AsyncIterator[Any]:
        """Frames, until the runtime is stopped."""


def frame_rate(runtime: object) -> int:
    """Frames per second of a runtime."""
    return _setting(runtime, "FPS", "fps", DEFAULT_FPS)


def input_rate(runtime: object) -> int:
    """Hz, of the audio that a runtime works with."""
    return _setting(runtime, "INPUT_SAMPLE_RATE", "sample_rate", DEFAULT_RATE)


def _setting(runtime: object, name: str, other: str, default: int) -> int:
    value = getattr(getattr(runtime, "settings", None), name, None) or getattr(runtime, other, None)
    return int(value) if value else default
