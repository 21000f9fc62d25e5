"""`livekit-bithuman visemes` as a user runs it: its files, its one line, its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_bithuman.cli import main

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"


def errors(told: str) -> list[str]:
    """Lines of standard error that are not progress, which a slow machine gets to see."""
    return [line for line in told.splitlines() if not line.startswith("[")]


def test_a_file_and_one_line_about_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.json"
    assert main(["visemes", str(SPEECH), "-o", str(output)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{output}: 108 rows of 40 ms, from 4.30 s of speech\n"
    assert errors(told.err) == []
    assert len(json.loads(output.read_text())["frames"]) == 108


@pytest.mark.parametrize("to", [[], ["-o", "-"]])
def test_without_a_file_the_document_is_all_that_is_printed(to: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["visemes", str(SPEECH), *to, "--hop", "10", "--arkit"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["hop_ms"], len(document["frames"])) == (10, 430)
    assert "jawOpen" in document["frames"][0]["arkit"]


def test_the_plot_is_drawn_beside_it(tmp_path: Path) -> None:
    plot = tmp_path / "out.png"
    assert main(["visemes", str(SPEECH), "-o", str(tmp_path / "out.json"), "--plot", str(plot)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"out.json", "out.png"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nothing.wav"], 74, "There is no file nothing.wav"),
        ([str(Path(__file__))], 74, "test_visemes.py"),
        ([str(SPEECH), "-o", "nowhere/out.json"], 74, "nowhere/out.json could not be written"),
        ([str(SPEECH), "-o", "."], 74, "could not be written"),
        ([str(SPEECH), "-o", "out.json", "--plot", "nowhere/out.png"], 74, "nowhere/out.png could not be written"),
        ([str(SPEECH), "-o", "out.json", "--plot", "out.gif"], 74, ".png, .svg, .pdf"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["visemes", *arguments]) == code
    told = capsys.readouterr()
    (line,) = errors(told.err)
    assert says in line
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["visemes", str(SPEECH), "-o", str(tmp_path / "o.json"), "--plot", str(tmp_path / "o.png")]) == 69
    assert "pip install 'livekit-bithuman[plot]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hop", ["33", "5", "0", "-10", "ten", "10.5", "2000"])
def test_hops_that_do_not_divide_a_second_are_usage_errors(hop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["visemes", str(SPEECH), f"--hop={hop}"]) == 2
    assert "--hop" in capsys.readouterr().err


def test_matplotlib_is_loaded_for_a_plot_alone() -> None:
    script = (
        "import sys; from livekit_bithuman.cli import main; main(['visemes', sys.argv[1]]); "
        "print('matplotlib' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, SPEECH], capture_output=True, text=True, check=True)
    assert errors(done.stderr) == ["False"]
