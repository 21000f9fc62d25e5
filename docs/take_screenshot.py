"""Take the pictures of the demo's page: `python docs/take_screenshot.py`, with Chromium installed.

Somebody asks three questions aloud, and the pictures are taken while the third is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from livekit_bithuman.cli.checks import find_browser
from livekit_bithuman.local import LocalVoice
from tests.demo_process import running_demo
from tests.microphone import write_questions

PATIENCE_MS = 120_000.0
PICTURES = Path(__file__).parent / "images"
#: Said into the microphone, each with so many seconds of silence after it.
QUESTIONS = (("What can you do?", 15.0), ("Tell me a joke.", 11.0), ("Tell me a story.", 30.0))
#: Name: width, height, scale, colours.
LOOKS = {
    "demo.png": (1280, 920, 1, "dark"),
    "demo-light.png": (1280, 920, 1, "light"),
    "demo-phone.png": (390, 844, 2, "dark"),
}


async def converse(page: Page, address: str) -> None:
    """Open the page, turn on the microphone, and return while the last answer is heard."""
    page.set_default_timeout(PATIENCE_MS)
    await page.goto(address)
    await page.locator("#stage[data-state=speaking]").wait_for()
    await page.get_by_role("button", name="Stop").click()
    await page.locator("#stage[data-state=listening]").wait_for()
    await page.get_by_role("button", name="Microphone").click()
    await page.locator("#bars li").nth(len(QUESTIONS) - 2).wait_for()
    await page.get_by_text("a lighthouse that could not sleep. Every", exact=False).wait_for()


async def take(address: str, names: list[str]) -> None:
    """Save what is seen."""
    with tempfile.TemporaryDirectory() as folder:
        voice = Path(folder) / "questions.wav"
        write_questions(voice, LocalVoice(), QUESTIONS)
        async with async_playwright() as driver:
            for name in names:
                width, height, scale, colours = LOOKS[name]
                browser = await driver.chromium.launch(
                    executable_path=find_browser(),
                    args=[
                        "--no-sandbox",
                        "--autoplay-policy=no-user-gesture-required",
                        "--use-fake-device-for-media-stream",
                        "--use-fake-ui-for-media-stream",
                        f"--use-file-for-fake-audio-capture={voice}%noloop",
                    ],
                )
                page = await browser.new_page(
                    color_scheme="dark" if colours == "dark" else "light",
                    viewport={"width": width, "height": height},
                    device_scale_factor=scale,
                )
                await converse(page, address)
                await page.screenshot(path=PICTURES / name)
                await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(LOOKS)}")
    PICTURES.mkdir(exist_ok=True)
    with running_demo() as (_, url):
        asyncio.run(take(url, parser.parse_args().names or list(LOOKS)))
