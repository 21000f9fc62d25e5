"""Log-mel features in a stream: 40 bands every 10 ms, normalised by the loudness so far.

Row r describes the samples [160 r, 160 r + 160) of the turn through a 25 ms window around their centre. Rows are
computed in blocks of a fixed size, whatever the chunks that came in, so that the same sound gives the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
HOP = 160  # samples per row: 10 ms
WINDOW = 400  # samples a row sees: 25 ms, the usual compromise between pitch ripple and smeared bursts
LEAD = (WINDOW - HOP) // 2  # samples of the window before the row's first one
TAIL = WINDOW - HOP - LEAD  # samples of the window after the row's last one
FFT = 512
BANDS = 40

#: Hz. Below 60 is hum, above 7600 the resampler's transition band begins.
LOWEST, HIGHEST = 60.0, 7600.0

#: Added to each band's energy, so that digital silence has a finite logarithm.
FLOOR = 1e-6

#: The loudness that rows are measured against, in mean log energy: it rises at once and falls by `RELEASE` a row
#: (1.7 dB a second), and never below `QUIETEST`, so that faint noise after a long pause stays faint.
START, QUIETEST, RELEASE = -4.0, -8.0, 0.004

#: Divides the normalised features to bring them near unit variance.
SCALE = 4.0


@lru_cache(maxsize=1)
def mel_filters() -> NDArray[np.float64]:
    """Triangular filters, equally wide in mel (O'Shaughnessy's formula): float64, shape (257, 40)."""
    lowest, highest = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOWEST, HIGHEST))
    edges = 700.0 * (10.0 ** (np.linspace(lowest, highest, BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(FFT // 2 + 1)[:, None] * (RATE / FFT)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0.0, None))


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float64]:
    return np.hanning(WINDOW)


@lru_cache(maxsize=16)
def _window_indices(rows: int) -> NDArray[np.intp]:
    """Where each row's window lies: shape (rows, 400). An index is quicker than a view of so few."""
    return np.arange(rows)[:, None] * HOP + np.arange(WINDOW)[None, :]


def log_mel(samples: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Log band energies of `rows` rows.

    Args:
        samples: Shape ((rows - 1) * 160 + 400,), full scale at 1.0: the first row's window starts at the first.
        rows: How many.

    Returns:
        float64, shape (rows, 40), natural logarithm of energy.
    """
    windows = samples[_window_indices(rows)] * _window()
    spectrum = np.fft.rfft(windows, FFT, axis=1)
    energy = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.log(energy @ mel_filters() + FLOOR))


class LogMel:
    """Samples in, blocks of normalised feature rows out, as they become complete."""

    def __init__(self, block_rows: int) -> None:
        self._block_rows = block_rows
        self._pending = np.zeros(LEAD, np.float64)  # samples not yet consumed; a turn follows silence
        self._level = START  # mean log energy that rows are measured against

    def push(self, pcm: NDArray[np.int16]) -> list[NDArray[np.float32]]:
        """Append 16 kHz samples; return the blocks that became complete, each float32 (block_rows, 40)."""
        pending = np.concatenate([self._pending, pcm.astype(np.float64) / 32768.0])
        step = self._block_rows * HOP
        span = step - HOP + WINDOW
        blocks = []
        start = 0
        while start + span <= len(pending):
            blocks.append(self._normalised(log_mel(pending[start : start + span], self._block_rows)))
            start += step
        self._pending = pending[start:]
        return blocks

    def _normalised(self, energies: NDArray[np.float64]) -> NDArray[np.float32]:
        levels = []
        for level in (energies.sum(axis=1) / BANDS).tolist():
            self._level = max(level, self._level - RELEASE, QUIETEST)
            levels.append(self._level)
        return np.asarray((energies - np.array(levels)[:, None]) / SCALE, np.float32)

    def copy(self) -> LogMel:
        """A stream that goes on from here without changing this one."""
        twin = LogMel(self._block_rows)
        twin._pending, twin._level = self._pending, self._level
        return twin


def features(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """The rows of a whole 16 kHz recording followed by silence: float32, shape (len(pcm) // 160, 40)."""
    rows = len(pcm) // HOP
    if rows == 0:
        return np.zeros((0, BANDS), np.float32)
    return LogMel(block_rows=rows).push(np.concatenate([pcm, np.zeros(TAIL, np.int16)]))[0]
