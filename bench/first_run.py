"""How long a stranger waits for a conversation: `python -m bench.first_run`, some minutes.

Clones what is committed here and runs `make demo` in the clone as on a machine that never did: nothing in the caches of
pip and Go, no livekit-server built before. Chromium opens the page, and waits for the first picture, the first word of
the greeting, and that of the answer to a question that is typed. Then Ctrl-C, and all of it once more.
Prints seconds since `make demo`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.async_api import async_playwright

from livekit_bithuman.cli.checks import find_browser

ROOT = Path(__file__).parents[1]
#: In the browser, for each step.
GIVEN_UP_MS = 60_000.0
QUESTION = "Tell me a joke."
CACHES = {
    "LIVEKIT_BITHUMAN_CACHE": "server",
    "PIP_CACHE_DIR": "pip",
    "GOPATH": "go",
    "GOCACHE": "go-build",
    "NPM_CONFIG_CACHE": "npm",
}


def newcomer(caches: Path) -> dict[str, str]:
    """The environment of somebody whose caches are in `caches`, and who has no livekit-server and no keys."""
    folders = [f for f in os.environ["PATH"].split(os.pathsep) if not (Path(f) / "livekit-server").exists()]
    ours = ("LIVEKIT_", "OPENAI_", "BITHUMAN_", "VIRTUAL_ENV", "PYTHONPATH", "MAKE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept["PATH"] = os.pathsep.join(folders)
    return kept | {name: str(caches / folder) for name, folder in CACHES.items()}


async def start(clone: Path, environment: dict[str, str]) -> dict[str, float]:
    """`make demo` in `clone`, a visit, and Ctrl-C: seconds from the first to each thing that its user waits for."""
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *("make", "demo", "ARGS=--no-browser"),
        cwd=clone,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # so that Ctrl-C goes to all of it, as a terminal's does
    )
    try:
        address = await said_address(process)
        came = {"the page is up": time.monotonic(), **await visit(address)}
    finally:
        os.killpg(process.pid, signal.SIGINT)
        await process.communicate()
    return {what: at - begin for what, at in came.items()}


async def said_address(process: asyncio.subprocess.Process) -> str:
    """The page's, as soon as it is printed."""
    assert process.stdout is not None
    said = []
    async for line in process.stdout:
        said.append(line.decode())
        if found := re.match(r"The avatar is at (\S+)", said[-1]):
            return found[1]
    raise RuntimeError(f"make demo ended:\n{''.join(said[-30:])}")


async def visit(address: str) -> dict[str, float]:
    """When a visitor of the page sees, hears and is answered."""
    async with async_playwright() as driver:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = await driver.chromium.launch(executable_path=find_browser(), args=arguments)
        page = await browser.new_page()
        page.set_default_timeout(GIVEN_UP_MS)
        came = {}
        await page.goto(address)
        await page.wait_for_function("() => document.getElementById('video').videoWidth")
        came["the first picture"] = time.monotonic()
        await page.locator(".theirs:not(.pending)").wait_for()
        came["the greeting's first word"] = time.monotonic()
        await page.locator("#stage[data-state=listening]").wait_for()
        await page.get_by_label("Your message").fill(QUESTION)
        asked = time.monotonic()
        came["the greeting is over, a question is typed"] = asked
        await page.keyboard.press("Enter")
        await page.locator(".theirs:not(.pending)").nth(1).wait_for()
        came["the answer's first word"] = time.monotonic()
        await browser.close()
        return came


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="first-run-"))
    try:
        clone = scratch / "livekit_bithuman"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = newcomer(scratch / "caches")
        first, later = (asyncio.run(start(clone, environment)) for _ in range(2))
        size = sum(path.lstat().st_size for path in (clone / ".venv").rglob("*")) / 1e6
        print(f"{'seconds from `make demo`':45}{'first start':>12}{'later start':>12}")
        for what in first:
            print(f"{what:45}{first[what]:12.1f}{later[what]:12.1f}")
        print(f"the environment it set up: {size:.0f} MB")
        print(f"load average of the machine: {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    finally:
        # Go write-protects what it fetches.
        subprocess.run(["chmod", "-R", "u+w", str(scratch)], check=False)
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
