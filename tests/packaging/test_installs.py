"""The archives in empty environments: oldest and newest Python, lowest and newest dependencies, and what then works."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from livekit_bithuman import __version__

from .conftest import ROOT
from .environments import Environment, pythons, uv
from .metadata import required

SPEECH = ROOT / "tests" / "data" / "speech.wav"
#: Those that users install; bitHuman's SDK pins other versions of what the rest needs.
EXTRAS = ("demo", "offline", "openai", "plot", "testing")
EVERY = os.environ.get("LIVEKIT_BITHUMAN_PYTHONS") == "all"
OLDEST, NEWEST = next(iter(pythons())), next(reversed(pythons()))


def checks(environment: Environment) -> tuple[bool, dict[str, dict[str, Any]]]:
    """What `doctor --json` says: whether the demo can run, and each check by name."""
    run = environment.run("livekit-bithuman", "doctor", "--json")
    assert run.stdout, run.stderr
    report = json.loads(run.stdout)
    assert run.returncode == (0 if report["ok"] else 1)
    return report["ok"], {check["name"]: check for check in report["checks"]}


def renders(environment: Environment) -> None:
    """A video of speech, which is read again for its length and size, and the same speech's visemes."""
    video = environment.folder / "talking.mp4"
    run = environment.run("livekit-bithuman", "render", SPEECH, "-o", video, "--json")
    assert run.returncode == 0, run.stderr
    seen = environment.run("python", "-c", PROBE, video)
    assert seen.returncode == 0, seen.stderr
    width, height, frames, sound = json.loads(seen.stdout)
    with wave.open(str(SPEECH)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert (width, height) == (512, 512)
    assert frames >= seconds * 25 - 1
    assert abs(sound - seconds) < 0.2
    run = environment.run("livekit-bithuman", "visemes", SPEECH, "-o", environment.folder / "visemes.json")
    assert run.returncode == 0, run.stderr


PROBE = """
import json, sys, av
with av.open(sys.argv[1]) as file:
    video, audio = file.streams.video[0], file.streams.audio[0]
    frames = sum(1 for _ in file.decode(video))
    print(json.dumps([video.width, video.height, frames, float(audio.duration * audio.time_base)]))
"""


@pytest.mark.parametrize("version", list(pythons()) if EVERY else [NEWEST])
def test_the_wheel_works_with_the_newest_dependencies(version: str, wheel: Path, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path, pythons()[version], wheel, "[demo]")
    assert environment.run("livekit-bithuman", "--version").stdout == f"livekit-bithuman {__version__}\n"
    ok, found = checks(environment)
    assert ok, found
    assert found["Page"]["state"] == "ok", "the wheel carries the page's own livekit-client"
    renders(environment)


@pytest.mark.parametrize("version", [version for version in pythons() if EVERY and version < "3.13"] or [OLDEST])
def test_the_wheel_works_with_the_lowest_dependencies(version: str, wheel: Path, tmp_path: Path) -> None:
    environment = Environment.make(tmp_path, pythons()[version], wheel, "[demo]", lowest=True)
    ok, found = checks(environment)
    assert ok, found
    renders(environment)
    session = environment.run("python", "-c", "from livekit_bithuman import AvatarSession; AvatarSession()")
    assert session.returncode == 0, session.stderr


def test_the_lowest_versions_are_those_that_pyproject_names(wheel: Path) -> None:
    # one that another dependency rules out promises what nobody can install
    asked = [f"--extra={extra}" for extra in EXTRAS]
    compiled = uv(
        "pip", "compile", ROOT / "pyproject.toml", *asked, "--resolution", "lowest-direct", "--quiet",
        "--python-version", "3.10", "--no-header", "--no-annotate",
    )  # fmt: skip
    chosen = {line.split("==")[0]: line.split("==")[1] for line in compiled.split() if "==" in line}
    for requirement in required(wheel, EXTRAS):
        floor = next(Version(part.version).release for part in requirement.specifier if part.operator == ">=")
        assert Version(chosen[requirement.name]).release[: len(floor)] == floor, requirement


def test_the_source_archive_builds_and_installs_by_itself(source_archive: Path, tmp_path: Path) -> None:
    """Into the newest Python found, without any extra: what is missing then is the demo's voice, and nothing else."""
    environment = Environment.make(tmp_path, pythons()[NEWEST], source_archive)
    assert environment.run("livekit-bithuman", "--version").stdout == f"livekit-bithuman {__version__}\n"
    _, found = checks(environment)
    assert {name for name, check in found.items() if check["state"] == "fail"} == {"Voice"}
    assert found["Page"]["state"] == "ok"
    renders(environment)
