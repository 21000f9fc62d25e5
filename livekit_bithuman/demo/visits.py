"""The visits that are going on."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from livekit import rtc

from ..errors import AvatarError
from ..server import ServerAddress
from .models import DemoModels
from .visit import Invitation, Visit
from .wardrobe import Wardrobe

logger = logging.getLogger("livekit_bithuman")


class Visits:
    """The visits that are going on, a bounded number of them.

    Args:
        address: The LiveKit server.
        models: Of all of them.
        make_wardrobe: Makes what each visit wears.
        limit: As many as there may be at a time; each renders a face of its own.
    """

    def __init__(
        self, address: ServerAddress, models: DemoModels, make_wardrobe: Callable[[], Wardrobe], *, limit: int
    ) -> None:
        self._address = address
        self._models = models
        self._make_wardrobe = make_wardrobe
        self._limit = limit
        self._tasks: dict[asyncio.Task[None], Visit] = {}

    def open(self) -> Invitation | None:
        """Begin a visit; None if there are as many as there may be."""
        if len(self._tasks) >= self._limit:
            return None
        visit = Visit(self._address, self._models, self._make_wardrobe())
        task = asyncio.create_task(self._run(visit), name="demo visit")
        self._tasks[task] = visit
        task.add_done_callback(self._tasks.pop)
        return visit.invitation()

    def find(self, key: str) -> Visit | None:
        """The visit of that key, if it is going on."""
        return next((visit for visit in self._tasks.values() if secrets.compare_digest(visit.key, key)), None)

    async def aclose(self) -> None:
        """End all visits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _run(visit: Visit) -> None:
        try:
            await visit.run()
        except (AvatarError, rtc.ConnectError) as error:
            logger.error("a visit could not go on: %s", error)
        except Exception:  # one visitor's trouble is not the others'
            logger.exception("a visit ended by an error")
