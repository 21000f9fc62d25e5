"""docs/cli.md says what the commands say."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from livekit_bithuman import errors
from livekit_bithuman.cli.app import COMMANDS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.fixture
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cli_reference", ROOT / "docs" / "make_cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_present_commands(maker: ModuleType) -> None:
    assert maker.with_reference(PAGE) == PAGE, "run `python docs/make_cli_reference.py`"
    assert all(f"\n## livekit-bithuman {name}\n" in PAGE for name in COMMANDS)


def test_every_exit_code_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AvatarError)]
    assert len(kinds) > 10
    assert all(f"\n| {kind.exit_code} |" in PAGE for kind in kinds)


def test_the_line_of_json_is_that_of_a_stream() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "livekit_bithuman", "stream", "--json"],
        input=b"", capture_output=True, check=True, cwd=ROOT,
    )  # fmt: skip
    told = json.loads(done.stderr)
    assert json.dumps(told) in PAGE
