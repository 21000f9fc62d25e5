"""The picture of a speech file: that it is one, and that what it shows is where it belongs."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from livekit_bithuman.errors import MediaFileError, MissingDependencyError
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.render.plot import SpeechPlot
from livekit_bithuman.render.visemes import render_visemes
from livekit_bithuman.speech.visemes import VisemeStream

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


def plotted(path: Path, output: Path) -> None:
    render_visemes(path, io.StringIO(), plot=output)


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_it_is_the_picture_that_its_name_says(tmp_path: Path, suffix: str, begins: bytes) -> None:
    output = tmp_path / f"out{suffix}"
    plotted(SPEECH, output)
    assert output.read_bytes().startswith(begins)
    assert {path.name for path in tmp_path.iterdir()} == {output.name}


def test_all_courses_lie_over_one_time_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    plotted(SPEECH, tmp_path / "out.svg")
    wave, mel, visemes, mouth, width = drawn[0].axes[:5]
    assert {axes.get_xlim() for axes in (wave, mel, visemes, mouth, width)} == {(0.0, 4.3)}
    assert [label.get_text() for label in visemes.get_yticklabels()] == list(VISEMES)
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    stream = VisemeStream(rate)
    rows = stream.push(samples) + stream.finish()
    shown = visemes.images[0].get_array()
    assert shown is not None
    np.testing.assert_array_equal(shown, np.stack([row.weights for row in rows]).T)
    assert tuple(visemes.images[0].get_extent()) == (0.0, 108 / 25, 15.0, 0.0)
    heard = mel.images[0].get_array()
    assert heard is not None
    assert heard.shape[0] == 40
    assert mel.images[0].get_extent()[1] == heard.shape[1] / 100
    openness = mouth.lines[0]
    np.testing.assert_allclose(np.asarray(openness.get_ydata())[:-1], [row.openness for row in rows], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(openness.get_xdata()), np.arange(109) / 25)


@pytest.mark.parametrize("samples", [1, 200_000, 16_000 * 120])
def test_any_length_is_drawn(tmp_path: Path, samples: int) -> None:
    source, output = tmp_path / "in.wav", tmp_path / "out.png"
    soundfile.write(source, np.random.default_rng(1).normal(0, 0.05, samples), 16_000)
    plotted(source, output)
    picture = cv2.imread(str(output))
    assert picture is not None
    height, width = picture.shape[:2]
    assert height == 1000
    assert 1200 <= width <= 2400


def test_other_suffixes_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"\.png, \.svg, \.pdf"):
        plotted(tmp_path / "nothing.wav", tmp_path / "out.bmp")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"livekit-bithuman\[plot\]"):
        plotted(SPEECH, tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_the_plot_keeps_no_samples() -> None:
    plot = SpeechPlot()
    plot.begin(48_000, 25)
    for _ in range(100):
        plot.hear(np.zeros(4_800, np.int16))
    kept = sum(peaks.nbytes for peaks in plot._peaks) + sum(rows.nbytes for rows in plot._rows)
    assert kept < 10 * 100 * (4 + 160) * 1.1, "10 s of one pair of peaks and one mel row every 10 ms"
