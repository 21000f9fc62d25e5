"""A worker's numbers: those of avatars that are there, and of those that left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram, Metric, generate_latest
from prometheus_client.registry import Collector

from livekit_bithuman.engine.protocol import Engine
from livekit_bithuman.engine.timed import TimedEngine
from livekit_bithuman.fleet.meters import SETTLED_S, Distribution, WorkerMeters
from livekit_bithuman.playout.measures import Measure
from livekit_bithuman.rtc.statistics import AvatarStatistics
from livekit_bithuman.rtc.stepping import Step
from livekit_bithuman.testing import MarkerEngine, StillMotion


@dataclass
class Player:
    statistics: AvatarStatistics
    backlog: int = 0
    rate: int = 24_000
    waiting_pictures: int = 3
    fps: float = 25.0
    step: Step = Step.FULL


def told(meters: WorkerMeters) -> dict[str, float]:
    lines = generate_latest(meters.registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_counts_of_an_avatar_that_left_stay() -> None:
    meters = WorkerMeters(lambda: 0.35, 2)
    player: Any = Player(AvatarStatistics(interruptions=3, underruns=1), backlog=12_000)
    meter = meters.avatar()
    meter.player = player
    meters.joined(0.7)
    meters.refused("capacity")
    there = told(meters)
    assert there["livekit_bithuman_avatars"] == 1
    assert there["livekit_bithuman_capacity"] == 2
    assert there["livekit_bithuman_load"] == 0.35
    assert there["livekit_bithuman_voice_queue_seconds"] == 0.5
    assert there["livekit_bithuman_picture_queue"] == 3
    assert there["livekit_bithuman_sessions_total"] == 1
    assert there['livekit_bithuman_refused_calls_total{reason="capacity"}'] == 1
    assert there['livekit_bithuman_join_seconds_bucket{le="0.8"}'] == 1

    meters.leave(meter)
    another = meters.avatar()
    another.player = Player(AvatarStatistics(interruptions=2))  # type: ignore[assignment]
    then = told(meters)
    assert then["livekit_bithuman_interruptions_total"] == 5
    assert then["livekit_bithuman_underruns_total"] == 1
    assert then["livekit_bithuman_avatars"] == 1
    assert then["livekit_bithuman_voice_queue_seconds"] == 0


def test_what_an_avatar_skips_while_it_joins_says_nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    meters = WorkerMeters(lambda: 0.0, 2)
    meter = meters.avatar()
    for at, skipped, counted in ((100.5, 12, 0), (101.9, 15, 0), (103.0, 15, 0), (104.0, 18, 3)):
        now = at
        meter.player = Player(AvatarStatistics(skipped_pictures=skipped))  # type: ignore[assignment]
        assert meters.pictures == (0, counted)
    meters.leave(meter)
    assert meters.pictures == (0, 3)
    assert told(meters)["livekit_bithuman_skipped_pictures_total"] == 18


def test_the_slowest_avatar_is_one_that_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    meters = WorkerMeters(lambda: 0.0, 2)
    first, second = meters.avatar(), meters.avatar()
    first.player = Player(AvatarStatistics(), fps=24.5)  # type: ignore[assignment]
    assert told(meters)["livekit_bithuman_slowest_fps"] == 0
    now += SETTLED_S
    assert told(meters)["livekit_bithuman_slowest_fps"] == 24.5, "the other cannot speak yet"
    second.player = Player(AvatarStatistics(), fps=0.0)  # type: ignore[assignment]
    assert told(meters)["livekit_bithuman_slowest_fps"] == 0, "one that shows nothing is seen"


def test_the_avatar_that_gives_up_most_is_told() -> None:
    meters = WorkerMeters(lambda: 0.0, 2)
    assert told(meters)["livekit_bithuman_step"] == meters.step == 0
    for step in (Step.CALM, Step.SMALLER):
        meters.avatar().player = Player(AvatarStatistics(steps_down=int(step)), step=step)  # type: ignore[assignment]
    assert told(meters)["livekit_bithuman_step"] == meters.step == 3
    assert told(meters)["livekit_bithuman_steps_down_total"] == 4


def test_what_leaves_an_avatar_is_told_by_size() -> None:
    meters = WorkerMeters(lambda: 0.0, 2)
    meter = meters.avatar()
    for seconds in (0.0005, 0.030, 5.0):
        meter.measured(Measure.AV_OFFSET, seconds)
    meter.measured(Measure.LOOKAHEAD, 0.0)
    meter.measured(Measure.SILENCE, 0.012)
    meters.leave(meter)
    there = told(meters)
    assert there['livekit_bithuman_av_offset_seconds_bucket{le="0.001"}'] == 1
    assert there['livekit_bithuman_av_offset_seconds_bucket{le="0.04"}'] == 2
    assert there['livekit_bithuman_av_offset_seconds_bucket{le="+Inf"}'] == 3
    assert there["livekit_bithuman_av_offset_seconds_sum"] == pytest.approx(5.0305)
    assert there['livekit_bithuman_lookahead_seconds_bucket{le="0.0"}'] == 1
    assert there["livekit_bithuman_interrupt_to_silence_seconds_count"] == 1


def test_every_metric_says_what_it_is() -> None:
    text = generate_latest(WorkerMeters(lambda: 0.0, 1).registry).decode()
    told = dict(line[len("# HELP ") :].split(" ", 1) for line in text.splitlines() if line.startswith("# HELP"))
    assert len(told) > 20
    assert all(help.endswith(".") or "0.7 is full" in help for help in told.values())
    assert all("in seconds" in help for name, help in told.items() if name.endswith("_seconds"))


def test_numbers_are_not_those_of_other_processes(tmp_path: Path) -> None:
    program = """
from prometheus_client import generate_latest
from livekit_bithuman.fleet.meters import WorkerMeters
meters = WorkerMeters(lambda: 0.0, 1)
meters.avatar().drew(0.01)
meters.joined(0.5)
meters.refused("capacity")
print(generate_latest(meters.registry).decode())
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):  # the second has a directory with what the first may have left
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert "livekit_bithuman_sessions_total 1.0" in run.stdout
        assert "livekit_bithuman_frame_seconds_count 1.0" in run.stdout
        assert 'livekit_bithuman_refused_calls_total{reason="capacity"} 1.0' in run.stdout
    assert not [file.name for file in tmp_path.iterdir() if b"livekit_bithuman" in file.read_bytes()]


def test_a_distribution_counts_as_prometheus_own_does() -> None:
    ours, bounds = CollectorRegistry(), (0.0, 0.01, 0.5)
    theirs = CollectorRegistry()
    distribution, histogram = (
        Distribution("x", "X.", bounds),
        Histogram("livekit_bithuman_x", "X.", buckets=bounds, registry=theirs),
    )
    for value in (-1.0, 0.0, 0.005, 0.01, 0.0100001, 0.5, 7.0):
        distribution.observe(value)
        histogram.observe(value)

    class Only(Collector):
        def collect(self) -> list[Metric]:
            return [distribution.collect()]

    ours.register(Only())
    lines = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert sorted(generate_latest(ours).decode().splitlines()) == sorted(lines)


def test_pictures_are_counted_and_timed() -> None:
    meters = WorkerMeters(lambda: 0.0, 1)
    meter = meters.avatar()
    engine = TimedEngine(MarkerEngine((64, 48)), meter.drew)
    assert isinstance(engine, Engine)
    for tick in range(5):
        engine.draw(None, StillMotion().at(tick))
    assert told(meters)["livekit_bithuman_pictures_total"] == 5
    assert told(meters)["livekit_bithuman_frame_seconds_count"] == 5
    assert meters.pictures == (5, 0)
    meters.leave(meter)
    assert told(meters)["livekit_bithuman_pictures_total"] == 5
