"""The avatars that a visitor may choose from: those that are installed, and photos of their own.

A photo and the avatar made of it are kept in memory, as long as the visit lasts.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from ..engine.embedded import EmbeddedEngine
from ..engine.protocol import Engine
from ..engine.timed import TimedEngine
from ..errors import AvatarError, AvatarNotFoundError
from ..face import DEFAULT_AVATAR, Avatar, Face
from ..face.gallery import avatar_names
from ..face.portrait import make_portrait
from ..pose import Presentation, resting_mouth
from ..rtc.session import AvatarSession

#: Bytes of a photo; more than cameras make.
MAX_PHOTO = 20 << 20
#: Photos of one visit; the oldest gives way.
MOST_PHOTOS = 4
#: Pictures whose drawing times are remembered: four seconds'.
_TIMES = 100
_THUMBNAIL = (160, 160)
_MODEL = ".imx"  # of bitHuman's SDK, whose pictures are not ours to time

DrawTimes = deque[float]


@dataclass(frozen=True)
class Listed:
    """An avatar as the page shows it."""

    name: str  # what the page asks for it by
    title: str
    description: str
    thumbnail: str  # a data: URL

    def to_json(self) -> dict[str, str]:
        """As the page receives it."""
        return asdict(self)


def timed_engine(avatar: Avatar | None, times: DrawTimes) -> TimedEngine:
    """The embedded engine; the seconds of its last pictures go into `times`, from the thread that draws."""
    return TimedEngine(EmbeddedEngine(avatar), times.append)


class Installed:
    """The avatars of this machine, each loaded once. Its methods but `loaded` block.

    Args:
        first: What visits begin with: a name or a path as for `AvatarSession`; None: the default character.
    """

    def __init__(self, first: str | None = None) -> None:
        self.first = DEFAULT_AVATAR if first is None else first
        self._loaded: dict[str, Avatar] = {}
        self._listed: list[Listed] | None = None

    def avatar(self, name: str) -> Avatar:
        """The avatar of one of the names in `listed`.

        Raises:
            AvatarError: There is none, or it cannot be used.
        """
        if name not in [self.first, *avatar_names()]:
            raise AvatarNotFoundError(name, f"There is no avatar {name!r} here. Choose another.")
        if name not in self._loaded:
            self._loaded[name] = Avatar.load(name)
        return self._loaded[name]

    def listed(self) -> list[Listed]:
        """All that can be shown, the first one first."""
        if self._listed is None:
            names = dict.fromkeys([self.first, *avatar_names()])
            self._listed = [entry for name in names if (entry := self._entry(name)) is not None]
        return self._listed

    def session(self, times: DrawTimes) -> AvatarSession:
        """A new session that begins with the first one."""
        if self.first.lower().endswith(_MODEL):
            return AvatarSession(self.first)
        return AvatarSession(engine=lambda: timed_engine(self.avatar(self.first), times))

    def _entry(self, name: str) -> Listed | None:
        if name.lower().endswith(_MODEL):
            return Listed(name, Path(name).stem, "", "")
        try:
            return listed(name, self.avatar(name))
        except AvatarError:  # one that is broken is left out; `livekit-bithuman avatars` tells why
            return None


class Wardrobe:
    """What one visit wears.

    Args:
        installed: Shared by the visits.
        session: The visit's avatar; None: one that begins with the first of `installed`.

    Attributes:
        session: Closed by the visit.
        first: What it begins with.
        draw_times: Seconds that each of the last pictures took.
    """

    def __init__(self, installed: Installed, session: AvatarSession | None = None) -> None:
        self.draw_times: DrawTimes = deque(maxlen=_TIMES)
        self.session = session or installed.session(self.draw_times)
        self._installed = installed
        self.first = installed.first
        self._photos: dict[str, Avatar] = {}
        self._count = 0  # of photos so far
        self._making = asyncio.Lock()  # one at a time: the voice needs the other core

    async def wear(self, name: str) -> None:
        """Show an avatar; a reply that is being spoken goes on.

        Raises:
            AvatarError: There is none of that name, it cannot be used, or the visit is over.
        """
        if name.lower().endswith(_MODEL) and name == self._installed.first:
            await self.session.swap(name)
        else:
            await self.session.swap(engine=self._maker(name))

    async def add_photo(self, photo: bytes, file_name: str) -> Listed:
        """Make an avatar of a photo, in some seconds, and show it.

        Args:
            photo: A picture file's bytes; any bytes at all.
            file_name: For errors, and as its title.

        Raises:
            PortraitError: No avatar can be made of it.
            InvalidStateError: The visit is over.
        """
        async with self._making:
            avatar, entry = await asyncio.to_thread(self._made, photo, file_name)
            self._photos[entry.name] = avatar
            while len(self._photos) > MOST_PHOTOS:
                del self._photos[next(iter(self._photos))]
        await self.wear(entry.name)
        return entry

    def _made(self, photo: bytes, file_name: str) -> tuple[Avatar, Listed]:
        avatar = Avatar(make_portrait(photo, file_name))
        self._count += 1
        return avatar, listed(f"photo {self._count}", avatar)

    def _maker(self, name: str) -> Callable[[], Engine]:
        photo = self._photos.get(name)
        return lambda: timed_engine(photo or self._installed.avatar(name), self.draw_times)


def listed(name: str, avatar: Avatar) -> Listed:
    """An avatar, with the picture of its resting face."""
    face = Face(avatar, _THUMBNAIL).draw(resting_mouth(), Presentation())
    jpeg = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    title = avatar.title or os.path.basename(name)
    return Listed(name, title, avatar.description, f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}")
