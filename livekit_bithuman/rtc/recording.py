"""Writes a trace to a file without ever making the agent wait."""

from __future__ import annotations

import logging
import os
import queue
import threading
from pathlib import Path

from ..errors import TraceError

logger = logging.getLogger("livekit_bithuman")

#: Lines that may wait for the disk: some minutes of speech. A disk that is further behind is not going to catch up.
MOST_WAITING = 20_000
#: As much as is written: days without the voice, hours of speech with it.
MOST_BYTES = 1_000_000_000
CLOSE_TIMEOUT_S = 2.0


class TraceFile:
    """A file of lines with a thread of its own. Whatever the disk does, `write` returns at once.

    Args:
        path: What is there already is replaced.

    Raises:
        TraceError: It cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        try:
            # closed by the thread
            self._file = self._path.open("w", encoding="utf-8")
        except OSError as error:
            raise TraceError(f"The session cannot be recorded in {self._path}: {error.strerror}.") from error
        self._lines: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._bytes = 0  # accepted so far
        self._given_up = False
        self._thread = threading.Thread(target=self._work, name="avatar-recording", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Append a line, or drop it if the recording was given up."""
        if self._given_up:
            return
        self._bytes += len(line) + 1  # a line is ASCII
        if self._bytes > MOST_BYTES:
            self._give_up(f"it has {MOST_BYTES:,} bytes, which is enough")
            return
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._give_up("the disk is too slow")

    def close(self) -> None:
        """Write what waits, for two seconds at most. Idempotent."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            self._give_up("the disk is too slow")
        self._thread.join(CLOSE_TIMEOUT_S)

    def _work(self) -> None:
        try:
            with self._file as file:
                while (line := self._lines.get()) is not None and not self._given_up:
                    file.write(line + "\n")
                    if self._lines.empty():
                        file.flush()  # a process that is killed leaves a trace up to here
        except (OSError, ValueError) as error:
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        if not self._given_up:
            self._given_up = True
            logger.warning("the session is not recorded any further in %s: %s; the agent goes on", self._path, why)
