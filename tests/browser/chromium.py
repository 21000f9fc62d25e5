"""A real Chromium for the tests of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from livekit_bithuman.cli.checks import find_browser

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Browser, async_playwright


@asynccontextmanager
async def chromium(*arguments: str) -> AsyncIterator[Browser]:
    """A browser; with neither microphone nor camera, unless `arguments` say otherwise."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    async with async_playwright() as driver:
        # As root, in a container, Chromium's sandbox does not start; it visits our pages alone.
        always = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = await driver.chromium.launch(executable_path=path, args=[*always, *arguments])
        yield browser
        await browser.close()
