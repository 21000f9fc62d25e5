"""Two livekit-server nodes over a Redis, with a load balancer in front: a deployment of several machines, on this one.

Each part is a real process (the balancer is a thread), and each can be killed and run again where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from urllib.parse import urlsplit

from livekit_bithuman.server import ServerAddress, ServerBinary, ServerProcess

START_TIMEOUT_S = 30.0
#: Where livekit-server notes which node has a room.
ROOMS_KEY = "room_node_map"


class Redis:
    """A redis-server of our own, on a free port of the loopback interface, which keeps all that it was told.

    One that came back empty would not know which node has a room: whoever joined then could find another room of the
    same name on another node.

    Args:
        program: Its path.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self.port = free_port()

    def start(self) -> None:
        """Run it, at the port it has, and wait until it answers."""
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": self._folder.name,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [self._program, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError):
                if self.ask("PING") == "PONG":
                    return
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """By SIGKILL. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def forget(self) -> None:
        """Remove what it wrote; it must have ended."""
        self._folder.cleanup()

    def ask(self, *command: str) -> str:
        """The answer to a command, if it is a short string; "" if there is none."""
        request = f"*{len(command)}\r\n" + "".join(f"${len(part.encode())}\r\n{part}\r\n" for part in command)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(request.encode())
            with connection.makefile("rb") as answer:
                kind = answer.readline().decode().rstrip()
                if kind.startswith("$"):
                    return "" if kind == "$-1" else answer.readline().decode().rstrip()
                return kind[1:]


class Balancer:
    """Passes connections on to the first of some servers that takes them. Use as a context manager.

    It runs in a thread of its own, so it serves whatever else its owner does.

    Args:
        ports: Of the servers, on this machine; the first are preferred.

    Attributes:
        port: Its own.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="balancer", daemon=True)
        self._passing: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Balancer:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._pass(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in self._ports:
            try:
                there, back = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue  # it is down: to the next
            ways = [asyncio.ensure_future(_copy(reader, back)), asyncio.ensure_future(_copy(there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                back.close()
            break
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


class Node:
    """One livekit-server of several that share a Redis and a key.

    Args:
        binary: The server to run.
        redis: Shared.
        key: (key, secret) that they share.
        settings: Of livekit-server, besides.
    """

    def __init__(
        self, binary: ServerBinary, redis: Redis, key: tuple[str, str], settings: Mapping[str, object]
    ) -> None:
        self._binary = binary
        self._settings = {**settings, "redis": {"address": f"127.0.0.1:{redis.port}"}}
        self._process: ServerProcess | None = None
        self.address = ServerAddress(f"ws://127.0.0.1:{free_port()}", *key)
        self.id = ""  # as Redis knows it; another one with each start

    @property
    def port(self) -> int:
        """Of its signalling."""
        port = urlsplit(self.address.url).port
        assert port is not None
        return port

    def start(self) -> None:
        """Run it, at the address it has, and wait until it answers."""
        self._process = ServerProcess(self._binary, at=self.address, settings=self._settings)
        self._process.start()
        named = re.search(r'"nodeID": "(\w+)"', self._process.log_tail(200))
        assert named is not None, self._process.log_tail(200)
        self.id = named[1]

    def kill(self) -> None:
        """By SIGKILL: nobody is told. Idempotent."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def log_tail(self, lines: int) -> str:
        """The last lines of its log."""
        return self._process.log_tail(lines) if self._process is not None else ""


class Cluster:
    """Redis, two nodes and a balancer. Use as a context manager; everything is killed at its end.

    Args:
        binary: Of the nodes.
        redis_program: Its path.
        retry_timeout: So long, as livekit-server writes times, a node tries to reach another one by Redis before it
            takes a client's connection for lost; its own default is 7.5 s.

    Attributes:
        redis: What the nodes share.
        nodes: Two.
        address: Of the balancer, with the nodes' key.
    """

    def __init__(self, binary: ServerBinary, redis_program: str, *, retry_timeout: str = "10m") -> None:
        settings = {"signal_relay": {"retry_timeout": retry_timeout}}
        key = f"API{secrets.token_hex(6)}", secrets.token_urlsafe(32)
        self.redis = Redis(redis_program)
        self.nodes = [Node(binary, self.redis, key, settings) for _ in range(2)]
        self._balancer = Balancer([node.port for node in self.nodes])
        self.address = ServerAddress("", *key)

    def __enter__(self) -> Cluster:
        try:
            self.redis.start()
            for node in self.nodes:
                node.start()
            self._balancer.__enter__()
        except BaseException:
            self._kill()
            raise
        self.address = replace(self.address, url=f"ws://127.0.0.1:{self._balancer.port}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._balancer.__exit__(kind, error, trace)
        self._kill()

    def _kill(self) -> None:
        for node in self.nodes:
            node.kill()
        self.redis.kill()
        self.redis.forget()

    def place(self, room: str, node: Node) -> None:
        """Let a node have a room, which nobody has been in yet."""
        self.redis.ask("HSET", ROOMS_KEY, room, node.id)

    def host_of(self, room: str) -> Node:
        """The node that has a room."""
        wanted = self.redis.ask("HGET", ROOMS_KEY, room)
        return next(node for node in self.nodes if node.id == wanted)


def find_redis() -> str | None:
    """The redis-server on PATH; None if there is none."""
    return shutil.which("redis-server", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
