"""The exception tree: everything the package raises on purpose is an `AvatarError`.

    AvatarError
    ├── AudioFormatError      PCM that cannot be used: NaN, wrong dtype, a rate that changed inside a turn
    ├── InvalidStateError     a call that the object's state forbids: push after stop, two run() at once
    ├── AvatarNotFoundError   no avatar by that name or path
    ├── AvatarFormatError     an avatar bundle or model that exists but cannot be used
    │   └── PortraitError     a picture that no avatar can be made from
    ├── BackgroundError       a background that cannot be shown behind an avatar
    ├── MediaFileError        an audio or video file that cannot be read or written
    ├── TraceError            a recorded session that cannot be read, or whose replay differs
    ├── EngineNotFoundError   no engine by that name
    ├── ActionNotFoundError   no gesture by that name
    ├── EngineLoadError       an installed engine that cannot be imported or made
    ├── EngineError           the engine failed while running: raised, stalled, or returned wrong frames
    ├── RoomError             a room does not let the agent do what it must: publish its voice
    ├── ServerError           no LiveKit server could be found, built, started or reached
    └── MissingDependencyError  an optional package is needed and not installed

Each message is one sentence on what is wrong and one on what to do. Where a standard exception says the same
thing (`ValueError`, `FileNotFoundError`, `RuntimeError`), the class derives from it too, so that code written
for bitHuman's SDK catches what it caught before.
"""

from __future__ import annotations


class AvatarError(Exception):
    """Base of every error that this package raises on purpose."""

    exit_code = 70  # what the command line returns for it (sysexits: EX_SOFTWARE)


class AudioFormatError(AvatarError, ValueError):
    """PCM that cannot be used."""

    exit_code = 65


class InvalidStateError(AvatarError, RuntimeError):
    """A call that the object's present state forbids."""


class AvatarNotFoundError(AvatarError, FileNotFoundError):
    """No avatar by that name or path.

    Attributes:
        source: What was asked for.
    """

    exit_code = 66

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source

    def __str__(self) -> str:
        return str(self.args[0])


class AvatarFormatError(AvatarError, ValueError):
    """An avatar bundle or model that exists but cannot be used.

    Attributes:
        source: The file that was read.
    """

    exit_code = 65

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source


class PortraitError(AvatarFormatError):
    """A picture that no avatar can be made from: unreadable, or without one face that can be animated."""


class ActionNotFoundError(AvatarError, ValueError):
    """No gesture by that name.

    Attributes:
        action: What was asked for.
    """

    exit_code = 65

    def __init__(self, action: str, message: str) -> None:
        super().__init__(message)
        self.action = action


class BackgroundError(AvatarError, ValueError):
    """A background that cannot be shown behind an avatar.

    Attributes:
        background: What was asked for.
    """

    exit_code = 65

    def __init__(self, background: str, message: str) -> None:
        super().__init__(message)
        self.background = background


class MediaFileError(AvatarError):
    """An audio or video file that cannot be read or written.

    Attributes:
        path: The file.
    """

    exit_code = 74

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class TraceError(AvatarError):
    """A recorded session that cannot be read, or whose replay differs."""

    exit_code = 65


class EngineNotFoundError(AvatarError, LookupError):
    """No engine by that name.

    Attributes:
        name: What was asked for.
    """

    exit_code = 66

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class EngineLoadError(AvatarError):
    """An installed engine that cannot be imported or made.

    Attributes:
        name: Of the engine.
        distribution: That offers it.
    """

    def __init__(self, name: str, distribution: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.distribution = distribution


class EngineError(AvatarError):
    """The engine failed while running."""


class RoomError(AvatarError):
    """A room that does not let the agent publish."""

    exit_code = 77


class ServerError(AvatarError):
    """No LiveKit server could be found, built, started or reached."""

    exit_code = 69


class MissingDependencyError(AvatarError, ImportError):
    """An optional package is needed and not installed.

    Attributes:
        package: The distribution to install.
    """

    exit_code = 69

    def __init__(self, package: str, message: str) -> None:
        super().__init__(message)
        self.package = package
