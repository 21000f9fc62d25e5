"""A livekit-server of our own: for this machine alone, on free ports, with a key made for this run."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from ..errors import ServerError
from .address import ServerAddress
from .binary import ServerBinary

_GUARD = Path(__file__).with_name("guard.py")
_START_TIMEOUT_S = 30.0
_ATTEMPTS = 5  # a free port may be taken between our look and the server's bind


class ServerProcess:
    """Runs a livekit-server from `start` to `stop`; a context manager does both.

    It lets in nobody from other machines: signalling is on 127.0.0.1 alone, and without it there is no session whose
    media could be sent or received. It names itself as the STUN server, so that clients ask no public one. It does
    not outlive its owner, however that ends.

    Args:
        binary: The server to run.
        at: The address and key of one that has ended, to take its place: its clients then find their way back. None:
            a free port and a new key.
        settings: Entries of livekit-server's configuration besides ours, such as the `redis` that it shares with other
            nodes.

    Attributes:
        address: Where it answers, once it has started.
    """

    def __init__(
        self,
        binary: ServerBinary,
        *,
        at: ServerAddress | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.address = ServerAddress("", "", "")
        self._binary = binary
        self._at = at
        self._settings = settings or {}
        self._guard: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> ServerAddress:
        """Run the server and wait until it answers, about half a second.

        Raises:
            ServerError: It ended or did not answer in time; the message has the last lines of its log.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._start_once()
            except ServerError:
                in_use = "address already in use" in self.log_tail()
                self.stop()
                if not in_use or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End the server and everything it started. Idempotent."""
        guard, self._guard = self._guard, None
        if guard is not None:
            assert guard.stdin is not None
            guard.stdin.close()
            guard.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    def log_tail(self, lines: int = 8) -> str:
        """The last lines of its log."""
        if self._log is None:
            return ""
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), 16_384, max(0, size - 16_384)).decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> ServerAddress:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_once(self) -> ServerAddress:
        self.address = self._at or ServerAddress(
            f"ws://127.0.0.1:{_free_port(socket.SOCK_STREAM)}", f"API{secrets.token_hex(6)}", secrets.token_urlsafe(32)
        )
        http_port, udp_port = _port(self.address), _free_port(socket.SOCK_DGRAM)
        # A setting that the caller has for some other server must not reach this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")}
        for name in ("NODE_IP", "UDP_PORT"):
            environment.pop(name, None)
        # By environment rather than by argument: every user of the machine can read a process's arguments.
        environment["LIVEKIT_CONFIG"] = json.dumps(
            {**self._settings, **_configuration(self.address, http_port, udp_port)}
        )
        # A file rather than a pipe: nobody has to read it for the server to go on.
        self._log = tempfile.TemporaryFile(prefix="livekit-server-", suffix=".log")  # noqa: SIM115 - `stop` closes it
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD), str(self._binary.path)],
                stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True,
            )  # fmt: skip
            self._wait_until_ready()
        except ServerError:
            raise  # `start` reads the log before it stops us
        except BaseException:
            self.stop()
            raise
        return self.address

    def _wait_until_ready(self) -> None:
        assert self._guard is not None
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                # Only the server that was given this run's key says yes, so a stranger on our port is told apart.
                self.address.validate(timeout=2.0)
                return
            except ServerError as error:
                ended = self._guard.poll() is not None
                if ended or time.monotonic() > deadline:
                    what = f"ended with status {self._guard.returncode}" if ended else "does not answer"
                    raise ServerError(
                        f"The livekit-server at {self._binary.path} {what}:\n{self.log_tail()}\n"
                        "Mend what its log names, or remove that file to have another one built."
                    ) from error
            time.sleep(0.02)


def _configuration(address: ServerAddress, http_port: int, udp_port: int) -> dict[str, object]:
    """livekit-server's configuration (config-sample.yaml of v1.13.5). JSON is YAML."""
    return {
        "port": http_port,
        "bind_addresses": ["127.0.0.1"],
        "keys": {address.api_key: address.api_secret},
        "logging": {"level": "info"},
        "rtc": {
            "udp_port": udp_port,
            "tcp_port": 0,  # it would listen on every interface
            "node_ip": "127.0.0.1",
            "use_external_ip": False,
            # Browsers hide their own addresses and reach us on the loopback interface; LiveKit's native clients send
            # from the machine's other interfaces only. So media, not signalling, listens on those too.
            "enable_loopback_candidate": True,
            "stun_servers": [f"127.0.0.1:{udp_port}"],  # else clients are told to ask a public one
        },
    }


def _port(address: ServerAddress) -> int:
    port = urllib.parse.urlsplit(address.url).port
    assert port is not None, "a server of ours always has a port in its address"
    return port


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
