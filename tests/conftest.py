"""Fixtures that more than one part of the suite needs: a real server, and what must not be skipped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from livekit_bithuman.server import ServerAddress, ServerProcess, find_binary

pytest_plugins = ["tests.leaks", "pytester"]

#: Markers whose tests must run here, comma-separated, such as "server,browser": a skip of theirs is a failure.
REQUIRED = frozenset(filter(None, os.environ.get("LIVEKIT_BITHUMAN_REQUIRE", "").split(",")))

#: What a busy machine can let miss a deadline; such a test may be tried so often again, and the summary names it.
REAL = frozenset({"server", "browser", "redis"})
RERUNS = int(os.environ.get("LIVEKIT_BITHUMAN_RERUNS", "0"))


# Started in the background by a shell without job control, a process inherits an ignored SIGINT, and so would every
# program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def livekit_server() -> Iterator[ServerAddress]:
    """A livekit-server of this test run's own, with `url`, `api_key` and `api_secret`; never the one in LIVEKIT_URL."""
    binary = find_binary()
    if binary is None:
        pytest.skip("no livekit-server on PATH or in the cache: `python -m livekit_bithuman.server` builds one")
    from .leaks import LEAKS  # a plugin, imported as one

    with ServerProcess(binary) as address:
        LEAKS.keep(address.api_secret)
        yield address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests with real processes be tried again, where the environment says so; no others."""
    for item in items:
        if RERUNS and REAL & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip into a failure where the environment says that the test must run."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    needed = sorted(REQUIRED & {mark.name for mark in item.iter_markers()})
    if report.skipped and needed and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs {', '.join(needed)}, which this run requires: {report.longrepr}"
    return report  # type: ignore[return-value]
