"""What an agent's program says when something is not set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_bithuman.environment import missing_variables, require_environment, sentence

ALL = {"LIVEKIT_URL": "ws://x", "LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "s", "OPENAI_API_KEY": "o"}


@pytest.mark.parametrize(
    ("arguments", "environment", "missing"),
    [
        (["dev"], ALL, []),
        (["dev"], {**ALL, "OPENAI_API_KEY": ""}, ["OPENAI_API_KEY"]),
        (["start"], {}, list(ALL)),
        (["--log-level", "debug"], {}, []),
        (["dev", "--url", "ws://x", "--api-key=k", "--api-secret=s"], {}, ["OPENAI_API_KEY"]),
        (["console"], {}, ["OPENAI_API_KEY"]),
        (["start", "--help"], {}, []),
        (["download-files"], {}, []),
        ([], {}, []),
    ],
)
def test_each_command_needs_its_own(arguments: list[str], environment: dict[str, str], missing: list[str]) -> None:
    assert missing_variables(arguments, environment, ["OPENAI_API_KEY"]) == missing


def test_the_program_ends_with_one_sentence_and_the_line_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["agent.py", "dev"])
    for name, value in ALL.items():
        monkeypatch.setenv(name, value)
    require_environment("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(SystemExit) as ended:
        require_environment("OPENAI_API_KEY")
    assert ended.value.code == "Set OPENAI_API_KEY first, for example: export OPENAI_API_KEY=sk-…"


def test_a_variable_of_ones_own_is_named_too() -> None:
    assert sentence(["LIVEKIT_URL", "LIVEKIT_API_KEY", "MINE"]) == (
        "Set LIVEKIT_URL, LIVEKIT_API_KEY and MINE first, for example: "
        "export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey MINE=…"
    )


AGENTS = sorted((Path(__file__).parents[2] / "agents").glob("*.py"))


@pytest.mark.parametrize("agent", AGENTS, ids=[path.stem for path in AGENTS])
def test_every_agent_says_so_before_it_starts(agent: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ALL}
    ended = subprocess.run([sys.executable, agent, "dev"], env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Set LIVEKIT_URL, LIVEKIT_API_KEY")
    assert ended.stderr.count("\n") == 1
