"""A worker as a program: checked before it starts, measured, and ended by signals without cutting a sentence."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from livekit import api

from ..errors import RoomError, ServerError
from ..rtc.dispatch.call import Call
from .capacity import SHARE, cores, measure
from .cast import Cast
from .memory import giving_back, keep_loaded
from .status import StatusServer
from .worker import AvatarWorker, WorkerOptions

logger = logging.getLogger("livekit_bithuman")

CHECK_TIMEOUT_S = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class ServiceOptions:
    """What `livekit-bithuman worker` was told.

    Attributes:
        worker: Where to register; its capacity is set from the next.
        capacity: Avatars at once; None: what this machine serves, measured.
        avatars: A folder of bundles.
        avatar: Shown where a call names none.
        host: Of the worker's own port.
        port: Of health and metrics.
    """

    worker: WorkerOptions
    capacity: int | None = None
    avatars: Path | None = None
    avatar: str | None = None
    host: str = "127.0.0.1"
    port: int = 8081


def run_service(options: ServiceOptions) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises:
        AvatarNotFoundError, AvatarFormatError: The default avatar, or the folder.
        RoomError: The server does not know the key.
        ServerError: The server cannot be reached, or the port is taken.
    """
    cast = Cast(options.avatars, options.avatar)
    worker = replace(options.worker, capacity=options.capacity or _measured(cast))
    return asyncio.run(_serve(replace(options, worker=worker), cast))


def _measured(cast: Cast) -> int:
    engine = cast.engine(Call("agent", "avatar"))  # this also loads what all avatars share
    cost = measure(engine)
    engine.close()
    count = cost.avatars(cores())
    logger.info(
        "a picture takes %.1f ms to draw and %.1f ms to encode: %d avatars on %g cores",
        1000 * cost.draw,
        1000 * cost.encode,
        count,
        cores(),
    )
    more = int(cores() * SHARE / cost.cores)
    if more > count:
        logger.warning(
            "%g cores carry %d avatars, one process %d: start %d workers here, each with a port of its own",
            cores(),
            more,
            count,
            -(-more // count),
        )
    return count


async def _serve(options: ServiceOptions, cast: Cast) -> int:
    await check_server(options.worker)
    worker = AvatarWorker(options.worker, cast.engine, cast.knows)
    worker.on_left = giving_back(asyncio.get_running_loop())
    status = StatusServer(options.host, options.port, worker.meters.registry, lambda: worker.takes_calls)
    await status.start()
    running = asyncio.create_task(worker.run(), name="avatar worker")
    ending = asyncio.create_task(_end_at_signal(worker), name="avatar worker end")
    announcing = asyncio.create_task(_announce(worker, options, status.port), name="avatar worker ready")
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # it could not go on
    finally:
        for task in (ending, announcing):
            task.cancel()
        await worker.aclose()
        await asyncio.gather(running, ending, announcing, return_exceptions=True)
        await status.aclose()
    return 0


async def _announce(worker: AvatarWorker, options: ServiceOptions, port: int) -> None:
    await worker.registered.wait()
    keep_loaded()
    print(
        f"{options.worker.agent_name} takes calls from {options.worker.url}: up to {options.worker.capacity} avatars; "
        f"metrics at http://{options.host}:{port}/metrics",
        file=sys.stderr,
        flush=True,
    )


async def _end_at_signal(worker: AvatarWorker) -> None:
    """Drain at the first signal, and end at the second."""
    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, came.set)
    try:
        await came.wait()
        came.clear()
        logger.info("the worker is to end: it takes no more calls, and its avatars leave after their sentences")
        draining = asyncio.create_task(worker.drain(), name="avatar worker draining")
        again = asyncio.create_task(came.wait(), name="avatar worker second signal")
        await asyncio.wait({draining, again}, return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, again):
            task.cancel()
        await asyncio.gather(draining, again, return_exceptions=True)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def check_server(options: WorkerOptions) -> None:
    """Return if the server answers and knows the key: livekit-agents would try in vain for minutes.

    Raises:
        RoomError: It does not know the key.
        ServerError: It does not answer.
    """
    try:
        timeout = aiohttp.ClientTimeout(CHECK_TIMEOUT_S)
        async with api.LiveKitAPI(options.url, options.api_key, options.api_secret, timeout=timeout) as server:
            await server.room.list_rooms(api.ListRoomsRequest(names=["-"]))
    except api.TwirpError as error:
        if error.status in (401, 403):
            raise RoomError(
                f"The LiveKit server at {options.url} does not know the key. "
                "Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
            ) from error
        raise ServerError(f"The LiveKit server at {options.url} answers with {error}. Is LIVEKIT_URL right?") from error
    except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
        raise ServerError(
            f"The LiveKit server at {options.url} cannot be reached: {str(error) or 'no answer'}. "
            "Check LIVEKIT_URL, and that the server runs."
        ) from error
