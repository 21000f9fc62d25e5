"""Every example runs, on real speech, as its own program."""

from __future__ import annotations

import os
import re
import shutil
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


def test_emotions_are_seen_in_the_video(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert run_example("emotions.py", str(DATA / "speech.wav"), str(output), cwd=tmp_path) == f"{output}: 108 frames\n"
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


def test_microphone_to_window_shows_a_file_in_the_microphones_place(tmp_path: Path) -> None:
    pytest.importorskip("pygame", reason="pygame-ce is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "microphone_to_window.py", "--wav", DATA / "speech.wav"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "108 pictures of speech were shown"


def test_stream_from_node_gets_its_pictures_while_the_voice_comes(tmp_path: Path) -> None:
    node, programs = shutil.which("node"), Path(sys.executable).parent
    if node is None or not (programs / "livekit-bithuman").exists():
        pytest.skip("there is no node, or no livekit-bithuman beside this Python")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [node, ROOT / "examples" / "stream_from_node.mjs", DATA / "speech.wav"],
        capture_output=True, check=False, cwd=tmp_path, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    told = done.stderr.decode()
    assert done.returncode == 0, told
    assert len(done.stdout) == 108 * 512 * 512 * 3
    count, early = (int(number) for number in re.findall(r"(\d+) (?:pictures|of them)", told))
    assert count == 108
    assert early > 0


EXAMPLES = sorted(path for pattern in ("*.py", "*.mjs", "*.html") for path in (ROOT / "examples").glob(pattern))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_listed_and_run(path: Path) -> None:
    assert f"[{path.name}]({path.name})" in (ROOT / "examples" / "README.md").read_text()
    tests = [*ROOT.glob("tests/*/test_*example*.py")]
    assert any(f'"{path.name}"' in test.read_text() for test in tests)
