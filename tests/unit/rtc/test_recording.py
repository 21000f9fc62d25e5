"""A recording never makes the agent wait, and a broken disk never stops it."""

from __future__ import annotations

import io
import logging
import threading
from pathlib import Path

import pytest

from livekit_bithuman.errors import TraceError
from livekit_bithuman.rtc import recording
from livekit_bithuman.rtc.recording import TraceFile


def test_lines_are_written_in_order_and_closing_twice_is_once(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "session.jsonl")
    for number in range(1000):
        file.write(str(number))
    file.close()
    file.close()
    assert (tmp_path / "session.jsonl").read_text().split() == [str(number) for number in range(1000)]


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be recorded"):
        TraceFile(tmp_path / "missing" / "session.jsonl")


def test_a_file_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "MOST_BYTES", 100)
    file = TraceFile(tmp_path / "session.jsonl")
    for _ in range(50):
        file.write("nine chrs")
    file.close()
    assert (tmp_path / "session.jsonl").stat().st_size <= 100
    (record,) = caplog.records
    assert "it has 100 bytes" in record.getMessage()


class Disk(io.StringIO):
    """A file whose writes wait for a key, and then fail if they should."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.key = threading.Event()
        self._fails = fails

    def write(self, text: str) -> int:
        self.key.wait(30)
        if self._fails:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_full_disk_is_said_once_and_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(fails=True)
    disk.key.set()
    monkeypatch.setattr(Path, "open", lambda *_, **__: disk)
    file = TraceFile(tmp_path / "session.jsonl")
    file.write("one")
    file._thread.join(30)
    for _ in range(10):
        file.write("more")
    file.close()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "No space left" in warnings[0].getMessage()


def test_a_disk_that_hangs_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(fails=False)
    monkeypatch.setattr(Path, "open", lambda *_, **__: disk)
    monkeypatch.setattr(recording, "MOST_WAITING", 5)
    monkeypatch.setattr(recording, "CLOSE_TIMEOUT_S", 0.01)
    file = TraceFile(tmp_path / "session.jsonl")
    for number in range(100):
        file.write(str(number))
    file.close()
    assert "too slow" in caplog.text
    disk.key.set()
    file._thread.join(30)
    assert not file._thread.is_alive()
