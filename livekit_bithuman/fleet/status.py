"""A worker's own port: whether it is well, and what its avatars do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

from ..errors import ServerError


class StatusServer:
    """`/` and `/ready` for whoever keeps the worker running, `/metrics` for Prometheus.

    Args:
        host: Listened on.
        port: Listened on; 0: any free one.
        registry: Of the avatars; livekit-agents' own metrics come after it.
        is_ready: Whether the worker takes calls.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, is_ready: Callable[[], bool]) -> None:
        self._host, self._wanted_port = host, port
        self._registry = registry
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None
        self.port = 0  # once it has started

    async def start(self) -> None:
        """Answer from now on.

        Raises:
            ServerError: The port is taken, or not allowed.
        """
        app = web.Application()
        app.add_routes([web.get("/", self._alive), web.get("/ready", self._ready), web.get("/metrics", self._metrics)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except OSError as error:
            await runner.cleanup()
            raise ServerError(
                f"The worker cannot listen on {self._host}:{self._wanted_port}: {error.strerror}. "
                "Choose another with --port; 0 takes any that is free."
            ) from error
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def aclose(self) -> None:
        """Answer no more. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._is_ready()
        return web.Response(status=200 if ready else 503, text="OK" if ready else "takes no calls")

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(lambda: generate_latest(self._registry) + generate_latest(REGISTRY))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
