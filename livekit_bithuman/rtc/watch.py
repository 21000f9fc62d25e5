"""Waiting for a room to be in some state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc


async def until(room: rtc.Room, condition: Callable[[], bool], *events: str) -> None:
    """Return when a condition holds, or the room is not connected any more.

    Args:
        room: Whose events are watched.
        condition: Looked at first now, then after each event.
        events: Of the room, after which the condition may hold.
    """
    changed = asyncio.Event()

    def on_change(*_: object) -> None:
        # the room's own bookkeeping of the event may follow the event
        asyncio.get_running_loop().call_soon(changed.set)

    watched = (*events, "disconnected")
    for event in watched:
        room.on(event, on_change)  # type: ignore[arg-type]
    try:
        while room.isconnected() and not condition():
            changed.clear()
            await changed.wait()
    finally:
        for event in watched:
            room.off(event, on_change)  # type: ignore[arg-type]
