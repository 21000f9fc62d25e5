"""What a wheel says that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement


def metadata(wheel: Path) -> Message:
    """Its METADATA."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def extras(wheel: Path) -> list[str]:
    """The names of its extras."""
    return metadata(wheel).get_all("Provides-Extra", [])


def required(wheel: Path, of: Iterable[str] = ()) -> list[Requirement]:
    """Its dependencies, and those that the extras named add."""
    named = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist", [])]
    return [
        one
        for one in named
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in of)
    ]  # fmt: skip
