"""The demo in a real Chromium: what a visitor sees, hears and can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from livekit_bithuman.cli.checks import find_browser
from tests.demo_process import running_demo

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Browser, Page, async_playwright

pytestmark = [pytest.mark.browser, pytest.mark.server]

SOON_MS = 30_000.0
LONG_TEXT = "This sentence is one of very many, and nobody will hear them all. " * 20

#: Mean and spread of the luma in the picture that is shown now, 0..255.
LUMA = """() => {
  const video = document.getElementById("video");
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 64, 64);
  const pixels = context.getImageData(0, 0, 64, 64).data;
  const lumas = [];
  for (let i = 0; i < pixels.length; i += 4) {
    lumas.push(0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2]);
  }
  const mean = lumas.reduce((sum, luma) => sum + luma, 0) / lumas.length;
  return [mean, Math.sqrt(lumas.reduce((sum, luma) => sum + (luma - mean) ** 2, 0) / lumas.length)];
}"""
#: What Chromium does by itself, or not, depending on how often it has played sound of this address.
NO_SOUND_BEFORE_A_CLICK = """
  let clicked = false;
  addEventListener("click", () => { clicked = true; }, true);
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (clicked || this.muted) return play.call(this);
    this.pause();
    return Promise.reject(new DOMException("not before a click", "NotAllowedError"));
  };
"""
FRAMES = "() => document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_demo() as (_, address):
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    async with async_playwright() as driver:
        # As root, in a container, Chromium's sandbox does not start; it visits our page alone.
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = await driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser, address: str) -> AsyncIterator[Page]:
    """The page while it greets its visitor; errors on it fail the test."""
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await page.goto(address)
    await state(page, "speaking")  # the greeting
    yield page
    assert errors == []


async def state(page: Page, name: str) -> None:
    """Wait until the page shows a state."""
    await page.locator(f"#stage[data-state={name}]").wait_for()


async def say(page: Page, text: str) -> None:
    """Type and send."""
    await page.get_by_label("What the avatar shall say").fill(text)
    await page.keyboard.press("Enter")


async def test_the_face_is_there_and_moves(page: Page) -> None:
    size = await page.evaluate("[video.videoWidth, video.videoHeight]")
    assert size == [512, 512]
    mean, spread = await page.evaluate(LUMA)
    assert mean > 16, "not black"
    assert spread > 8, "not one colour"
    first = await page.evaluate(FRAMES)
    await page.wait_for_function(f"() => ({FRAMES})() > {first + 25}")
    await page.wait_for_function("() => document.getElementById('stat-fps').textContent.endsWith('fps')")
    assert await page.locator("#stat-size").text_content() == "512×512"


async def test_voice_is_heard(page: Page) -> None:
    await page.wait_for_function(
        """async () => {
          const stats = await [...room.remoteParticipants.values()][0]
            .audioTrackPublications.values().next().value.track.getRTCStatsReport();
          return [...stats.values()].some((stat) => stat.type === "inbound-rtp" && stat.totalAudioEnergy > 0.001);
        }"""
    )
    assert await page.evaluate("document.getElementById('audio').paused") is False


async def test_stop_and_escape_end_what_is_being_said(page: Page) -> None:
    stop = page.get_by_role("button", name="Stop")
    await stop.click()
    await state(page, "listening")
    assert await stop.is_disabled()
    await say(page, LONG_TEXT)
    await state(page, "speaking")
    await page.keyboard.press("Escape")
    await state(page, "listening")


async def test_what_is_typed_is_said_and_written_below_the_face(page: Page) -> None:
    await say(page, "The quick brown fox.")  # it interrupts the greeting
    await page.get_by_text("The quick brown fox.").wait_for()
    await state(page, "listening")
    assert await page.get_by_label("What the avatar shall say").input_value() == ""


async def test_a_text_without_words_is_refused_with_a_reason(page: Page) -> None:
    await say(page, "…!")
    await page.get_by_role("alert").filter(has_text="nothing to say").wait_for()


async def test_where_sound_needs_a_click_the_greeting_waits_for_it(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    await page.add_init_script(NO_SOUND_BEFORE_A_CLICK)
    await page.goto(address)
    start = page.get_by_role("button", name="Start talking")
    await start.wait_for()
    assert await page.evaluate("stage.dataset.state") == "listening"
    await start.click()
    await state(page, "speaking")
    assert await page.evaluate("document.getElementById('audio').paused") is False
    await page.close()


async def test_a_demo_that_ends_is_said_so_and_comes_back_by_itself(browser: Browser) -> None:
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    with running_demo() as (_, address):
        port = address.rstrip("/").rpartition(":")[2]
        await page.goto(address)
        await state(page, "speaking")
    await page.get_by_role("heading", name="The demo is not answering").wait_for()
    with running_demo("--port", port):
        await state(page, "speaking")
        await page.close()
