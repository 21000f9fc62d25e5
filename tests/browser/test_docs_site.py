"""The built site in a real Chromium without a network: every diagram is drawn, and nothing is asked of another host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from livekit_bithuman.cli.checks import find_browser

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.async_api import TimeoutError as PlaywrightTimeout
from playwright.async_api import async_playwright

SITE = Path(__file__).parents[2] / "build" / "site"
DIAGRAMS = "document.querySelectorAll('pre.mermaid, div.mermaid').length"
DRAWN = "[...document.querySelectorAll('div.mermaid')].filter((one) => one.offsetHeight > 50).length"

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="there is no site yet: make docs")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_every_page_with_a_diagram_draws_it_and_asks_no_other_host(address: str) -> None:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH")
    pages = [page.parent.relative_to(SITE) for page in SITE.rglob("index.html")]
    with_diagrams = [page for page in pages if 'class="mermaid"' in (SITE / page / "index.html").read_text()]
    assert len(with_diagrams) >= 3
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = await browser.new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        for one in (Path(), Path("quickstart"), *with_diagrams):
            await page.goto(f"{address}/{one.as_posix()}/")
            try:
                await page.wait_for_function(f"{DRAWN} === {DIAGRAMS}")
            except PlaywrightTimeout:
                pytest.fail(f"{one.as_posix()} has a diagram that is not drawn: {errors}")
        await browser.close()
    assert errors == []
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert f"{address}/assets/mermaid.min.js" in asked
