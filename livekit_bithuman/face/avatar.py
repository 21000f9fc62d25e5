"""Avatars: the built-in characters and bundles in files, loaded once and shared by any number of faces."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from weakref import WeakValueDictionary

from ..errors import AvatarFormatError, AvatarNotFoundError
from .bundle import MAX_FILE_BYTES, Bundle, read_bundle
from .cutout import cut_out
from .eyes import EyeRig
from .gallery import SUFFIX, avatar_names, bundle_path
from .head import HeadRig
from .mouth import MouthRig
from .portrait.picture import MAX_PICTURE_BYTES, looks_like_picture

DEFAULT_AVATAR = "maya"


class Avatar:
    """A character that can be drawn. Immutable; what its faces share is computed once.

    Attributes:
        bundle: The pictures and arrays it was loaded from.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @classmethod
    def load(cls, source: str | os.PathLike[str] | None = None) -> Avatar:
        """Load a character by name, or a bundle by path. A bundle that is in use already is not loaded again.

        Args:
            source: A character's name (see `gallery.avatars`), the path of a `.avatar` file, or that of a portrait: a
                JPEG, PNG or other picture of a face, of which an avatar is made in some seconds. None: the default.

        Raises:
            AvatarNotFoundError: There is no such character and no such file.
            AvatarFormatError: The file is not an avatar bundle, or cannot be read.
            PortraitError: It is a picture, and no avatar can be made from it.
        """
        name = DEFAULT_AVATAR if source is None else os.fspath(source)
        data = _read_file(os.fspath(bundle_path(name)))
        if not name.endswith(SUFFIX) and looks_like_picture(data):
            from .portrait import make_portrait  # few need it

            return cls(make_portrait(data, name))
        bundle = hashlib.sha256(data).digest()
        avatar = _loaded.get(bundle)
        if avatar is None:
            avatar = _loaded.setdefault(bundle, cls(read_bundle(data, name)))
        return avatar

    @property
    def name(self) -> str:
        """What it is loaded by."""
        return self.bundle.manifest.name

    @property
    def title(self) -> str:
        """What it is called in lists."""
        return self.bundle.manifest.title

    @property
    def description(self) -> str:
        """One line on what it looks like; empty where its maker said nothing."""
        return self.bundle.manifest.description

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its own picture, in pixels."""
        return self.bundle.manifest.size

    @property
    def licences(self) -> tuple[str, ...]:
        """A line per asset: what, from where, under which licence."""
        return self.bundle.manifest.licences

    @cached_property
    def cut_out(self) -> Avatar:
        """The same without its background, where that is part of its pictures and its outline is known; else itself."""
        return self if self.bundle.outline is None else Avatar(cut_out(self.bundle))

    @cached_property
    def mouth(self) -> MouthRig:
        """The mouth, ready to be posed."""
        return MouthRig(self.bundle)

    @cached_property
    def eyes(self) -> EyeRig:
        """The eyes, ready to be posed."""
        return EyeRig(self.bundle)

    @cached_property
    def head(self) -> HeadRig:
        """The head, ready to be turned."""
        return HeadRig(self.bundle)


#: Avatars in use, by the digest of their bundles: the second session of a character costs little more memory.
_loaded: WeakValueDictionary[bytes, Avatar] = WeakValueDictionary()


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            start = file.read(MAX_FILE_BYTES + 1)
            return start + file.read(MAX_PICTURE_BYTES + 1 - len(start)) if looks_like_picture(start) else start
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AvatarNotFoundError(
            path,
            f"There is no avatar {path!r}. Pass the path of a {SUFFIX} file or one of the names "
            f"{', '.join(avatar_names())}.",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        raise AvatarFormatError(path, f"The avatar {path!r} cannot be read: {error}. Check the path.") from error
