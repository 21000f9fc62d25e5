"""A speech file and its mouth in one picture: waveform, mel spectrum, visemes, openness and width over one time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import MediaFileError, MissingDependencyError
from ..pose import VISEMES
from ..speech.features import BANDS, HIGHEST, HOP, LOWEST, RATE, TAIL, LogMel
from ..speech.resample import StreamResampler
from ..speech.visemes import VisemeFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

#: Inches: a few seconds fit the narrow one; beyond, the picture grows with the speech as far as a screen can show.
_NARROW, _WIDE, _PER_SECOND = 12.0, 24.0, 1.0
_HEIGHT, _DPI = 10.0, 100

#: Columns that a picture can show; longer speech is pooled into this many.
_MOST_COLUMNS = 2_400

#: Mel rows per step of the features: any number gives the same rows.
_MEL_BLOCK = 10

_TICKS_HZ = (100, 300, 1000, 3000, 7000)
_INK, _OPENNESS, _WIDTH = "#30343b", "#c2410c", "#1d4ed8"


def check_suffix(path: Path) -> None:
    """Refuse what cannot be drawn, before anything is read.

    Raises:
        MediaFileError: The suffix is of no known picture.
        MissingDependencyError: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise MediaFileError(str(path), f"{path} is no picture's name. Use one of: {', '.join(SUFFIXES)}.")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as exc:
        raise MissingDependencyError(
            "matplotlib", "Drawing a plot needs matplotlib: pip install 'livekit-bithuman[plot]'."
        ) from exc


class SpeechPlot:
    """Takes the speech and its frames as they come, then draws them."""

    def begin(self, rate: int, fps: int) -> None:
        """Say what will come: samples at `rate` Hz, and `fps` frames a second of them."""
        self._rate = rate
        self._fps = fps
        self._resampler = StreamResampler(rate, RATE)
        self._mel = LogMel(_MEL_BLOCK)
        self._heard = 0  # samples, at 16 kHz
        self._left = np.zeros(0, np.int16)  # samples at 16 kHz of a row that is not whole yet
        self._peaks: list[NDArray[np.int16]] = []  # (n, 2): lowest and highest sample of each 10 ms
        self._rows: list[NDArray[np.float32]] = []  # (10, 40) each
        self._mouths: list[tuple[float, float]] = []  # openness and width of each frame
        self._weights: list[NDArray[np.float32]] = []  # (15,) each

    def hear(self, pcm: NDArray[np.int16]) -> None:
        """Append samples: int16, shape (n,)."""
        self._take(self._resampler.push(pcm))

    def see(self, frame: VisemeFrame) -> None:
        """Append a frame."""
        self._mouths.append((frame.openness, frame.width))
        self._weights.append(frame.weights)

    def draw(self, path: Path, title: str) -> None:
        """Draw everything.

        Raises:
            OSError: The file cannot be written.
        """
        from matplotlib.figure import Figure

        self._take(self._resampler.finish())
        seconds = self._heard / RATE
        self._take(np.zeros(_MEL_BLOCK * HOP + TAIL, np.int16))
        figure = Figure(figsize=(min(max(_NARROW, _PER_SECOND * seconds), _WIDE), _HEIGHT), layout="constrained")
        ratios = [1.0, 1.7, 2.6, 1.0, 1.0]
        wave, mel, visemes, openness, width = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        self._draw_wave(wave)
        self._draw_mel(figure, mel)
        self._draw_visemes(figure, visemes)
        self._draw_mouth(openness, width)
        caption = f"{title}: {seconds:.2f} s, {self._fps} frames a second"
        wave.set_title(caption, loc="left", color=_INK, parse_math=False)  # a name may hold a $
        width.set_xlabel("seconds")
        width.set_xlim(0.0, seconds)
        width.locator_params(axis="x", nbins=20)
        figure.align_ylabels()
        figure.savefig(path, dpi=_DPI)

    def _take(self, pcm: NDArray[np.int16]) -> None:
        self._heard += len(pcm)
        self._rows += self._mel.push(pcm)
        held = np.concatenate([self._left, pcm])
        whole = len(held) // HOP * HOP
        blocks = held[:whole].reshape(-1, HOP)
        self._peaks.append(np.stack([blocks.min(axis=1), blocks.max(axis=1)], axis=1))
        self._left = held[whole:]

    def _draw_wave(self, axes: Axes) -> None:
        peaks = np.concatenate(self._peaks).astype(np.float32) / np.float32(32768)
        low, high = _pooled(peaks[:, :1], np.min)[:, 0], _pooled(peaks[:, 1:], np.max)[:, 0]
        times = np.arange(len(low)) * _share(len(peaks)) * HOP / RATE
        axes.fill_between(times, low, high, step="post", color=_INK, linewidth=0.4)
        limit = max(0.05, 1.1 * float(np.abs(peaks).max()))
        axes.set_ylim(-limit, limit)
        axes.set_ylabel("waveform")
        axes.set_axisbelow(True)
        axes.grid(axis="x", alpha=0.25)

    def _draw_mel(self, figure: Figure, axes: Axes) -> None:
        heard = np.concatenate(self._rows)
        rows = _pooled(heard, np.mean)
        end = len(rows) * _share(len(heard)) * HOP / RATE
        low, high = np.percentile(rows, [5, 99.5])
        image = axes.imshow(
            rows.T, aspect="auto", origin="lower", extent=(0.0, end, 0.0, BANDS), cmap="magma",
            vmin=low, vmax=max(high, low + 1e-3), interpolation="nearest",
        )  # fmt: skip
        axes.set_yticks([_band(hertz) for hertz in _TICKS_HZ], [f"{hertz} Hz" for hertz in _TICKS_HZ])
        axes.set_ylabel("log-mel")
        figure.colorbar(image, ax=axes, pad=0.01, aspect=12, label="as the net hears it")

    def _draw_visemes(self, figure: Figure, axes: Axes) -> None:
        weights = _pooled(np.stack(self._weights), np.max)  # a closure of one frame must stay visible
        end = len(weights) * _share(len(self._weights)) / self._fps
        image = axes.imshow(
            weights.T, aspect="auto", origin="upper", extent=(0.0, end, len(VISEMES), 0.0), cmap="Blues",
            vmin=0.0, vmax=1.0, interpolation="nearest",
        )  # fmt: skip
        axes.set_yticks(np.arange(len(VISEMES)) + 0.5, VISEMES, fontsize=9)
        axes.set_yticks(np.arange(1, len(VISEMES)), minor=True)
        axes.grid(axis="y", which="minor", color="#d4d4d8", linewidth=0.5)
        axes.tick_params(axis="y", which="both", length=0)
        axes.set_ylabel("visemes")
        figure.colorbar(image, ax=axes, pad=0.01, aspect=18, label="weight")

    def _draw_mouth(self, openness: Axes, width: Axes) -> None:
        mouths = np.array(self._mouths, np.float32)
        self._draw_course(openness, mouths[:, :1], _OPENNESS)
        openness.set_ylim(0.0, 1.02)
        openness.set_yticks([0, 0.5, 1], ["0 shut", "0.5", "1 open"])
        openness.set_ylabel("openness")
        self._draw_course(width, mouths[:, 1:], _WIDTH)
        width.axhline(0.0, color=_INK, linewidth=0.6)
        width.set_ylim(-1.05, 1.05)
        width.set_yticks([-1, 0, 1], ["-1 puckered", "0", "1 spread"])
        width.set_ylabel("width")

    def _draw_course(self, axes: Axes, values: NDArray[np.float32], colour: str) -> None:
        """One number of each frame, shape (n, 1), held until the next; where frames are pooled, all that they span."""
        low, high = _pooled(values, np.min)[:, 0], _pooled(values, np.max)[:, 0]
        low, high = np.append(low, low[-1]), np.append(high, high[-1])
        edges = np.minimum(np.arange(len(low)) * _share(len(values)), len(values)) / self._fps
        if _share(len(values)) == 1:
            axes.fill_between(edges, 0.0, high, step="post", color=colour, alpha=0.25, linewidth=0.0)
            axes.step(edges, high, where="post", color=colour, linewidth=1.4)
        else:
            axes.fill_between(edges, low, high, step="post", color=colour, linewidth=0.3)
        axes.set_axisbelow(True)
        axes.grid(alpha=0.25)


def _band(hertz: float) -> float:
    """Where a frequency lies among the mel bands, 0..40."""
    lowest, here, highest = (np.log10(1.0 + at / 700.0) for at in (LOWEST, hertz, HIGHEST))
    return float((here - lowest) / (highest - lowest) * (BANDS + 1) - 0.5)


def _share(count: int) -> int:
    """How many of so many rows go into one column."""
    return -(-count // _MOST_COLUMNS)


def _pooled(rows: NDArray[np.float32], pool: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
    """As many rows as a picture can show, each pooled from equally many of these (the last from what is left)."""
    share = _share(len(rows))
    if share <= 1:
        return rows
    return np.stack([pool(rows[start : start + share], axis=0) for start in range(0, len(rows), share)])
