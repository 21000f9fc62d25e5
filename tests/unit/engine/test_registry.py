"""Engines by name: a real distribution that offers one, and what is said of those that cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.registry import GROUP, EngineEntry, engine_named, engines
from livekit_bithuman.errors import EngineLoadError, EngineNotFoundError

ROOT = Path(__file__).parents[3]


def offer(place: Path, distribution: str, name: str, factory: str) -> None:
    """Install a distribution that has nothing but an entry point."""
    info = place / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {factory}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where distributions are found."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_embedded_engine_has_a_name() -> None:
    assert "embedded" in {entry.name for entry in engines()}
    engine = engine_named("embedded")()
    assert isinstance(engine, EmbeddedEngine)
    engine.close()


def test_an_installed_engine_is_listed_and_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "--target", place, ROOT / "examples" / "waveform"],
        check=True,
    )  # fmt: skip
    assert EngineEntry("waveform", "waveform-engine", "waveform_engine:WaveformEngine") in engines()
    make = engine_named("waveform")
    assert "waveform_engine" not in sys.modules, "nothing is imported before it is used"
    engine = make()
    monkeypatch.delitem(sys.modules, "waveform_engine")
    assert type(engine).__name__ == "WaveformEngine"
    engine.close()


def test_an_unknown_name_is_answered_with_those_that_exist(place: Path) -> None:
    offer(place, "others", "sketch", "sketch:Engine")
    with pytest.raises(EngineNotFoundError, match=r"no engine named 'skech'.*embedded.*sketch") as caught:
        engine_named("skech")
    assert caught.value.name == "skech"


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("no_such_module:Engine", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("fractions:Engine", "AttributeError"),
        ("fractions:__doc__", "not callable"),
        ("fractions:Fraction", "a Fraction, which is no"),
        ("fractions:Fraction.from_float", "TypeError"),
    ],
)
def test_an_engine_that_cannot_be_made_names_its_distribution(place: Path, factory: str, said: str) -> None:
    offer(place, "sketches", "sketch", factory)
    make = engine_named("sketch")
    with pytest.raises(EngineLoadError, match="Reinstall or upgrade sketches") as caught:
        make()
    assert said in str(caught.value)
    assert (caught.value.name, caught.value.distribution) == ("sketch", "sketches")


def test_a_name_that_two_distributions_offer_is_nobodys(place: Path) -> None:
    offer(place, "sketches", "sketch", "sketch:Engine")
    offer(place, "drawings", "sketch", "drawing:Engine")
    with pytest.raises(EngineLoadError, match="offered by drawings and sketches"):
        engine_named("sketch")


def test_nobody_takes_the_name_of_the_embedded_engine(place: Path) -> None:
    offer(place, "impostor", "embedded", "impostor:Engine")
    with pytest.raises(EngineLoadError, match="offered by impostor and livekit-bithuman"):
        engine_named("embedded")
