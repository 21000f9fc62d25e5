"""From a turn's own samples to its mouths: the resampler and the speech stream, one behind the other.

int16 at any rate ── StreamResampler ── int16 at 16 kHz ── SpeechStream ── viseme weights, one row per frame
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .features import RATE
from .resample import StreamResampler
from .stream import SpeechStream

STEPS_PER_SECOND = 10  # a long push is heard in steps, since the resampler needs memory in proportion


class SpeechPath:
    """One turn, from its first sample to its last mouth. Chunks of any size give the same bytes.

    Attributes:
        samples: Pushed so far, at the turn's rate.
    """

    def __init__(self, rate: int, fps: int = 25) -> None:
        """Begin a turn, after silence.

        Args:
            rate: Of its samples, in Hz, 8_000..192_000.
            fps: Frames per second, 1..100.

        Raises:
            ValueError: `rate` or `fps` is out of range.
        """
        self._resampler = StreamResampler(rate, RATE)
        self._speech = SpeechStream(fps)
        self._step = rate // STEPS_PER_SECOND
        self.samples = 0

    @property
    def lookahead_s(self) -> float:
        """Seconds of sound after a frame's end that it needs, resampling included."""
        return self._resampler.lookahead_s + self._speech.lookahead_s

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        """Append samples at the turn's rate: int16, shape (n,), n >= 0.

        Returns:
            What became ready of them at 16 kHz, int16, shape (m,), m >= 0.

        Raises:
            InvalidStateError: The turn is finished.
        """
        self.samples += len(pcm)
        heard = [np.zeros(0, np.int16)]
        for start in range(0, len(pcm), self._step):
            heard.append(self._resampler.push(pcm[start : start + self._step]))
            self._speech.push(heard[-1])
        return np.concatenate(heard)

    def finish(self, frames: int) -> NDArray[np.int16]:
        """Say that no more samples come: silence follows until the turn has `frames` frames in all.

        Returns:
            What was still held back, at 16 kHz, int16, shape (m,), m >= 0.

        Raises:
            ValueError: More frames than that are ready already.
            InvalidStateError: The turn is finished.
        """
        tail = self._resampler.finish()
        self._speech.push(tail)
        self._speech.finish(frames)
        return tail

    def poll(self) -> NDArray[np.float32]:
        """The mouths that became ready since the last call: float32, shape (k, 15), as `SpeechStream.poll`."""
        return self._speech.poll()

    def preview(self, index: int) -> NDArray[np.float32]:
        """Mouth `index`, not ready yet, as if silence followed: float32, shape (15,), as `SpeechStream.preview`."""
        return self._speech.preview(index)
