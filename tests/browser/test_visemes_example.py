"""The example that draws an agent's mouth in the browser, in a real Chromium, from a real agent's packets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import soundfile
from livekit import api

from livekit_bithuman import AvatarSession
from livekit_bithuman.demo import vendor
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.stage import agent_with_avatar

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Page

from .chromium import chromium

pytestmark = [pytest.mark.browser, pytest.mark.server]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "visemes_to_browser.html"
ROOM = "mouth-in-the-browser"
OPENNESS = "Number(document.getElementById('lips').dataset.openness)"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if not vendor.is_present():
        pytest.skip("livekit-client is not here: installing the package, or `make`, fetches it")
    async with chromium() as browser:
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


async def test_the_mouth_opens_with_the_voice_and_closes_after_it(page: Page, livekit_server: ServerAddress) -> None:
    server = livekit_server
    samples, rate = soundfile.read(ROOT / "tests" / "data" / "speech.wav", dtype="int16")
    grants = api.VideoGrants(room_join=True, room=ROOM)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("browser").with_grants(grants).to_jwt()
    avatar = AvatarSession(size=(64, 64), visemes=True)
    async with agent_with_avatar(server.url, server.api_key, server.api_secret, ROOM, avatar) as stage:
        await page.goto(f"{EXAMPLE.as_uri()}#{urlencode({'url': server.url, 'token': token})}")
        await page.get_by_text(f"In the room {ROOM}.").wait_for()
        assert await page.locator("#join").is_hidden()
        assert await page.evaluate(OPENNESS) == 0
        speaking = stage.say(samples, rate)
        await page.wait_for_function(f"() => {OPENNESS} > 0.35")
        await page.wait_for_function("() => document.getElementById('voice').srcObject?.active")
        assert await page.evaluate("[...document.querySelectorAll('dd > div')].length") == 15
        await speaking.interrupt()
        await page.wait_for_function(f"() => {OPENNESS} < 0.01")
        await page.wait_for_function("() => shown.weights[0] > 0.95")  # a p or b closes the mouth as well
        assert await page.evaluate("document.querySelectorAll('video').length") == 0
