"""Sound as it arrives, bytes or floats, to int16 samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioFormatError


class PcmCarry:
    """Bytes of 16-bit little-endian mono PCM in pieces of any length, odd ones included, to samples."""

    def __init__(self) -> None:
        self._odd = b""  # the first byte of a sample whose second has not come

    def push(self, data: bytes | bytearray | memoryview) -> NDArray[np.int16]:
        """Append bytes and return the samples that became whole: int16, shape (n,), n >= 0."""
        held = self._odd + bytes(data)
        whole = len(held) // 2 * 2
        self._odd = held[whole:]
        return np.frombuffer(held[:whole], "<i2").astype(np.int16)

    def finish(self) -> bool:
        """Forget half a sample, if there is one, and say whether there was."""
        dropped = bool(self._odd)
        self._odd = b""
        return dropped


def pcm_from_float(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Samples at full scale 1.0 as int16, rounded; louder ones are clipped.

    Args:
        samples: Any float type, shape (n,).

    Raises:
        AudioFormatError: A sample is NaN or infinite.
    """
    wide = np.asarray(samples, np.float64)
    if not np.isfinite(wide).all():
        raise AudioFormatError("The audio holds NaN or infinite samples. Pass finite samples between -1.0 and 1.0.")
    return np.rint(np.clip(wide * 32767.0, -32768.0, 32767.0)).astype(np.int16)
