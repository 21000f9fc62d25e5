"""`livekit-bithuman render` as a user runs it: its files, its one line, its exit codes."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from livekit_bithuman.cli import main

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"
SMALL = ["--size", "96x64"]


def errors(told: str) -> list[str]:
    """Lines of standard error that are not progress, which a slow machine gets to see."""
    return [line for line in told.splitlines() if not line.startswith("[")]


def test_a_video_and_a_still_of_real_speech(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video, still = tmp_path / "out.mp4", tmp_path / "out.png"
    assert main(["render", str(SPEECH), "-o", str(video), *SMALL]) == 0
    told = capsys.readouterr()
    assert told.out == f"{video}: 108 frames of 96x64, from 4.30 s of speech (h264, aac 24000 Hz)\n"
    assert errors(told.err) == []
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert len(frames) == math.ceil(4.3 * 25)
        assert frames[0].shape == (64, 96, 3)
    assert main(["render", str(SPEECH), "-o", str(still), *SMALL]) == 0
    picture = cv2.imread(str(still))
    assert picture is not None
    assert picture.shape == (64, 96, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"out.mp4", "out.png"}


def test_the_seed_and_the_moment_change_the_picture(tmp_path: Path) -> None:
    pictures = set()
    for options in ([], ["--at", "2"], ["--at", "2", "--seed", "1"], ["--at", "2", "--seed", "1"]):
        output = tmp_path / "out.png"
        assert main(["render", str(SPEECH), "-o", str(output), *SMALL, *options]) == 0
        pictures.add(output.read_bytes())
    assert len(pictures) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nothing.wav", "-o", "out.mp4"], 74, "There is no file nothing.wav"),
        ([str(SPEECH), "-o", "out.gif"], 74, ".mp4"),
        ([str(SPEECH), "-o", "nowhere/out.mp4"], 74, "could not be written"),
        ([str(SPEECH), "-o", "out.mp4", "--avatar", "nobody"], 66, "nobody"),
        ([str(SPEECH), "-o", "out.png", "--at", "99"], 74, "4.30 s long"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["render", *arguments]) == code
    told = capsys.readouterr()
    (line,) = errors(told.err)
    assert says in line
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["512", "x", "axb", "0x0", "8x8", "9999x100", "-64x64"])
def test_sizes_that_are_none_are_usage_errors(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(SPEECH), "-o", "out.mp4", f"--size={size}"]) == 2
    assert "--size" in capsys.readouterr().err


WAIT_FOR_FRAME = """
import signal, sys
from livekit_bithuman.cli import main
from livekit_bithuman.face.raster import Face
draw, drawn = Face.draw, []
def draw_and_interrupt(*args):
    drawn.append(1)
    if len(drawn) == 20:
        signal.raise_signal(getattr(signal, sys.argv[1]))
    return draw(*args)
Face.draw = draw_and_interrupt
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interruption_leaves_no_file_and_no_traceback(tmp_path: Path, name: str, code: int) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WAIT_FOR_FRAME, name, "render", SPEECH, "-o", tmp_path / "out.mp4", *SMALL],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == code
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []
    assert hasattr(signal, name)


def test_an_emotion_and_a_background_are_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, told = tmp_path / "plain.png", tmp_path / "told.png"
    assert main(["render", str(SPEECH), "-o", str(plain), *SMALL, "--at", "0.1"]) == 0
    options = ["--at", "0.1", "--emotion", "surprise", "--background", "#0000ff"]
    assert main(["render", str(SPEECH), "-o", str(told), *SMALL, *options]) == 0
    before, after = cv2.imread(str(plain)), cv2.imread(str(told))
    assert before is not None
    assert after is not None
    assert (after[2, 2] == (255, 0, 0)).all()
    assert not (after[20:45, 40:56] == before[20:45, 40:56]).all()
    capsys.readouterr()
    assert main(["render", str(SPEECH), "-o", str(told), *SMALL, "--emotion", "glee"]) == 2
    assert "no emotion 'glee'" in capsys.readouterr().err
    assert main(["render", str(SPEECH), "-o", str(told), *SMALL, "--background", "nowhere.png"]) == 65
    assert "no background 'nowhere.png'" in capsys.readouterr().err


def test_a_badge_is_in_the_corner_and_a_comment_in_each_kind_of_file(tmp_path: Path) -> None:
    plain, video, frames = tmp_path / "plain.png", tmp_path / "badge.mp4", tmp_path / "frames"
    assert main(["render", str(SPEECH), "-o", str(plain), *SMALL, "--at", "1"]) == 0
    before = cv2.imread(str(plain))
    assert before is not None
    for name in ("badge.png", "badge.jpg"):
        path = tmp_path / name
        assert main(["render", str(SPEECH), "-o", str(path), *SMALL, "--at", "1", "--badge"]) == 0
        assert b"AI-generated" in path.read_bytes()
        after = cv2.imread(str(path))
        assert after is not None
        differs = np.abs(after.astype(int) - before).max(axis=-1) > 60
        rows, columns = np.nonzero(differs)
        assert len(rows) > 50
        assert rows.max() < 24
        assert columns.max() < 40
    with Image.open(tmp_path / "badge.png") as picture:
        picture.load()
        assert picture.info["Comment"].startswith("AI-generated")
    assert main(["render", str(SPEECH), "-o", str(video), *SMALL, "--badge"]) == 0
    with av.open(str(video)) as container:
        assert container.metadata["comment"].startswith("AI-generated")
    assert main(["render", str(SPEECH), "-o", str(frames), *SMALL, "--frames", "--badge"]) == 0
    assert all(b"AI-generated" in path.read_bytes() for path in frames.iterdir())
    assert b"AI-generated" not in plain.read_bytes()
