"""Engines by name: those in the package, and those that installed distributions offer.

A distribution offers one by an entry point of the group `livekit_bithuman.engines`, whose value is a class or function
without arguments that makes an `Engine`. Names are read from the installed metadata; nothing is imported before an
engine is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from ..errors import EngineLoadError, EngineNotFoundError
from .protocol import Engine

GROUP = "livekit_bithuman.engines"
OWN = "livekit-bithuman"


@dataclass(frozen=True)
class EngineEntry:
    """Where an engine comes from."""

    name: str
    distribution: str  # that offers it, as pip knows it
    factory: str  # "module:attribute", which makes it


_BUILT_IN = {"embedded": EngineEntry("embedded", OWN, "livekit_bithuman.engine.embedded:EmbeddedEngine")}


def engines() -> list[EngineEntry]:
    """All engines that can be named, by name; a name that two distributions offer is there twice."""
    offered = [
        EngineEntry(point.name, point.dist.metadata["Name"] if point.dist is not None else "?", point.value)
        for point in metadata.entry_points(group=GROUP)
    ]
    others = [entry for entry in offered if entry.distribution != OWN]
    return sorted([*_BUILT_IN.values(), *others], key=lambda entry: (entry.name, entry.distribution))


def engine_named(name: str) -> Callable[[], Engine]:
    """What makes the engine of that name; it imports the engine's code when it is called, and not before.

    Raises:
        EngineNotFoundError: Nobody offers an engine of that name.
        EngineLoadError: Two distributions do. What is returned raises it too, where the engine's code cannot be
            imported, cannot make one, or makes something else.
    """
    found = [entry for entry in engines() if entry.name == name]
    if not found:
        names = ", ".join(sorted({entry.name for entry in engines()}))
        raise EngineNotFoundError(
            name, f"There is no engine named {name!r}. Choose one of {names}, or install the package that has it."
        )
    if len(found) > 1:
        offering = " and ".join(entry.distribution for entry in found)
        raise EngineLoadError(
            name,
            found[0].distribution,
            f"The engine {name!r} is offered by {offering}. Uninstall one of them, or pass the engine itself.",
        )
    return _Maker(found[0])


class _Maker:
    """Makes one engine per call."""

    def __init__(self, entry: EngineEntry) -> None:
        self._entry = entry

    def __call__(self) -> Engine:
        try:
            engine = self._factory()()
        except Exception as error:
            raise self._error(f"raised {type(error).__name__}: {error}") from error
        if not isinstance(engine, Engine):
            raise self._error(f"made a {type(engine).__name__}, which is no livekit_bithuman.engine.protocol.Engine")
        return engine

    def __repr__(self) -> str:
        return f"<the engine {self._entry.name} of {self._entry.distribution}: {self._entry.factory}>"

    def _factory(self) -> Callable[[], object]:
        module, _, attributes = self._entry.factory.partition(":")
        found: object = importlib.import_module(module.strip())
        for attribute in filter(None, attributes.strip().split(".")):
            found = getattr(found, attribute)
        if not callable(found):
            raise TypeError(f"{self._entry.factory} is not callable")
        return found

    def _error(self, what: str) -> EngineLoadError:
        entry = self._entry
        return EngineLoadError(
            entry.name,
            entry.distribution,
            f"The engine {entry.name!r} of the distribution {entry.distribution} cannot be made: {entry.factory} "
            f"{what}. Reinstall or upgrade {entry.distribution}, or choose another engine.",
        )
