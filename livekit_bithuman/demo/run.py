"""The demo from start to end: what it needs, the server, the page, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from ..cli.progress import Progress
from ..errors import AvatarError, AvatarNotFoundError, MissingDependencyError, ServerError
from ..server import ServerAddress, ServerProcess, obtain_binary, server_from_environment
from . import vendor
from .models import NO_EARS, DemoModels, LateHearing
from .page import make_app
from .visits import Visits
from .wardrobe import Installed, Wardrobe

DEFAULT_PORT = 8088
#: Pages at a time. Each has a face of its own to be drawn, about a fifth of a core.
MAX_VISITS = 4
_WATCH_INTERVAL_S = 1.0
_ADDRESS_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class DemoOptions:
    """What the command line chose.

    Attributes:
        port: Of the page; None: the default one, or any free one if that is taken.
        browser: Open one, if there is a display.
        avatar: As `AvatarSession` takes it.
    """

    port: int | None = None
    browser: bool = True
    avatar: str | None = None


def run_demo(options: DemoOptions) -> int:
    """Run the demo until Ctrl-C.

    Returns:
        0, when it was ended on purpose.

    Raises:
        ServerError: No LiveKit server could be had, or it ended.
        MissingDependencyError: The voice or the page's file is missing and could not be had.
        AvatarNotFoundError: There is no such avatar.
    """
    if options.avatar is not None and os.sep in options.avatar and not Path(options.avatar).exists():
        raise AvatarNotFoundError(options.avatar, f"There is no avatar at {options.avatar}. Check the path.")
    with Progress("loading the voice") as progress:
        models = DemoModels.load()
        _fetch_page_file(progress)
        server, address = _server(progress)
    with contextlib.ExitStack() as stack:
        if server is not None:
            stack.callback(server.stop)
        return asyncio.run(_serve(options, address, server, models))


def _fetch_page_file(progress: Progress) -> None:
    try:
        vendor.fetch(progress.update)
    except vendor.VendorError as error:
        raise MissingDependencyError(vendor.PACKAGE, str(error)) from error


def _server(progress: Progress) -> tuple[ServerProcess | None, ServerAddress]:
    """The server of the environment, or one of our own that runs already."""
    address = server_from_environment()
    if address is not None:
        progress.update(f"asking the LiveKit server at {address.url}")
        address.validate(timeout=_ADDRESS_TIMEOUT_S)
        return None, address
    binary = obtain_binary(progress.update)
    progress.update(f"starting {binary.path}")
    server = ServerProcess(binary)
    return server, server.start()


async def _serve(options: DemoOptions, address: ServerAddress, server: ServerProcess | None, models: DemoModels) -> int:
    installed = Installed(options.avatar)
    visits = Visits(address, models, lambda: Wardrobe(installed), limit=MAX_VISITS)
    stop = _stop_on_signals()
    try:
        async with _page(make_app(visits, installed, address.url), options.port) as url:
            print(f"The avatar is at {url} (Ctrl-C ends it)", flush=True)
            if isinstance(models.hearing, LateHearing):
                models.hearing.load()
            else:
                print(NO_EARS, file=sys.stderr)
            if options.browser and _has_display():
                await asyncio.to_thread(webbrowser.open, url)
            await _until_stopped(stop, server)
            print("Closing …", flush=True)
            await visits.aclose()
    finally:
        await visits.aclose()
    return 0


def _stop_on_signals() -> asyncio.Event:
    """An event that Ctrl-C and SIGTERM set. A second Ctrl-C ends the program as it would any other."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    return stop


async def _until_stopped(stop: asyncio.Event, server: ServerProcess | None) -> None:
    while not stop.is_set():
        if server is not None and not server.running:
            raise ServerError(f"The livekit-server of the demo ended:\n{server.log_tail()}\nStart the demo again.")
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), _WATCH_INTERVAL_S)


@asynccontextmanager
async def _page(app: web.Application, port: int | None) -> AsyncIterator[str]:
    """Serve the page on the loopback interface; yields its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        yield f"http://localhost:{await _listen(runner, port)}/"
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int | None) -> int:
    # 0 lets the system choose: better than no demo, where nobody asked for a port
    for candidate in [port] if port is not None else [DEFAULT_PORT, 0]:
        site = web.TCPSite(runner, "127.0.0.1", candidate)
        try:
            await site.start()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        chosen: int = runner.addresses[0][1]
        return chosen
    raise PortError(f"Port {port} cannot be had: it is in use, or needs more rights. Pass another one with --port.")


class PortError(AvatarError):
    """The page's port is taken."""

    exit_code = 69


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
