"""A way to a server that can be cut: clients connect here, and lose their connections when it is asked for."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class Relay:
    """Passes TCP connections on, as an async context manager.

    Args:
        host: Of the server.
        port: Of the server.

    Attributes:
        port: Clients connect to it, at 127.0.0.1; once it is entered.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()  # of both sides
        self._passing: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    async def __aenter__(self) -> Relay:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listening is not None
        self._listening.close()
        self.cut()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def cut(self) -> int:
        """Reset all connections; how many of clients there were. New ones are passed on."""
        count = len(self._writers) // 2
        for writer in self._writers:
            writer.transport.abort()
        return count

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            to_reader, to_writer = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, to_writer}
            try:
                await asyncio.gather(_pass(reader, to_writer), _pass(to_reader, writer))
            finally:
                self._writers -= {writer, to_writer}
                for each in (writer, to_writer):
                    each.transport.abort()
        except OSError:
            writer.transport.abort()
        finally:
            self._passing.discard(task)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, to the end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
