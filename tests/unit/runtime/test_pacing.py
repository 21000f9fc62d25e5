"""The frame schedule, to the microsecond, without a clock."""

from __future__ import annotations

import pytest

from livekit_bithuman.runtime.pacing import FramePacer

MS = 0.001


@pytest.fixture
def pacer() -> FramePacer:
    """25 frames a second from t = 100 s, two of them may be due at once."""
    pacer = FramePacer(25, backlog=2)
    pacer.resume(100.0)
    return pacer


def test_frames_are_due_every_40_ms_without_drift(pacer: FramePacer) -> None:
    for k in range(10_000):
        now = 100.0 + k / 25
        assert pacer.wait(now) == pytest.approx(0, abs=1e-6)
        pacer.left(now + 3 * MS * (k > 0))  # a late leave does not move the schedule
    assert pacer.wait(100.0 + 10_000 / 25 - 10 * MS) == pytest.approx(10 * MS)


def test_a_late_reader_finds_the_backlog_due_and_the_schedule_moved(pacer: FramePacer) -> None:
    pacer.left(100.0)
    now = 100.0 + 11 * 40 * MS  # ten periods late
    pacer.left(now)
    assert pacer.wait(now) == 0.0
    pacer.left(now)
    assert pacer.wait(now) == pytest.approx(0, abs=1e-6)
    pacer.left(now)
    assert pacer.wait(now) == pytest.approx(40 * MS)


def test_without_a_bound_every_late_frame_is_due() -> None:
    pacer = FramePacer(25, backlog=0)
    pacer.resume(0.0)
    pacer.left(0.0)
    for _ in range(25):
        assert pacer.wait(1.0) == 0.0
        pacer.left(1.0)
    assert pacer.wait(1.0) == pytest.approx(40 * MS)


def test_overdue_fillers_are_dropped(pacer: FramePacer) -> None:
    pacer.filler_left(100.0)
    now = 100.0 + 10 * 40 * MS + 5 * MS
    pacer.filler_left(now)
    assert pacer.wait(now) == pytest.approx(35 * MS)


def test_a_reader_that_returns_at_once_keeps_the_schedule(pacer: FramePacer) -> None:
    pacer.left(100.0)
    pacer.resume(100.0 + 10 * MS)
    assert pacer.wait(100.0 + 10 * MS) == pytest.approx(30 * MS)


def test_a_reader_that_returns_late_starts_a_new_schedule(pacer: FramePacer) -> None:
    pacer.left(100.0)
    pacer.resume(107.0)
    assert pacer.wait(107.0) == 0.0
    pacer.left(107.0)
    assert pacer.wait(107.0) == pytest.approx(40 * MS)


def test_a_schedule_counts_from_when_its_first_frame_left(pacer: FramePacer) -> None:
    pacer.left(100.0 + 25 * MS)
    assert pacer.wait(100.0 + 25 * MS) == pytest.approx(40 * MS)
