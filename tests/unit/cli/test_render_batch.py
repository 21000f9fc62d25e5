"""`livekit-bithuman render` of several files and of single pictures, as its own program."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


def render(*arguments: str | Path, cwd: Path, file_size: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    return subprocess.run(
        [sys.executable, "-m", "livekit_bithuman", "render", *arguments, "--size", "64x64"],
        capture_output=True, text=True, check=False, cwd=cwd, preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip


def errors(told: str) -> list[str]:
    """Lines of standard error that are not progress, which a slow machine gets to see."""
    return [line for line in told.splitlines() if not line.startswith("[")]


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def speeches(tmp_path: Path) -> list[Path]:
    """Two that can be rendered, around one that cannot."""
    good, bad, last = (tmp_path / name for name in ("a.wav", "b.wav", "c.wav"))
    shutil.copy(SPEECH, good)
    bad.write_text("this is no sound")
    shutil.copy(SPEECH, last)
    return [good, bad, last]


def test_where_one_fails_the_others_are_rendered(tmp_path: Path, speeches: list[Path]) -> None:
    done = render(*speeches, "-o", "videos", cwd=tmp_path)
    assert done.returncode == 74
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["videos/a.mp4", "videos/c.mp4"]
    error, summary = errors(done.stderr)
    assert error.startswith(f"livekit-bithuman render: {speeches[1]} is not a sound or video file")
    assert summary == "2 of 3 rendered"
    assert everything(tmp_path / "videos") == {"a.mp4", "c.mp4"}
    assert (tmp_path / "videos" / "a.mp4").read_bytes() == (tmp_path / "videos" / "c.mp4").read_bytes()


def test_programs_read_what_became_of_each(tmp_path: Path, speeches: list[Path]) -> None:
    done = render(*speeches[:2], "-o", "stills", "--format", "png", "--json", cwd=tmp_path)
    assert done.returncode == 74
    told = json.loads(done.stdout)
    assert told["ok"] is False
    good, bad = told["files"]
    assert (good["output"], good["frames"], good["size"]) == ("stills/a.png", 1, [64, 64])
    assert good["seconds"] == pytest.approx(4.3, abs=0.01)
    assert bad["exit_code"] == 74
    assert str(speeches[1]) in bad["error"]
    assert everything(tmp_path / "stills") == {"a.png"}


def test_every_picture_by_itself_replaces_a_longer_sequence_and_nothing_else(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "00999.png").touch()  # of a longer speech before
    assert render(SPEECH, "-o", "frames", "--frames", cwd=tmp_path).returncode == 0
    assert everything(tmp_path) == {"frames", *(f"frames/{index:05d}.png" for index in range(108))}
    picture = cv2.imread(str(frames / "00107.png"))
    assert picture is not None
    assert picture.shape == (64, 64, 3)

    (frames / "notes.txt").write_text("mine")
    before = everything(tmp_path)
    refused = render(SPEECH, "-o", "frames", "--frames", cwd=tmp_path)
    assert refused.returncode == 74
    assert "notes.txt" in errors(refused.stderr)[0]
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "arguments", [["-o", "out.mp4"], ["-o", "out", "--format", "mp4"], ["-o", "out", "--frames"], ["-o", "out.png"]]
)
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, arguments: list[str]) -> None:
    done = render(SPEECH, *arguments, cwd=tmp_path, file_size=1000)
    assert done.returncode == 74
    (line,) = errors(done.stderr)
    assert "could not be written" in line
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


SIGNAL_IN_THE_SECOND = """
import signal, sys
from livekit_bithuman.cli import main
from livekit_bithuman.face.raster import Face
draw, drawn = Face.draw, []
def draw_and_interrupt(*args):
    drawn.append(1)
    if len(drawn) == 108 + 20:
        signal.raise_signal(int(sys.argv[1]))
    return draw(*args)
Face.draw = draw_and_interrupt
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("form", [[], ["--frames"]])
def test_an_interruption_keeps_what_is_done_and_nothing_half_done(
    tmp_path: Path, number: signal.Signals, code: int, form: list[str]
) -> None:
    shutil.copy(SPEECH, tmp_path / "again.wav")
    done = subprocess.run(
        [
            sys.executable, "-c", SIGNAL_IN_THE_SECOND, str(int(number)),
            "render", SPEECH, tmp_path / "again.wav", "-o", tmp_path / "out", "--size", "64x64", *form,
        ],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["speech" if form else "speech.mp4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([SPEECH, SPEECH, "-o", "out.mp4"], "into a folder"),
        ([SPEECH, SPEECH, "-o", "out"], "would both be out/speech.mp4"),
        ([SPEECH, "-o", "out", "--frames", "--format", "mkv"], "png or jpg"),
        ([SPEECH, "-o", "out.mp4", "--format", "mp4"], "--format"),
        ([SPEECH, "-o", "out", "--format", "gif"], "--format"),
    ],
)
def test_contradictions_are_usage_errors(tmp_path: Path, arguments: list[str | Path], says: str) -> None:
    done = render(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert everything(tmp_path) == set()
