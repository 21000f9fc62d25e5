"""A speech file's visemes as JSON: its rows, its numbers, and a file that is there whole or not at all."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from livekit_bithuman import VisemeStream
from livekit_bithuman.errors import MediaFileError
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.render.visemes import render_visemes
from livekit_bithuman.speech.arkit import ARKIT_SHAPES

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


def told(speech: Path, **options: Any) -> dict[str, Any]:
    """What is written of a file."""
    text = io.StringIO()
    render_visemes(speech, text, **options)
    document: dict[str, Any] = json.loads(text.getvalue())
    return document


@pytest.mark.parametrize(("hop", "fps", "rows"), [(40, 25, 108), (10, 100, 430), (25, 40, 172), (1000, 1, 5)])
def test_the_document_is_the_one_that_is_documented(hop: int, fps: int, rows: int) -> None:
    document = told(SPEECH, hop_ms=hop)
    assert list(document) == ["fps", "hop_ms", "frames"]
    assert (document["fps"], document["hop_ms"], len(document["frames"])) == (fps, hop, rows)
    for index, frame in enumerate(document["frames"]):
        assert list(frame) == ["t", "openness", "width", "visemes"]
        assert frame["t"] == index * hop / 1000
        assert list(frame["visemes"]) == list(VISEMES)


def test_the_numbers_are_the_streams_rounded() -> None:
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    stream = VisemeStream(rate, 100)
    rows = stream.push(samples) + stream.finish()
    for frame, row in zip(told(SPEECH, hop_ms=10)["frames"], rows, strict=True):
        assert frame["openness"] == pytest.approx(row.openness, abs=5.1e-5)
        assert frame["width"] == pytest.approx(row.width, abs=5.1e-5)
        assert list(frame["visemes"].values()) == pytest.approx(row.weights.tolist(), abs=5.1e-5)


def test_arkit_is_there_when_asked_for() -> None:
    frames = told(SPEECH, arkit=True)["frames"]
    assert all(list(frame) == ["t", "openness", "width", "visemes", "arkit"] for frame in frames)
    assert all(list(frame["arkit"]) == list(ARKIT_SHAPES) for frame in frames)
    assert max(frame["arkit"]["jawOpen"] for frame in frames) > 0.3


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("hop", [10, 40])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_rows_cover_the_files_samples(tmp_path: Path, rate: int, hop: int, extra: int) -> None:
    samples = rate * 3 * hop // 1000 + extra
    source = tmp_path / "in.wav"
    soundfile.write(source, np.zeros(samples, np.int16), rate)
    assert len(told(source, hop_ms=hop)["frames"]) == -(-samples * 1000 // (rate * hop))


def test_one_sample_is_one_row_and_none_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, np.zeros(1, np.int16), 44_100)
    (frame,) = told(source)["frames"]
    assert frame["visemes"]["sil"] == 1.0
    soundfile.write(source, np.zeros(0, np.int16), 44_100)
    with pytest.raises(MediaFileError, match="no samples"):
        told(source)


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    source = tmp_path / "in.wav"
    soundfile.write(source, np.stack([samples, samples], axis=1), rate)
    assert told(source) == told(SPEECH)


def test_a_file_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    source, output = tmp_path / "in.wav", tmp_path / "out.json"
    data = SPEECH.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    output.write_text("before")
    with pytest.raises(MediaFileError, match="cut off"):
        render_visemes(source, output, plot=tmp_path / "out.png")
    assert output.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.wav", "out.json"}
    text = io.StringIO()
    with pytest.raises(MediaFileError, match="cut off"):
        render_visemes(source, text)
    assert text.getvalue() == "", "no half document is printed"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    render_visemes(SPEECH, pipe)
    reader.join(timeout=30)
    assert len(json.loads(read[0])["frames"]) == 108
    assert pipe.is_fifo()


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(SPEECH.read_bytes())
    with pytest.raises(MediaFileError, match="named twice"):
        render_visemes(source, source)
    with pytest.raises(MediaFileError, match="named twice"):
        render_visemes(source, tmp_path / "out.png", plot=tmp_path / "out.png")
    assert {path.name for path in tmp_path.iterdir()} == {"in.wav"}
    assert source.read_bytes() == SPEECH.read_bytes()
