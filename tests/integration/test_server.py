"""A real livekit-server process: it starts, lets our key in alone, and never outlives its owner."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from livekit_bithuman.errors import ServerError
from livekit_bithuman.server import ServerAddress, ServerBinary, ServerProcess, find_binary

pytestmark = pytest.mark.server

ENDS_WITHIN_S = 20.0

OWNER = """
import sys, time
from livekit_bithuman.server import ServerProcess, find_binary
with ServerProcess(find_binary()) as address:
    print(address.url, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def binary() -> ServerBinary:
    found = find_binary()
    if found is None:
        pytest.skip("no livekit-server on PATH or in the cache: `python -m livekit_bithuman.server` builds one")
    return found


@pytest.fixture
def owner(binary: ServerBinary) -> Iterator[subprocess.Popen[str]]:
    """Another Python process that runs a server, ready to be ended."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ws://127.0.0.1:")
        yield process
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def test_a_server_answers_to_its_key_and_to_no_other(livekit_server: ServerAddress) -> None:
    livekit_server.validate(timeout=5.0)
    with pytest.raises(ServerError, match="refused our key"):
        ServerAddress(livekit_server.url, livekit_server.api_key, "x" * 43).validate(timeout=5.0)


def test_a_token_admits_to_one_room_for_a_limited_time(livekit_server: ServerAddress) -> None:
    from livekit import api

    token = livekit_server.token(identity="ann", room="r1", ttl=datetime.timedelta(minutes=2), can_publish=False)
    claims = api.TokenVerifier(livekit_server.api_key, livekit_server.api_secret).verify(token)
    assert claims.identity == "ann"
    assert claims.video is not None
    assert (claims.video.room, claims.video.can_publish, claims.video.room_admin) == ("r1", False, None)


def test_servers_run_side_by_side(binary: ServerBinary, livekit_server: ServerAddress) -> None:
    with ServerProcess(binary) as second:
        assert second.url != livekit_server.url
        assert second.api_secret != livekit_server.api_secret
        with pytest.raises(ServerError, match="refused our key"):
            ServerAddress(second.url, livekit_server.api_key, livekit_server.api_secret).validate(timeout=5.0)


def test_a_server_takes_the_place_of_one_that_has_ended(binary: ServerBinary) -> None:
    first = ServerProcess(binary)
    address = first.start()
    first.stop()
    with ServerProcess(binary, at=address) as again:
        assert again == address
        again.validate(timeout=5.0)


def test_settings_for_other_servers_do_not_reach_ours(binary: ServerBinary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_KEYS", "other: " + "y" * 40)
    monkeypatch.setenv("LIVEKIT_PORT", "1")
    monkeypatch.setenv("UDP_PORT", "1")
    with ServerProcess(binary) as address:
        address.validate(timeout=5.0)


def test_stop_ends_the_process_and_may_be_called_again(binary: ServerBinary) -> None:
    before = set(psutil.Process().children(recursive=True))
    server = ServerProcess(binary)
    server.start()
    children = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert any(binary.path.name in child.name() for child in children)
    server.stop()
    server.stop()
    assert not server.running
    assert psutil.wait_procs(children, timeout=ENDS_WITHIN_S)[1] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_the_server_ends_with_its_owner_however_that_ends(owner: subprocess.Popen[str], number: signal.Signals) -> None:
    children = psutil.Process(owner.pid).children(recursive=True)
    assert len(children) == 2, "the guard and the server"
    os.kill(owner.pid, number)
    assert psutil.wait_procs(children, timeout=ENDS_WITHIN_S)[1] == []


def test_a_program_that_is_no_server_is_named_with_what_it_printed(tmp_path: Path) -> None:
    program = tmp_path / "livekit-server"
    program.write_text("#!/bin/sh\necho no such thing as a server\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ServerError, match="ended with status 3") as caught:
        ServerProcess(ServerBinary(program, "PATH")).start()
    assert "no such thing as a server" in str(caught.value)


def test_nobody_at_the_address_is_one_clear_error() -> None:
    with pytest.raises(ServerError, match="does not answer"):
        ServerAddress("ws://127.0.0.1:9", "key", "s" * 40).validate(timeout=2.0)
