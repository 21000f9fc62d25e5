"""The demo in a real Chromium: what a visitor sees, hears, says and can do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.local import LocalVoice
from livekit_bithuman.local.script import RULES
from livekit_bithuman.pose import Presentation, resting_mouth
from tests.demo_process import running_demo
from tests.microphone import write_questions
from tests.openai_service import KEY, OpenAIService, Senses

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import Browser, FilePayload, Page

from .chromium import chromium

pytestmark = [pytest.mark.browser, pytest.mark.server]

#: How long a busy machine is given: one with seven times its work took half a minute for a reply of some seconds.
SOON_MS = 90_000.0
LONG_TEXT = "This sentence is one of very many, and nobody will hear them all. " * 20

QUESTION = "Tell me a joke."
A_JOKE = re.compile("|".join(re.escape(joke) for rule in RULES if rule.pattern.search("joke") for joke in rule.answers))
#: livekit-agents lets nobody interrupt by voice before an agent has spoken for so long.
NOT_INTERRUPTIBLE_MS = 3_500.0

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
#: Figures that are there before anybody has spoken.
SHOWN = "['stat-fps', 'stat-rate', 'stat-freezes', 'stat-draw', 'stat-cpu', 'stat-buffer']"
#: What Chromium itself writes of a request that the page expects to be refused.
REFUSALS = re.compile(r"Failed to load resource.*\b(413|415|422)\b")
#: Whether ten of the next pictures differ, each from the one before: neither a still picture nor a stalled stream.
ADVANCING = """() => new Promise((resolve) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last = "", changes = 0;
  const look = () => {
    context.drawImage(video, 0, 0, 64, 64);
    const now = context.getImageData(0, 0, 64, 64).data.join();
    if (now !== last) changes += 1;
    last = now;
    if (changes > 10) resolve(true);
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})"""
#: Share of blue in the picture that is shown.
BLUENESS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 64, 64);
  const pixels = context.getImageData(0, 0, 64, 64).data;
  const sums = [0, 0, 0];
  pixels.forEach((value, i) => { if (i % 4 < 3) sums[i % 4] += value; });
  return sums[2] / (sums[0] + sums[1] + sums[2]);
}"""
FRAMES = "() => document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_demo() as (_, address):
        yield address


@asynccontextmanager
async def opened(browser: Browser, address: str) -> AsyncIterator[Page]:
    """The page while it greets its visitor; errors on it fail the test."""
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await page.goto(address)
    await state(page, "speaking")  # the greeting
    await page.wait_for_function("() => video.videoWidth")  # the first picture may come after the first sound
    yield page
    assert [error for error in errors if not REFUSALS.search(error)] == []
    await page.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def page(browser: Browser, address: str) -> AsyncIterator[Page]:
    async with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the fake microphone says, once whenever it is turned on."""
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    write_questions(path, LocalVoice(), [(QUESTION, 1.0)])
    return path


@pytest.fixture
async def speaking_page(question: Path, address: str) -> AsyncIterator[Page]:
    """The page of somebody whose microphone, once it is on, asks a question."""
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    async with (
        chromium(*fake, f"--use-file-for-fake-audio-capture={question}%noloop") as browser,
        opened(browser, address) as page,
    ):
        yield page


async def state(page: Page, name: str) -> None:
    """Wait until the page shows a state."""
    await page.locator(f"#stage[data-state={name}]").wait_for()


async def send(page: Page, text: str) -> None:
    """Have a text said."""
    await page.get_by_text("Say it", exact=True).click()
    await page.get_by_label("Your message").fill(text)
    await page.keyboard.press("Enter")


async def be_quiet(page: Page) -> None:
    """End what is being said."""
    await page.keyboard.press("Escape")
    await state(page, "listening")


def png(picture: np.typing.NDArray[np.uint8], name: str) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": cv2.imencode(".png", picture)[1].tobytes()}


async def test_the_face_is_there_and_moves(page: Page) -> None:
    assert await page.evaluate("[video.videoWidth, video.videoHeight]") == [512, 512]
    mean, spread = await page.evaluate(LUMA)
    assert mean > 16, "not black"
    assert spread > 8, "not one colour"
    first = await page.evaluate(FRAMES)
    await page.wait_for_function(f"() => ({FRAMES})() > {first + 25}")
    await page.wait_for_function(f"() => {SHOWN}.every((id) => document.getElementById(id).textContent !== '–')")
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
    await send(page, LONG_TEXT)
    await state(page, "speaking")
    await page.keyboard.press("Escape")
    await state(page, "listening")


async def test_what_is_typed_is_said_and_written(page: Page) -> None:
    await send(page, "The quick brown fox.")  # it interrupts the greeting
    await page.locator(".theirs", has_text="The quick brown fox.").wait_for()
    await state(page, "listening")
    assert await page.get_by_label("Your message").input_value() == ""
    assert await page.locator(".mine").count() == 0
    assert await page.locator(".theirs .mark").count() == 1, "the greeting was interrupted, the fox was not"


async def test_a_typed_question_is_answered(page: Page) -> None:
    await page.wait_for_function(ADVANCING)
    await page.get_by_role("button", name="Tell me a joke").click()
    await page.locator(".mine", has_text="Tell me a joke").wait_for()
    await page.locator("#bars li").wait_for()
    await page.locator(".theirs", has_text=A_JOKE).wait_for()
    assert "your text" in str(await page.locator("#wait-text").text_content())


async def test_with_an_address_and_a_key_a_language_model_answers(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    senses = Senses()  # neither loaded nor used: the demo has ears and a voice of its own
    async with OpenAIService(senses, lambda said: f"{said[-1]} is what you said.") as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with running_demo() as (_, address):
            async with opened(browser, address) as page:
                await page.get_by_label("Your message").fill("A horse")
                await page.keyboard.press("Enter")
                await page.locator(".theirs", has_text="A horse is what you said.").wait_for()
        (asked,) = service.requests("chat/completions")
        assert asked["model"] == "gpt-4o-mini"


async def test_a_text_without_words_is_refused_with_a_reason(page: Page) -> None:
    await send(page, "…!")
    await page.get_by_role("alert").filter(has_text="nothing to say").wait_for()


async def test_a_spoken_question_is_understood_answered_and_measured(speaking_page: Page) -> None:
    page = speaking_page
    await be_quiet(page)
    await page.get_by_role("button", name="Microphone").click()
    await page.locator("#mic[aria-pressed=true]").wait_for()
    await page.wait_for_function("() => Number(mic.style.getPropertyValue('--level')) > 0.2")
    await state(page, "hearing")
    await page.locator(".mine:not(.pending)").wait_for()
    assert "joke" in str(await page.locator(".mine p").text_content()).lower()
    await state(page, "speaking")
    await page.wait_for_function(ADVANCING)
    await page.locator("#bars li").wait_for()
    await page.locator(".theirs", has_text=A_JOKE).wait_for()
    assert "your last word" in str(await page.locator("#wait-text").text_content())
    (parts,) = await page.locator("#bars .bar").evaluate_all("bars => bars.map((bar) => bar.ariaLabel)")
    took = {name: int(ms) for name, ms in re.findall(r"(\w+) (\d+) ms", parts)}
    assert set(took) == {"recognition", "endpointing", "reply", "voice", "playout", "other"}
    assert min(took["recognition"], took["voice"], took["playout"]) > 0
    assert sum(took.values()) == pytest.approx(
        1000 * float(str(await page.locator("#wait").text_content())[:-2]), abs=12
    )
    await page.get_by_role("button", name="Microphone").click()
    await page.locator("#mic[aria-pressed=false]").wait_for()


async def test_who_speaks_interrupts_and_is_answered(speaking_page: Page) -> None:
    page = speaking_page
    await page.wait_for_timeout(NOT_INTERRUPTIBLE_MS)
    await send(page, LONG_TEXT)
    said = page.locator(".theirs", has_text=LONG_TEXT[:20])
    await said.wait_for()
    await page.get_by_role("button", name="Microphone").click()
    await said.get_by_text("interrupted").wait_for()
    assert LONG_TEXT.startswith(str(await said.locator("p").text_content())), "as far as it was heard"
    await page.locator(".theirs", has_text=A_JOKE).wait_for()


async def test_a_photo_that_is_dropped_talks(page: Page) -> None:
    await page.locator(".avatar[aria-pressed=true]").wait_for()
    before = await page.evaluate(BLUENESS)
    portrait = Face(Avatar.load(), (640, 640)).draw(resting_mouth(), Presentation())
    portrait[..., 0] //= 2
    await page.set_input_files("#file", png(portrait, "Yellow friend.png"))
    chosen = page.get_by_role("button", name="Yellow friend")
    await chosen.wait_for()
    assert await chosen.get_attribute("aria-pressed") == "true"
    await page.wait_for_function(f"(before) => ({BLUENESS})() < 0.7 * before", arg=before)
    await send(page, "I talk.")
    await page.locator(".theirs", has_text="I talk.").wait_for()
    await page.wait_for_function(ADVANCING)
    await page.locator(".avatar[data-name=maya]").click()
    await page.wait_for_function(f"(before) => ({BLUENESS})() > 0.9 * before", arg=before)
    assert await chosen.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (png(np.full((300, 300, 3), 128, np.uint8), "grey.png"), "No face was found in grey.png"),
        ({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}, "not a picture"),
        ({"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff" + bytes(500)}, "cut.jpg is cut off"),
    ],
    ids=["no face", "no picture", "cut off"],
)
async def test_a_photo_that_will_not_do_is_told_why(page: Page, file: FilePayload, reason: str) -> None:
    await page.locator(".avatar[aria-pressed=true]").wait_for()
    await page.set_input_files("#file", file)
    await page.get_by_role("alert").filter(has_text=reason).wait_for()
    assert await page.locator(".avatar[aria-pressed=true]").get_attribute("data-name") == "maya"
    assert await page.locator("#file").is_enabled(), "another may be tried"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--use-fake-device-for-media-stream", "--deny-permission-prompts"], "Allow it in the address bar"),
        (["--use-fake-ui-for-media-stream"], "No microphone was found"),
    ],
    ids=["denied", "missing"],
)
async def test_a_microphone_that_cannot_be_had_is_told_with_what_to_do(
    address: str, arguments: list[str], reason: str
) -> None:
    async with chromium(*arguments) as browser, opened(browser, address) as page:
        await page.get_by_role("button", name="Microphone").click()
        await page.get_by_role("alert").filter(has_text=reason).wait_for()
        assert await page.locator("#mic").get_attribute("aria-pressed") == "false"


async def test_a_browser_without_webrtc_is_told_so(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    await page.add_init_script("delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection;")
    await page.goto(address)
    await page.get_by_role("heading", name="This browser has no WebRTC").wait_for()
    await page.close()


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_is_wider_than_the_window(browser: Browser, address: str, width: int) -> None:
    page = await browser.new_page(viewport={"width": width, "height": 740})
    page.set_default_timeout(SOON_MS)
    await page.goto(address)
    await state(page, "speaking")
    await page.locator(".avatar").first.wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.close()


async def test_where_sound_needs_a_click_the_greeting_waits_for_it(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    page.set_default_timeout(SOON_MS)
    await page.add_init_script(NO_SOUND_BEFORE_A_CLICK)
    await page.goto(address)
    start = page.get_by_role("button", name="Start talking")
    await start.wait_for()
    await state(page, "listening")
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
