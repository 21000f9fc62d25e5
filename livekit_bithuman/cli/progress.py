"""One line that says what is being done and for how long, so that nothing looks stuck."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from shutil import get_terminal_size
from types import TracebackType
from typing import TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
_QUIET_S = 1.0  # what is done by then is not worth a line
_TICK_S = 0.1
_PLAIN_INTERVAL_S = 10.0


class Progress:
    """A spinner with the elapsed time on a terminal, a line every ten seconds elsewhere. A context manager.

    Args:
        title: What is being done, until `update` says it better.
        stream: Where to write; standard error, so that standard output stays clean.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._text = title
        self._stream = sys.stderr if stream is None else stream
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def update(self, text: str) -> None:
        """Say what is being done now. Any thread may call it, as often as it likes."""
        self._text = text

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _draw(self) -> None:
        start = time.monotonic()
        if self._ended.wait(_QUIET_S):
            return
        if self._stream.isatty():
            self._draw_spinner(start)
        else:
            self._draw_lines(start)

    def _draw_spinner(self, start: float) -> None:
        encoding = (self._stream.encoding or "ascii").lower()
        for frame in itertools.cycle(_FRAMES if encoding.startswith("utf") else _ASCII_FRAMES):
            line = f"{frame} {_clock(time.monotonic() - start)}  {self._text}"
            columns = get_terminal_size().columns
            self._write(f"\r\x1b[2K{line[: columns - 1]}")
            if self._ended.wait(_TICK_S):
                break
        self._write("\r\x1b[2K")

    def _draw_lines(self, start: float) -> None:
        while True:
            self._write(f"[{_clock(time.monotonic() - start)}] {self._text}\n")
            if self._ended.wait(_PLAIN_INTERVAL_S):
                break

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone: the work goes on without its progress
            self._ended.set()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
