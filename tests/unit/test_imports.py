"""What is imported when: an agent's start does not wait for OpenCV, the renderer or the net."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

#: The heavy ones of our own, and OpenCV. PyAV and numpy are not among them: `livekit.agents` itself imports both.
HEAVY = (
    "cv2",
    "livekit_bithuman.speech.net",
    "livekit_bithuman.speech.stream",
    "livekit_bithuman.engine.embedded",
    "livekit_bithuman.face.bundle",
    "livekit_bithuman.face.raster",
    "livekit_bithuman.face.portrait",
    "livekit_bithuman.render",
    "livekit_bithuman.demo",
    "livekit_bithuman.cli",
    "livekit_bithuman.testing",
    "matplotlib",
    "scipy",
    "typer",
)


def loaded_by(statement: str, *, after: str = "") -> set[str]:
    """The modules that a statement adds in a fresh interpreter, to those of another one before it."""
    program = f"import json, sys\n{after}\nbefore = set(sys.modules)\n{statement}\n"
    program += "print(json.dumps(sorted(set(sys.modules) - before)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(run.stdout))


def test_the_package_alone_imports_nothing_but_its_errors() -> None:
    # not even livekit: a program that only catches our errors pays for nothing else
    added = loaded_by("import livekit_bithuman")
    assert {name for name in added if name.startswith("livekit_bithuman")} == {
        "livekit_bithuman",
        "livekit_bithuman.adapters",
        "livekit_bithuman.adapters.errors",
        "livekit_bithuman.errors",
        "livekit_bithuman.version",
    }
    third_party = {name.partition(".")[0] for name in added} - set(sys.stdlib_module_names) - {"livekit_bithuman"}
    assert not third_party


@pytest.mark.parametrize("statement", ["import livekit_bithuman", "from livekit_bithuman import AvatarSession"])
def test_after_the_framework_nothing_heavy_is_imported(statement: str) -> None:
    added = loaded_by(statement, after="import livekit.agents")
    assert not added & set(HEAVY)
    third_party = {name.partition(".")[0] for name in added} - set(sys.stdlib_module_names) - {"livekit_bithuman"}
    assert not third_party, "livekit.agents imports all else that an AvatarSession needs"


def test_the_names_above_exist_and_an_avatar_imports_the_drawing_ones() -> None:
    # else the test above would go on passing when a module is renamed
    assert all(importlib.util.find_spec(name) for name in HEAVY if name.startswith("livekit_bithuman"))
    added = loaded_by("import livekit_bithuman.engine.embedded")
    assert {"cv2", "livekit_bithuman.speech.net", "livekit_bithuman.face.raster"} <= added
