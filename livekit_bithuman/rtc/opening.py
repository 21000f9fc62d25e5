"""Makes engines where that may take its time, and loses none that is no longer wanted."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias, cast

from ..engine.protocol import Engine

logger = logging.getLogger("livekit_bithuman")

#: An engine, a function that makes one in a worker thread, or a coroutine function that makes one on the event loop.
EngineSource: TypeAlias = Engine | Callable[[], Engine] | Callable[[], Awaitable[Engine]]


def remaker(source: EngineSource) -> Callable[[], Engine] | None:
    """What makes another engine like it in a worker thread, if anything does."""
    if not callable(source) or inspect.iscoroutinefunction(source):
        return None
    return cast(Callable[[], Engine], source)


async def opened(source: EngineSource) -> Engine:
    """The engine, made if it is to be made; nobody's if this is cancelled meanwhile: then closed."""
    if not callable(source):
        return source
    make = remaker(source)
    if make is None:
        return await cast(Callable[[], Awaitable[Engine]], source)()
    making = asyncio.ensure_future(asyncio.to_thread(make))
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
