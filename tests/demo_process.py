"""A demo in a process of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from livekit_bithuman.demo import vendor
from livekit_bithuman.server import find_binary


@contextmanager
def running_demo(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yields the process and the page's address; ends it and whatever it left behind."""
    if find_binary() is None:
        pytest.skip("no livekit-server on PATH or in the cache: `python -m livekit_bithuman.server` builds one")
    if not vendor.is_present():
        pytest.skip("livekit-client is not here: installing the package, or `make`, fetches it")
    command = [sys.executable, "-m", "livekit_bithuman", "demo", "--no-browser", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        family: list[psutil.Process] = []
        try:
            yield process, _address(process)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("The avatar is at "):
            return line.split()[4]
    raise AssertionError(f"the demo ended: {''.join(said)}")
