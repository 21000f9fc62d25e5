"""A timer that one task waits on and anybody may ring."""

from __future__ import annotations

import asyncio


class Alarm:
    """Wakes one waiting task at a time, or earlier when it is rung."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the task, or keep its next wait from waiting."""
        self._rung.set()

    async def wait(self, until: float | None) -> None:
        """Return at `until` (the loop's clock; None: never) or when rung, whichever is first."""
        loop = asyncio.get_running_loop()
        handle = loop.call_at(until, self._rung.set) if until is not None else None
        try:
            await self._rung.wait()
        finally:
            self._rung.clear()
            if handle is not None:
                handle.cancel()
