"""Where builds are kept between runs, and how two processes take turns to make one."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def cache_directory() -> Path:
    """Our directory for files that can be made again: LIVEKIT_BITHUMAN_CACHE, or the platform's own place for it."""
    chosen = os.environ.get("LIVEKIT_BITHUMAN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "livekit-bithuman"
    # The XDG base directory specification: a relative path is to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "livekit-bithuman"


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold the advisory lock file at `path`; yields whether another process had it first and was waited for.

    `on_wait` is called before such a wait.

    The lock belongs to the open file, so it is gone with its process, however that ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        waited = not _try_lock(file)
        if waited:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield waited


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
