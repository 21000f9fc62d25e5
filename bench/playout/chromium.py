"""Chromium as the viewer: the same recording, from pictures when they are displayed and sound when it is rendered.

A picture's time is `expectedDisplayTime`. A sample's is when the audio context's output reaches it
(`getOutputTimestamp`) less the output latency that the context states, which is a row of the table: a headless browser
has no device, and the sound of an audio element would not take the way through a context. The few milliseconds between
a track and a context stay in it; the row of the plain publisher has them too.
"""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from playwright.async_api import Page, async_playwright

from livekit_bithuman.cli.checks import find_browser
from livekit_bithuman.demo import vendor
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Mark
from livekit_bithuman.testing.marker import DARK, LIGHT

from .recording import Recording
from .subscriber import viewer_token
from .voices import RATE

PAGE = Path(__file__).with_name("chromium.html")
ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
CLOCK_LOOKS = 15
WAIT_S = 30.0


class ChromiumViewer:
    """One page in one room."""

    def __init__(self, page: Page, errors: list[str]) -> None:
        self._page = page
        self._errors = errors
        self._freezes = 0.0  # counted by the page at the last look

    async def seeing(self) -> None:
        """Return when the page sees and hears.

        Raises:
            playwright.async_api.Error: It does not within 30 s.
        """
        await self._page.wait_for_function("pictures.length > 10 && blocks.length > 10", timeout=WAIT_S * 1000)

    async def take(self, number: int = 0) -> Recording:
        """What came since the last call.

        Raises:
            RuntimeError: Something failed on the page.
        """
        taken: dict[str, Any] = await self._page.evaluate("take()")
        if self._errors:
            raise RuntimeError("; ".join(self._errors))
        origin = await self._clock_origin()
        pictures = [(origin + at / 1000, _mark(means), float(np.mean(means))) for at, means in taken["seen"]]
        sound = np.frombuffer(base64.b64decode(taken["sound"]), np.int16)
        parts = np.split(sound, np.cumsum(taken["lengths"])[:-1]) if taken["lengths"] else []
        blocks = [(origin + at / 1000, part) for at, part in zip(taken["times"], parts, strict=True)]
        notes = dict(taken["stats"])
        freezes = notes.pop("freezes", 0.0)
        notes["freezes"], self._freezes = freezes - self._freezes, freezes
        return Recording.of(pictures, blocks, notes)

    async def _clock_origin(self) -> float:
        """CLOCK_MONOTONIC at the page's performance.now() of 0, by the quickest of some looks."""
        looks: list[tuple[float, float]] = []
        for _ in range(CLOCK_LOOKS):
            before = time.monotonic()
            now = await self._page.evaluate("performance.now()")
            after = time.monotonic()
            looks.append((after - before, (before + after) / 2 - now / 1000))
        return min(looks)[1]


@asynccontextmanager
async def chromium(server: ServerAddress, rooms: list[str]) -> AsyncIterator[ChromiumViewer]:
    """A headless Chromium with a page in the room."""
    (room,) = rooms
    vendor.fetch(print)
    async with _page_server() as address, async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=find_browser(), args=ARGUMENTS)
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(address)
        joining = [server.url, viewer_token(server, room), RATE]
        await page.evaluate("([url, token, rate]) => join(url, token, rate)", joining)
        yield ChromiumViewer(page, errors)
        await browser.close()


@asynccontextmanager
async def _page_server() -> AsyncIterator[str]:
    """The page's address on this machine: a loopback page may talk to a loopback server without asking anybody."""

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    application = web.Application()
    application.router.add_get("/", page)
    application.router.add_static("/", vendor.DIRECTORY)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _mark(means: list[float]) -> Mark | None:
    return Mark.from_bits(np.array(means) > (LIGHT + DARK) / 2)
