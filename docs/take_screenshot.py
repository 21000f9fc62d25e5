"""Take the README's picture of the demo: `python docs/take_screenshot.py`, with Chromium installed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import async_playwright

from livekit_bithuman.cli.checks import find_browser
from tests.demo_process import running_demo

PICTURE = Path(__file__).parent / "images" / "demo.png"
SENTENCE = "This face is drawn by your own computer, twenty-five times a second."


async def take(address: str) -> None:
    """Open the page, let the avatar speak, and save what is seen."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        page = await browser.new_page(color_scheme="dark", viewport={"width": 1040, "height": 860})
        await page.goto(address)
        await page.locator("#stage[data-state=speaking]").wait_for()
        await page.wait_for_timeout(3_000)  # until the figures below the face are those of a running stream
        await page.get_by_label("What the avatar shall say").fill(SENTENCE)
        await page.keyboard.press("Enter")
        await page.get_by_text("by your own", exact=False).wait_for()
        await page.wait_for_timeout(900)
        await page.screenshot(path=PICTURE)
        await browser.close()


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    with running_demo() as (_, url):
        asyncio.run(take(url))
