"""The example of a page of one's own, in a real Chromium, with a real agent in its room."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from livekit_bithuman import AvatarSession
from livekit_bithuman.cli.checks import find_browser
from livekit_bithuman.demo import vendor
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.stage import agent_with_avatar

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Page, async_playwright

pytestmark = [pytest.mark.browser, pytest.mark.server]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def address(livekit_server: ServerAddress) -> Iterator[str]:
    """Of the page, which server.py serves in a process of its own."""
    if not vendor.is_present():
        pytest.skip("livekit-client is not here: installing the package, or `make`, fetches it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples" / "web_page" / "server.py"], stdout=subprocess.DEVNULL,
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port), "LIVEKIT_URL": livekit_server.url,
            "LIVEKIT_API_KEY": livekit_server.api_key, "LIVEKIT_API_SECRET": livekit_server.api_secret,
        },
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    async with async_playwright() as driver:
        # As root, in a container, Chromium's sandbox does not start; it visits our page alone.
        arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = await driver.chromium.launch(executable_path=path, args=arguments)
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        await browser.close()
        assert errors == []


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told


async def test_a_visitor_calls_sees_and_hears_the_agent(
    page: Page, address: str, livekit_server: ServerAddress
) -> None:
    server = livekit_server
    samples, rate = soundfile.read(ROOT / "tests" / "data" / "speech.wav", dtype="int16")
    await page.goto(address)
    async with page.expect_response("**/token") as answered:
        await page.get_by_role("button", name="Call").click()
    answer = await (await answered.value).json()
    assert server.api_secret not in json.dumps(answer)
    video = claims(answer["token"])["video"]
    assert video["canPublishSources"] == ["microphone"]
    assert not video.get("roomAdmin")
    await page.get_by_text("Waiting for the agent").wait_for()
    async with agent_with_avatar(
        server.url, server.api_key, server.api_secret, video["room"], AvatarSession(size=(64, 64))
    ) as stage:
        await page.get_by_text("Here is your agent.").wait_for()
        speaking = stage.say(samples, rate)
        await page.wait_for_function("() => document.getElementById('face').videoWidth > 0")
        await page.wait_for_function("() => document.querySelector('audio')?.srcObject?.active")
        microphone = page.get_by_role("button", name="Microphone")
        await microphone.click()
        await page.locator("#microphone[aria-pressed=true]").wait_for()
        await speaking


async def test_a_server_that_is_gone_is_told(page: Page, address: str) -> None:
    await page.goto(address)
    await page.route("**/token", lambda route: route.fulfill(status=503))
    await page.get_by_role("button", name="Call").click()
    await page.get_by_text("Not connected: no token (503)").wait_for()
    assert await page.get_by_role("button", name="Call").is_enabled()
