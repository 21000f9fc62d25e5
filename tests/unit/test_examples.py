"""Every example runs, on real speech, as its own program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def run_example(name: str, *arguments: str, cwd: Path) -> str:
    """Its standard output; standard error must stay empty."""
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name, *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, "BITHUMAN_API_SECRET": "any"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_minimal_loop_drains_real_speech() -> None:
    assert run_example("minimal_loop.py", cwd=DATA) == ""


def test_wav_to_mp4_writes_a_video(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert run_example("wav_to_mp4.py", str(DATA / "speech.wav"), str(output), cwd=tmp_path) == (
        f"{output}: 108 frames, 4.30 s\n"
    )
    with av.open(str(output)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 108


def test_the_waveform_engine_passes_its_own_tests(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_waveform_engine.py"],
        capture_output=True, text=True, check=False, cwd=ROOT / "examples" / "waveform",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "18 passed" in done.stdout


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.name)
def test_every_example_is_named_here(path: Path) -> None:
    assert f'"{path.name}"' in Path(__file__).read_text()
