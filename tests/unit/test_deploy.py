"""The image's recipe against the repository; building it needs Docker, which the tests do without."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def copied() -> list[str]:
    """What the image takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()]


def test_what_it_copies_is_there_and_is_let_in() -> None:
    let_in = re.findall(r"^!(.+)$", (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(copied()) == sorted(let_in)
    assert all((ROOT / source).exists() for source in copied())


def test_what_the_package_is_built_from_is_copied() -> None:
    needed = {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", "livekit_bithuman"}
    assert needed <= set(copied())


def test_every_package_is_pinned_by_hash_and_from_no_index_in_particular() -> None:
    for name in re.findall(r"-r (requirements/\S+)", DOCKERFILE):
        lines = (ROOT / name).read_text().splitlines()
        packages = [number for number, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
        assert packages
        assert all("==" in lines[number] for number in packages)
        assert all("--hash=sha256:" in lines[number + 1] for number in packages)


def test_its_programs_are_agents_of_this_repository_and_run_as_a_user_of_their_own() -> None:
    programs = set(re.findall(r"agents/\w+\.py", DOCKERFILE))
    assert programs
    assert all((ROOT / program).exists() for program in programs)
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER agent$", last_stage, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["python"\]$', last_stage, re.MULTILINE), "Python itself is told to stop"


def test_livekits_file_is_read() -> None:
    text = (ROOT / "deploy" / "livekit.toml").read_text()
    assert re.findall(r"^\[(\w+)\]$", text, re.MULTILINE) == ["project", "agent"]
