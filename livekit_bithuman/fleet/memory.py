"""What an avatar that left goes on holding until somebody collects it: livekit's objects refer to each other.

A room, its tracks and the native memory behind them are garbage, but few objects. Python looks through its oldest ones
only when there are a quarter more of them than before, which in a process that has loaded livekit-agents is after
dozens of avatars. So it is asked to, each time that an avatar has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import Callable

#: A job has disconnected its room and ended its thread by then.
AFTER_S = 3.0


def keep_loaded() -> None:
    """Let the collector pass over what is there now, which stays: what is left to look through is little.

    To be called once, when a program has loaded what it needs.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect garbage, and return freed memory to the system where that can be asked for (glibc)."""
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


def giving_back(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """What to call, in any thread, whenever an avatar has left: soon after, `give_back` runs in the loop's executor."""

    def later() -> None:
        loop.call_later(AFTER_S, loop.run_in_executor, None, give_back)

    def on_left() -> None:
        with contextlib.suppress(RuntimeError):  # the worker has ended
            loop.call_soon_threadsafe(later)

    return on_left


def _trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # no glibc
        return None
    return trim
