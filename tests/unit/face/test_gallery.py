"""Characters by name: real distributions that offer one, and what is said of those that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from livekit_bithuman.errors import AvatarFormatError, AvatarNotFoundError
from livekit_bithuman.face import Avatar, builtin_names
from livekit_bithuman.face.bundle import Bundle, write_bundle
from livekit_bithuman.face.gallery import GROUP, OWN, avatar_names, avatars


def offer(place: Path, distribution: str, name: str, value: str) -> None:
    """Install a distribution that has nothing but an entry point."""
    info = place / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flat_bundle: Bundle) -> Path:
    """Where distributions are found; the module `troupe` there knows where a bundle is."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "troupe", raising=False)
    (tmp_path / "flat.avatar").write_bytes(write_bundle(flat_bundle))
    (tmp_path / "troupe.py").write_text(
        "from pathlib import Path\n"
        "FLAT = Path(__file__).with_name('flat.avatar')\n"
        "def flat():\n    return str(FLAT)\n"
        "def broken():\n    raise KeyError('moved')\n"
        "def nowhere():\n    return None\n"
    )
    return tmp_path


def test_the_packages_own_characters_come_first(place: Path) -> None:
    offer(place, "others", "abel", "troupe:FLAT")
    entries = avatars()
    assert [entry.name for entry in entries] == [*builtin_names(), "abel"]
    assert [entry.distribution for entry in entries] == [OWN] * len(builtin_names()) + ["others"]
    assert all(entry.path().is_file() for entry in entries)


@pytest.mark.parametrize("value", ["troupe:FLAT", "troupe:flat"])
def test_an_installed_character_is_loaded_by_name(place: Path, value: str) -> None:
    offer(place, "others", "abel", value)
    assert "abel" in avatar_names()
    assert "troupe" not in sys.modules, "nothing is imported before it is asked for"
    assert Avatar.load("abel").title == "Flat"


def test_nobody_takes_the_name_of_a_built_in(place: Path) -> None:
    taken = builtin_names()[0]
    offer(place, "others", taken, "troupe:FLAT")
    assert avatar_names().count(taken) == 1
    assert Avatar.load(taken).title != "Flat"


def test_an_unknown_name_is_answered_with_those_that_exist(place: Path) -> None:
    offer(place, "others", "abel", "troupe:FLAT")
    with pytest.raises(AvatarNotFoundError, match=r"no avatar 'able'.*maya.*abel"):
        Avatar.load("able")


def test_a_name_that_two_offer_is_refused(place: Path) -> None:
    offer(place, "others", "abel", "troupe:FLAT")
    offer(place, "rivals", "abel", "troupe:FLAT")
    with pytest.raises(AvatarFormatError, match=r"offered by others and rivals\. Uninstall one"):
        Avatar.load("abel")


@pytest.mark.parametrize(
    ("value", "said"),
    [("troupe:broken", "KeyError: 'moved'"), ("troupe:nowhere", "TypeError"), ("absent:flat", "ModuleNotFoundError")],
)
def test_code_that_finds_no_bundle_is_named(place: Path, value: str, said: str) -> None:
    offer(place, "others", "abel", value)
    with pytest.raises(AvatarFormatError, match=f"distribution others cannot be found: {value} raised {said}"):
        Avatar.load("abel")
