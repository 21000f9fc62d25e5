"""docs/licences.md lists what is installed, with the licences that it states."""

from __future__ import annotations

import re
import runpy
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[3]
SCRIPT = runpy.run_path(str(ROOT / "docs" / "make_licences.py"))


def listed() -> dict[str, str]:
    table = (ROOT / "docs" / "licences.md").read_text().partition("## What is installed")[2]
    return dict(re.findall(r"^\| ([a-z0-9._-]+) \| ([^|]+) \| (?:direct)? *\|$", table, re.MULTILINE))


def test_every_pinned_dependency_is_listed_with_a_licence() -> None:
    found = listed()
    assert sorted(found) == SCRIPT["pinned"](), "python docs/make_licences.py"
    assert all(licence.strip() for licence in found.values())


def test_the_licences_are_those_that_the_installed_packages_state() -> None:
    installed = {distribution.metadata["Name"].lower() for distribution in metadata.distributions()}
    comparable = installed - set(SCRIPT["ELSEWHERE"])
    stated = {name: told for name, told in SCRIPT["rows"]().items() if name in comparable}
    assert stated, "none of the pinned packages is installed"
    assert {name: listed()[name] for name in stated} == stated, "python docs/make_licences.py"


def test_what_is_said_of_the_video_packages_wheels_is_still_so() -> None:
    # should PyAV leave the GPL's libraries out one day, then so must NOTICE and the page
    bundled = {path.name for path in metadata.files("av") or []}
    for library in ("x264", "x265"):
        assert any(library in name for name in bundled)
        assert all(library in (ROOT / place).read_text() for place in ("NOTICE", "docs/licences.md"))
