"""The site's sources: every public name has its place, and plots show what was measured."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

import livekit_bithuman
import livekit_bithuman.local
import livekit_bithuman.testing

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PLOTS = runpy.run_path(str(DOCS / "make_plots.py"))


@pytest.mark.parametrize("package", [livekit_bithuman, livekit_bithuman.testing, livekit_bithuman.local])
def test_every_public_name_is_in_the_reference(package: object) -> None:
    named = {
        name for page in (DOCS / "api").glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)
    }
    where, names = package.__name__, set(package.__all__) - {"__version__"}  # type: ignore[attr-defined]
    assert {f"{where}.{name}" for name in names} <= named


def test_every_test_that_a_page_names_is_there() -> None:
    named = {name for page in DOCS.rglob("*.md") for name in re.findall(r"`(tests/[\w/.]+)`", page.read_text())}
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_plots_show_what_was_measured() -> None:
    text = (DOCS / "measurements" / "side-by-side.txt").read_text()
    found = PLOTS["runs"](text)
    for name, rows in (("latency", PLOTS["latency_rows"](found)), ("sync", PLOTS["sync_rows"](found))):
        drawn = (DOCS / "images" / f"{name}.svg").read_text()
        for label, columns in rows:
            assert f">{label}<" in drawn
            for side in ("ours", "official"):
                told = columns[side]
                assert f"{told.median:.1f} ({told.low:.1f}..{told.high:.1f}," in text, "read as it stands in the file"
                assert f">{told.median:.0f}<" in drawn.replace("\u2212", "-"), "python docs/make_plots.py"
