"""Characters by name: those in the package, and those that installed distributions offer.

A distribution offers one by an entry point of the group `livekit_bithuman.avatars`, whose value is the path of a
`.avatar` file or a function without arguments that returns it. Names are read from the installed metadata; nothing is
imported before a character is asked for. The names of the package's own characters are taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..errors import AvatarFormatError

GROUP = "livekit_bithuman.avatars"
OWN = "livekit-bithuman"
SUFFIX = ".avatar"
_FOLDER = Path(__file__).with_name("avatars")


@dataclass(frozen=True)
class AvatarEntry:
    """Where a character comes from."""

    name: str
    distribution: str  # that offers it, as pip knows it
    point: metadata.EntryPoint | None = None  # that tells the bundle's path; None: it is in this package

    def path(self) -> Path:
        """The bundle's path; this imports the distribution's code.

        Raises:
            AvatarFormatError: The code cannot be imported, fails, or returns no path.
        """
        if self.point is None:
            return _FOLDER / (self.name + SUFFIX)
        try:
            found = self.point.load()
            if callable(found):
                found = found()
            return Path(found)
        except Exception as error:  # whatever another distribution's code raises
            raise AvatarFormatError(
                self.name,
                f"The avatar {self.name!r} of the distribution {self.distribution} cannot be found: {self.point.value} "
                f"raised {type(error).__name__}: {error}. Reinstall or upgrade {self.distribution}.",
            ) from error


def builtin_names() -> list[str]:
    """Names of the characters in this package, in order of the alphabet."""
    return sorted(path.stem for path in _FOLDER.glob("*" + SUFFIX))


def avatars() -> list[AvatarEntry]:
    """All characters that can be named: the package's own, then the others; a name that two offer is there twice."""
    own = [AvatarEntry(name, OWN) for name in builtin_names()]
    taken = {entry.name for entry in own}
    others = [
        AvatarEntry(point.name, point.dist.metadata["Name"] if point.dist is not None else "?", point)
        for point in metadata.entry_points(group=GROUP)
        if point.name not in taken
    ]
    return own + sorted(others, key=lambda entry: (entry.name, entry.distribution))


def avatar_names() -> list[str]:
    """Names of all characters, each once."""
    return list(dict.fromkeys(entry.name for entry in avatars()))


def bundle_path(source: str) -> Path:
    """The bundle of the character of that name; what is no character's name is a path.

    Raises:
        AvatarFormatError: Two distributions offer it, or the one that does cannot say where it is.
    """
    if source in builtin_names():
        return AvatarEntry(source, OWN).path()
    if os.path.dirname(source) or source.endswith(SUFFIX):
        return Path(source)  # the metadata need not be read
    found = [entry for entry in avatars() if entry.name == source]
    if not found:
        return Path(source)
    if len(found) > 1:
        offering = " and ".join(entry.distribution for entry in found)
        raise AvatarFormatError(
            source, f"The avatar {source!r} is offered by {offering}. Uninstall one of them, or pass a bundle's path."
        )
    return found[0].path()
