"""Makes engines where that may take its time, and loses none that is no longer wanted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..engine.protocol import Engine

logger = logging.getLogger("livekit_bithuman")


async def opened(chosen: Engine | Callable[[], Engine]) -> Engine:
    """The engine, made in a worker thread if it is to be made; nobody's if this is cancelled meanwhile: then closed."""
    if not callable(chosen):
        return chosen
    making = asyncio.ensure_future(asyncio.to_thread(chosen))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        making.add_done_callback(_close_unwanted)
        raise


def close(engine: Engine) -> None:
    """Close an engine that was never used; what it raises is logged."""
    try:
        engine.close()
    except Exception:
        logger.exception("an engine that was no longer wanted did not close")


def _close_unwanted(making: asyncio.Future[Engine]) -> None:
    if not making.cancelled() and making.exception() is None:
        close(making.result())
