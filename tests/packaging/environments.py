"""Environments that have never seen this directory, made with uv, whose cache makes the second one quick."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: The Pythons that pyproject.toml names.
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
#: For a whole set of packages over a slow line.
INSTALL_TIMEOUT_S = 900

ROOT = Path(__file__).parents[2]


@cache
def pythons() -> dict[str, Path]:
    """The supported Pythons of this machine, on PATH or kept by pyenv, oldest first: version to program."""
    found = {"{}.{}".format(*sys.version_info): Path(sys.executable)}
    for version in SUPPORTED:
        names = [Path(folder) / f"python{version}" for folder in os.environ.get("PATH", "").split(os.pathsep)]
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        names += sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
        usable = (name for name in names if name.exists() and _answers(name, version))
        if version not in found and (program := next(usable, None)):
            found[version] = program
    return dict(sorted(found.items(), key=lambda item: SUPPORTED.index(item[0])))


def _answers(program: Path, version: str) -> bool:
    """Whether it runs, with venv: pyenv's shims stand for Pythons that are not there."""
    told = "import sys, venv; print('{}.{}'.format(*sys.version_info))"
    run = subprocess.run([program, "-c", told], capture_output=True, text=True, check=False, timeout=30)
    return run.returncode == 0 and run.stdout.strip() == version


def uv(*arguments: str | Path, timeout: float = INSTALL_TIMEOUT_S) -> str:
    """What uv prints; its errors are shown where it fails."""
    program = shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv")
    assert program, "uv is one of the development requirements"
    run = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=timeout)
    assert run.returncode == 0, f"uv {' '.join(map(str, arguments))}\n{run.stdout}{run.stderr}"
    return run.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder outside the repository to work in."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / "venv" / "bin"

    @classmethod
    def make(cls, folder: Path, python: Path, archive: Path, extras: str = "", *, lowest: bool = False) -> Environment:
        """Install an archive into an empty environment.

        Args:
            folder: Its own.
            python: The interpreter.
            archive: A wheel or a source archive of the package.
            extras: As in `[demo]`.
            lowest: With the lowest versions that pyproject.toml allows, else the newest.
        """
        uv("venv", "--quiet", "--python", python, folder / "venv")
        into = ("pip", "install", "--quiet", "--python", folder / "venv")
        if lowest:
            pins = folder / "lowest.txt"
            uv(
                "pip", "compile", ROOT / "pyproject.toml", *(f"--extra={extra}" for extra in _names(extras)),
                "--quiet", "--resolution", "lowest-direct", "--python", folder / "venv", "--output-file", pins,
            )  # fmt: skip
            uv(*into, "-r", pins)
            uv(*into, "--no-deps", archive)
        else:
            uv(*into, f"livekit-bithuman{extras} @ {archive.as_uri()}")
        uv("pip", "check", "--python", folder / "venv")
        return cls(folder)

    def run(self, *command: str | Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, outside the repository and without the caller's settings."""
        settings = re.compile("LIVEKIT|PYTHON|BITHUMAN|OPENAI")
        kept = {name: value for name, value in os.environ.items() if not settings.match(name)}
        program, *arguments = command
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.folder, env=kept, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip


def _names(extras: str) -> list[str]:
    return [name for name in extras.strip("[]").split(",") if name]
