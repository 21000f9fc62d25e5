"""A page keeps its picture while the avatar's machine is short of time: sizes change on the track that it plays."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from livekit import api

from livekit_bithuman import AvatarSession, PublishOptions
from livekit_bithuman.demo import vendor
from livekit_bithuman.rtc import stepping
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar
from tests.integration.test_stepping_down import SIZES, Laboured

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Page

from .chromium import chromium

pytestmark = [pytest.mark.browser, pytest.mark.server]

RATE = 24_000
ROOM = "smaller-in-the-browser"
#: Joins, plays the first video that comes, and notes each picture that is shown.
WATCH = """async ([url, token]) => {
    window.shown = [];  // [milliseconds, width]
    window.tracks = 0;
    const room = new LivekitClient.Room();
    room.on("trackSubscribed", (track) => {
        if (track.kind !== "video") return;
        window.tracks += 1;
        const video = document.body.appendChild(track.attach());
        const note = (now) => {
            window.shown.push([now, video.videoWidth]);
            video.requestVideoFrameCallback(note);
        };
        video.requestVideoFrameCallback(note);
    });
    await room.connect(url, token);
}"""
WIDTH = "window.shown.at(-1)?.[1]"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if not vendor.is_present():
        pytest.skip("livekit-client is not here: installing the package, or `make`, fetches it")
    async with chromium() as browser:
        page = await browser.new_page()
        page.set_default_timeout(60_000)
        await page.add_script_tag(path=vendor.DIRECTORY / "livekit-client.umd.js")
        yield page


async def test_the_picture_becomes_smaller_and_whole_again_without_a_break(
    page: Page, livekit_server: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "FIRST_WAIT_S", 0.5)
    server = livekit_server
    grants = api.VideoGrants(room_join=True, room=ROOM)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("browser").with_grants(grants).to_jwt()
    engine = Laboured(SIZES[0])
    avatar = AvatarSession(engine=engine, publish=PublishOptions(step_down=True))
    async with agent_with_avatar(server.url, server.api_key, server.api_secret, ROOM, avatar) as stage:
        await page.evaluate(WATCH, [server.url, token])
        await page.wait_for_function(f"() => {WIDTH} > 0 && window.shown.length > 60")
        engine.load = 0.120
        speaking = stage.say(marker_voice(1, 30 * RATE, RATE), RATE)
        await page.wait_for_function(f"() => {WIDTH} === 256")
        smaller = await page.evaluate("window.shown.length")
        await page.wait_for_function(f"() => window.shown.length > {smaller} + 20")
        engine.load = 0.0
        await page.wait_for_function(f"() => {WIDTH} === 512")
        await speaking.interrupt()
    shown = await page.evaluate("window.shown")
    widths = [width for _, width in shown]
    changes = [index for index in range(1, len(shown)) if widths[index] != widths[index - 1]]
    gaps = [shown[index][0] - shown[index - 1][0] for index in changes]
    print(f"widths {[widths[index] for index in changes]}, gaps before them {[round(gap) for gap in gaps]} ms")
    assert len(changes) >= 2
    assert max(gaps) < 3000, "the track goes on; a new one would have to be negotiated"
    assert await page.evaluate("window.tracks") == 1
