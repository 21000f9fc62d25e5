"""Tests of the archives themselves, minutes long and with the network: `make test-packaging`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REQUIRED

ROOT = Path(__file__).parents[2]

#: They run only where the run asks for them.
collect_ignore = [] if "packaging" in REQUIRED else ["test_contents.py", "test_installs.py"]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    """The wheel of this tree."""
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def source_archive(dist: Path) -> Path:
    """The source archive of this tree."""
    (path,) = dist.glob("*.tar.gz")
    return path
