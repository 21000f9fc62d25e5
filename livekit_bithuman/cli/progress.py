"""Says what is being done, for how long and how far it is, so that nothing looks stuck."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

_QUIET_S = 1.0  # what is done by then is not worth a line
_TICK_S = 0.1
_PLAIN_INTERVAL_S = 10.0


class Progress:
    """A line that moves on a terminal, a new line every ten seconds elsewhere. A context manager.

    Args:
        title: What is being done, until `update` says it better.
        stream: Where to write; standard error, so that standard output stays clean.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._now: tuple[str, float | None] = (title, None)  # what is done, and how much of it
        self._stream = sys.stderr if stream is None else stream
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)

    def update(self, text: str, share: float | None = None) -> None:
        """Say what is being done now. Any thread may call it, as often as it likes.

        Args:
            text: One line.
            share: How much of it is done, 0..1; None: nobody knows.
        """
        self._now = text, share

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
        try:
            if self._stream.isatty():
                self._draw_bar(start)
            else:
                self._draw_lines(start)
        except (OSError, ValueError):
            pass  # the terminal is gone: the work goes on without its progress

    def _draw_bar(self, start: float) -> None:
        from rich import progress
        from rich.console import Console

        unicode = (self._stream.encoding or "ascii").lower().startswith("utf")
        display = progress.Progress(
            progress.SpinnerColumn("dots" if unicode else "line"),
            progress.TextColumn("{task.fields[clock]}  {task.description}", markup=False),
            console=Console(file=self._stream, highlight=False),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what is printed meanwhile goes above the line; into a file, as it is
        )
        columns = display.columns
        bar = (progress.BarColumn(30), progress.TaskProgressColumn(), progress.TimeRemainingColumn())
        with display:
            task = display.add_task(self._now[0], total=1.0, clock=_clock(time.monotonic() - start))
            while True:
                text, share = self._now
                display.columns = columns if share is None else (*columns, *bar)
                clock = _clock(time.monotonic() - start)
                display.update(task, description=text, completed=share or 0.0, clock=clock)
                if self._ended.wait(_TICK_S):
                    break

    def _draw_lines(self, start: float) -> None:
        while True:
            text, share = self._now
            percent = "" if share is None else f"{share:.0%} "
            self._stream.write(f"[{_clock(time.monotonic() - start)}] {percent}{text}\n")
            self._stream.flush()
            if self._ended.wait(_PLAIN_INTERVAL_S):
                break


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
