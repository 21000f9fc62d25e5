"""Speech in, mouths out: the streaming path from 16 kHz samples to viseme weights per video frame.

    samples -> LogMel -> NetStream -> Coarticulation -> frames

Frame k covers the samples [k * 16000 // fps, (k + 1) * 16000 // fps) of a turn. It depends on what comes up to
`lookahead_s` after its end and on nothing later, and it is ready exactly then.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidStateError
from ..pose import VISEMES
from .coarticulation import AHEAD_ROWS, Coarticulation, frame_rows
from .features import HOP, RATE, TAIL, LogMel
from .net import NetStream, VisemeNet, shipped_net

ROWS_PER_SECOND = RATE // HOP

#: Rows are 10 ms apart: no more than one frame per row.
MAX_FPS = ROWS_PER_SECOND

#: The largest block: at 10 frames a second a block of one frame still fits the caches.
_MAX_BLOCK = 10


def _block_rows(fps: int) -> int:
    """Rows per block: a frame where that is a whole number, so that a frame never waits for a block to fill."""
    rows, rest = divmod(ROWS_PER_SECOND, fps)
    return rows if rest == 0 and rows <= _MAX_BLOCK else 1


def _offset_rows(fps: int, net: VisemeNet) -> int:
    """Silent rows before the turn that make the last row a frame needs the last of a block."""
    return -(net.lookahead_rows + AHEAD_ROWS) % _block_rows(fps)


@lru_cache(maxsize=64)
def lookahead_samples(fps: int, net: VisemeNet) -> int:
    """16 kHz samples after a frame's end that it needs: the most over all frames of a second."""
    return max(
        (frame_rows(frame, fps)[1] + AHEAD_ROWS + net.lookahead_rows) * HOP + TAIL - (frame + 1) * RATE // fps
        for frame in range(fps)
    )


class SpeechStream:
    """The mouth of one turn.

    Example:
        >>> stream = SpeechStream(fps=25)
        >>> stream.push(np.zeros(16_000, np.int16))
        >>> stream.finish(frames=25)
        >>> stream.poll().shape
        (25, 15)
    """

    def __init__(self, fps: int = 25, net: VisemeNet | None = None) -> None:
        """Begin a turn, after silence.

        Args:
            fps: Frames per second, 1..100.
            net: Weights other than the shipped ones.

        Raises:
            ValueError: `fps` is out of range.
        """
        if not 1 <= fps <= MAX_FPS:
            raise ValueError(f"fps is {fps}. Use 1 to {MAX_FPS}.")
        self._fps = fps
        self._net = shipped_net() if net is None else net
        block_rows = _block_rows(fps)
        offset = _offset_rows(fps, self._net)
        self._mel = LogMel(block_rows)
        self._visemes = NetStream(self._net, block_rows)
        self._mouths = Coarticulation(fps)
        self._loudness = np.zeros(self._net.lookahead_rows, np.float32)  # of the rows that the net has not answered yet
        self._early = offset + self._net.lookahead_rows  # answers still to come that are about rows before the turn
        self._ready: list[NDArray[np.float32]] = []
        self._told = 0  # frames that became ready, polled or not
        self._limit: int | None = None  # frames in all, once finished
        self._listen(np.zeros(offset * HOP, np.int16))

    @property
    def fps(self) -> int:
        """Frames per second of the turn."""
        return self._fps

    @property
    def lookahead_s(self) -> float:
        """Seconds of sound after a frame's end that it needs. Exact where 100 is a multiple of fps, else the most."""
        return lookahead_samples(self._fps, self._net) / RATE

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Append samples: int16 mono at 16 kHz, shape (n,), n >= 0.

        Latency:
            A frame is ready once `lookahead_s` after its end is in.

        Raises:
            InvalidStateError: The stream is finished.
        """
        if self._limit is not None:
            raise InvalidStateError("This turn's speech is finished. Begin a new SpeechStream for the next turn.")
        self._listen(pcm)

    def finish(self, frames: int) -> None:
        """Say that no more samples come: silence follows until the turn has `frames` frames in all.

        Raises:
            ValueError: More frames than that are ready already.
        """
        if frames < self._told:
            raise ValueError(f"{self._told} frames are ready already. Finish with at least as many.")
        self._limit = frames
        self._fill(frames)

    def poll(self) -> NDArray[np.float32]:
        """The frames that became ready since the last call.

        Returns:
            float32, shape (k, 15), each row in `VISEMES` order, 0..1, summing to 1.
        """
        ready, self._ready = self._ready, []
        if not ready:
            return np.zeros((0, len(VISEMES)), np.float32)
        return np.stack(ready)

    def preview(self, index: int | None = None) -> NDArray[np.float32]:
        """What frame `index` would be if silence followed the samples so far. Changes nothing.

        Args:
            index: A frame that is not ready yet; the next one by default.

        Returns:
            float32, shape (15,).

        Raises:
            ValueError: The frame is ready: it comes, or came, from `poll`.
        """
        wanted = self._told if index is None else index
        if wanted < self._told:
            raise ValueError(f"Frame {wanted} is ready. Take it from poll().")
        twin = self._copy()
        twin._fill(wanted + 1)
        return twin._ready[wanted - self._told]

    def _fill(self, frames: int) -> None:
        """Hear silence until that many frames became ready."""
        silence = np.zeros(_block_rows(self._fps) * HOP, np.int16)
        while self._told < frames:
            self._listen(silence)

    def _listen(self, pcm: NDArray[np.int16]) -> None:
        """Run samples through the three stages."""
        for rows in self._mel.push(pcm):
            posteriors = self._visemes.step(rows)
            loudness = np.concatenate([self._loudness, rows.mean(axis=1)])
            self._loudness = loudness[len(rows) :]
            early = min(self._early, len(rows))
            self._early -= early
            frames = self._mouths.push(posteriors[early:], loudness[early : len(rows)])
            self._ready += frames
            self._told += len(frames)

    def _copy(self) -> SpeechStream:
        twin = object.__new__(SpeechStream)
        twin._fps, twin._net = self._fps, self._net
        twin._mel, twin._visemes, twin._mouths = self._mel.copy(), self._visemes.copy(), self._mouths.copy()
        twin._loudness, twin._early = self._loudness, self._early
        twin._ready, twin._told, twin._limit = [], self._told, self._limit
        return twin
