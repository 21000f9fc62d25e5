"""The characters that a worker can show: loaded once, and shared by its avatars."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from ..engine.embedded import EmbeddedEngine
from ..engine.protocol import Engine
from ..errors import AvatarNotFoundError
from ..face.avatar import DEFAULT_AVATAR, Avatar
from ..face.gallery import SUFFIX, avatar_names
from ..rtc.dispatch.call import Call

#: Characters that are kept loaded; a bundle takes some 30 MB.
MOST_LOADED = 16


class Cast:
    """Finds characters by the name that a call gives: installed ones, and the bundles of one folder.

    A name is never a path: who may call for an avatar may not read this machine's files.

    Args:
        folder: Of `.avatar` bundles, each named as its file; they come before installed characters.
        default: Shown where a call names none.

    Raises:
        AvatarNotFoundError: The folder does not exist.
    """

    def __init__(self, folder: Path | None = None, default: str | None = None) -> None:
        if folder is not None and not folder.is_dir():
            raise AvatarNotFoundError(str(folder), f"There is no folder {str(folder)!r}: pass one with {SUFFIX} files.")
        self._folder = folder
        self._default = default or DEFAULT_AVATAR
        self._loaded: OrderedDict[str, Avatar] = OrderedDict()
        self._lock = threading.Lock()  # avatars come from many threads

    def knows(self, name: str | None) -> bool:
        """Whether there is a character of that name; None is the default."""
        return self._source(name) is not None

    def names(self) -> list[str]:
        """All of them."""
        own = [] if self._folder is None else sorted(path.stem for path in self._folder.glob("*" + SUFFIX))
        return list(dict.fromkeys([*own, *avatar_names()]))

    def load(self, name: str | None = None) -> Avatar:
        """The character; loaded at its first call.

        Raises:
            AvatarNotFoundError: There is none of that name.
            AvatarFormatError: Its bundle cannot be used.
        """
        source = self._source(name)
        if source is None:
            raise AvatarNotFoundError(
                name or self._default,
                f"There is no avatar {name or self._default!r} on this worker. It has {', '.join(self.names())}.",
            )
        with self._lock:  # two that come at once load it once
            avatar = self._loaded.get(source)
            if avatar is None:
                avatar = self._loaded[source] = Avatar.load(source)
                if len(self._loaded) > MOST_LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(source)
            return avatar

    def engine(self, call: Call) -> Engine:
        """An engine for a call.

        Raises:
            AvatarNotFoundError, AvatarFormatError: As `load`.
        """
        return EmbeddedEngine(self.load(call.avatar), seed=call.seed, size=call.size, fps=call.fps)

    def _source(self, name: str | None) -> str | None:
        name = name or self._default
        if self._folder is not None:
            bundle = self._folder / (name + SUFFIX)
            if bundle.parent == self._folder and bundle.is_file():
                return str(bundle)
        return name if name in avatar_names() else None
