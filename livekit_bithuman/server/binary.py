"""Which livekit-server program to run: the one on PATH, one that we built before, or one to be built now."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_directory

#: What the demo and the tests were checked against. https://github.com/livekit/livekit/releases
SERVER_VERSION = "1.13.5"


@dataclass(frozen=True)
class ServerBinary:
    """A livekit-server program on this machine."""

    path: Path
    origin: str  # "PATH", "cache" or "build"

    def version(self) -> str:
        """What the program says of itself, such as "1.13.5"; "" if it cannot be run."""
        try:
            answer = subprocess.run(
                [self.path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
            )
        except (OSError, subprocess.SubprocessError):
            return ""
        return answer.stdout.strip().rpartition(" ")[2] if answer.returncode == 0 else ""


def cached_path() -> Path:
    """Where our own build of the pinned version is kept."""
    return cache_directory() / "livekit-server" / f"v{SERVER_VERSION}" / "livekit-server"


def find_binary() -> ServerBinary | None:
    """The program on PATH, else our own build from before; None if there is neither."""
    on_path = shutil.which("livekit-server")
    if on_path:
        return ServerBinary(Path(on_path), "PATH")
    cached = cached_path()
    if os.access(cached, os.X_OK):
        return ServerBinary(cached, "cache")
    return None


def obtain_binary(report: Callable[[str], None]) -> ServerBinary:
    """The program that `find_binary` finds, or a new build of the pinned version, which takes minutes.

    Args:
        report: Is told what is being done, in a few words, many times.

    Raises:
        ServerError: There is none and it could not be built.
    """
    from .build import build_server

    return find_binary() or build_server(report)
