"""The demo's process: it starts, and it leaves nothing behind however it is ended."""

from __future__ import annotations

import os
import signal
import urllib.request

import psutil
import pytest

from tests.demo_process import running_demo

pytestmark = pytest.mark.server

ENDS_WITHIN_S = 30.0


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
def test_no_process_is_left_however_the_demo_ends(number: signal.Signals, code: int) -> None:
    with running_demo() as (process, address):
        with urllib.request.urlopen(f"{address}health", timeout=10) as answer:
            assert answer.status == 200
        family = psutil.Process(process.pid).children(recursive=True)
        assert any(child.name() == "livekit-server" for child in family)
        os.kill(process.pid, number)
        assert process.wait(timeout=ENDS_WITHIN_S) == code
        assert psutil.wait_procs(family, timeout=ENDS_WITHIN_S)[1] == []


def test_the_demo_ends_with_its_server_and_says_so() -> None:
    with running_demo() as (process, _):
        server = next(
            child for child in psutil.Process(process.pid).children(recursive=True) if child.name() == "livekit-server"
        )
        server.kill()
        assert process.wait(timeout=ENDS_WITHIN_S) == 69
        assert process.stdout is not None
        said = process.stdout.read()
        assert "livekit-server of the demo ended" in said
        assert "Traceback" not in said


def test_a_taken_port_is_an_error_where_it_was_asked_for() -> None:
    with running_demo() as (_, address):
        port = address.rstrip("/").rpartition(":")[2]
        with pytest.raises(AssertionError, match=f"Port {port} cannot be had"), running_demo("--port", port):
            pass
