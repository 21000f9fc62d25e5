"""What a worker's avatars do, in the numbers that Prometheus collects. Whatever is timed is timed where it leaves.

Counts are read from the avatars when they are asked for, and of those that left their last word is kept: nothing is
counted twice, and nothing is lost when an avatar goes. All of it is in the memory of this process, which has all of the
worker's avatars. prometheus_client's own counters would keep theirs in files where PROMETHEUS_MULTIPROC_DIR is set,
together with those of other processes, and begin with what a process of the same number left in them.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ..playout.measures import Listener, Measure
from ..rtc.player import AvatarPlayer
from ..rtc.statistics import AvatarStatistics
from ..rtc.stepping import Step

PREFIX = "livekit_bithuman"
#: Upper bounds in seconds: a picture has 40 ms, and is late after that.
FRAME_BUCKETS = (0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032, 0.040, 0.080, 0.2, 1.0)
#: An avatar that joins finds everything cold: what it skips until then says nothing of the machine.
SETTLED_S = 2.0
JOIN_BUCKETS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
#: A viewer begins to notice at some tens of milliseconds.
OFFSET_BUCKETS = (0.001, 0.002, 0.005, 0.010, 0.020, 0.040, 0.080, 0.2, 1.0)
#: 0: a picture was a guess. Playout feeds the engine 0.3 s beyond what the source was given, which holds 0.2 s.
LOOKAHEAD_BUCKETS = (0.0, 0.040, 0.080, 0.120, 0.160, 0.2, 0.24, 0.28, 0.32, 0.6, 1.2)
SILENCE_BUCKETS = (0.005, 0.010, 0.015, 0.020, 0.030, 0.050, 0.1, 0.2, 0.5)
LATENCY_BUCKETS = (0.005, 0.010, 0.020, 0.030, 0.050, 0.1, 0.2, 0.5, 1.0)

_COUNTS = {
    "interruptions": "Times that a voice was stopped while something was pending.",
    "underruns": "Times that a voice ran dry inside an utterance.",
    "skipped_pictures": "Pictures that were overdue by more than a frame and were never drawn.",
    "engine_failures": "Times that an engine raised, stalled, or returned what it should not.",
    "steps_down": "Times that an avatar's pictures were made fewer or smaller because the machine was short of time.",
    "swaps": "Engines that took another's place because they were asked to.",
    "engine_restarts": "Engines made anew after a failure.",
}

_MEASURES = {
    Measure.AV_OFFSET: ("av_offset", OFFSET_BUCKETS),
    Measure.LOOKAHEAD: ("lookahead", LOOKAHEAD_BUCKETS),
    Measure.SILENCE: ("interrupt_to_silence", SILENCE_BUCKETS),
    Measure.PLAYBACK_LATENCY: ("playback_latency", LATENCY_BUCKETS),
}


class Distribution:
    """Figures by how large they are.

    Args:
        name: Of the metric.
        told: Its help text.
        bounds: Upper ones, that of the last bucket left out.
    """

    def __init__(self, name: str, told: str, bounds: tuple[float, ...]) -> None:
        self._name, self._told, self._bounds = name, told, bounds
        self._lock = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One more; from any thread."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def collect(self) -> Metric:
        """As Prometheus asks for it."""
        with self._lock:
            counts, total = list(accumulate(self._counts)), self._sum
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        family = HistogramMetricFamily(f"{PREFIX}_{self._name}", self._told)
        family.add_metric([], list(zip(bounds, map(float, counts), strict=True)), total)
        return family


@dataclass(eq=False)
class AvatarMeter(Listener):
    """Of one avatar.

    Attributes:
        frame_seconds: Takes what its pictures take.
        measures: Take what is measured where voice and pictures leave.
        player: Once it can speak.
        pictures: Drawn so far.
    """

    frame_seconds: Distribution
    measures: dict[Measure, Distribution]
    player: AvatarPlayer | None = None
    pictures: int = 0
    _begun: float = field(default_factory=lambda: time.monotonic())
    _cold: int = 0  # pictures that were skipped before it had settled

    def drew(self, seconds: float) -> None:
        """A picture was drawn; called in the engine's thread."""
        self.frame_seconds.observe(seconds)
        self.pictures += 1

    def measured(self, measure: Measure, seconds: float) -> None:
        """A figure of its voice or its pictures."""
        if measure in self.measures:
            self.measures[measure].observe(seconds)

    @property
    def fps(self) -> float | None:
        """Pictures handed to the room per second, lately; None while it has not settled."""
        return None if self.player is None or time.monotonic() < self._begun + SETTLED_S else self.player.fps

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since it began."""
        return AvatarStatistics() if self.player is None else self.player.statistics

    def skipped(self) -> int:
        """Pictures that were overdue and never drawn, since it settled; asked for often."""
        skipped = self.statistics.skipped_pictures
        if time.monotonic() < self._begun + SETTLED_S:
            self._cold = skipped
        return skipped - self._cold

    @property
    def queue_seconds(self) -> float:
        """Voice that was taken and not handed to the source."""
        return 0.0 if self.player is None else self.player.backlog / self.player.rate

    @property
    def step(self) -> Step:
        """What it gives up because the machine is short of time."""
        return Step.FULL if self.player is None else self.player.step

    @property
    def queue_pictures(self) -> int:
        """Pictures that are drawn and not due yet."""
        return 0 if self.player is None else self.player.waiting_pictures


class WorkerMeters(Collector):
    """Of one worker; a collector with a registry of its own.

    Args:
        load: Tells the load as LiveKit is told it.
        capacity: Avatars at once.
    """

    def __init__(self, load: Callable[[], float], capacity: int) -> None:
        self._load = load
        self._capacity = capacity
        self._lock = threading.Lock()  # avatars have threads of their own
        self._avatars: set[AvatarMeter] = set()
        self._past = dict.fromkeys((*_COUNTS, "pictures"), 0)  # counts of avatars that left
        self._past_skipped = 0  # of avatars that left, once they had settled
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._sessions = 0
        self._refusals: Counter[str] = Counter()
        self._frames = Distribution(
            "frame_seconds", "Time that an engine took to draw a picture, in its own thread, in seconds.", FRAME_BUCKETS
        )
        self._joins = Distribution(
            "join_seconds", "From a call being accepted to its avatar being published, in seconds.", JOIN_BUCKETS
        )
        self._measures = {
            measure: Distribution(f"{name}_seconds", f"At the worker, in seconds: {measure.value}.", buckets)
            for measure, (name, buckets) in _MEASURES.items()
        }

    def avatar(self) -> AvatarMeter:
        """Of an avatar that begins; `leave` ends it."""
        meter = AvatarMeter(self._frames, self._measures)
        with self._lock:
            self._avatars = {*self._avatars, meter}
        return meter

    def joined(self, seconds: float) -> None:
        """An avatar is published, so long after it was called."""
        with self._lock:
            self._sessions += 1
        self._joins.observe(seconds)

    def refused(self, reason: str) -> None:
        """A call was refused, for one of a few reasons."""
        with self._lock:
            self._refusals[reason] += 1

    def leave(self, meter: AvatarMeter) -> None:
        """An avatar has ended."""
        with self._lock:
            self._avatars = self._avatars - {meter}
            for name in _COUNTS:
                self._past[name] += getattr(meter.statistics, name)
            self._past["pictures"] += meter.pictures
            self._past_skipped += meter.skipped()
            meter.player = None

    @property
    def pictures(self) -> tuple[int, int]:
        """Drawn, and overdue and never drawn once their avatar had settled, of all avatars."""
        with self._lock:
            skipped = sum(avatar.skipped() for avatar in self._avatars)
            drawn = sum(avatar.pictures for avatar in self._avatars)
            return self._past["pictures"] + drawn, self._past_skipped + skipped

    @property
    def step(self) -> Step:
        """Of the avatar that gives up most because the machine is short of time."""
        with self._lock:
            return max((avatar.step for avatar in self._avatars), default=Step.FULL)

    def collect(self) -> Iterable[Metric]:
        """As Prometheus asks for it."""
        with self._lock:
            avatars, past = list(self._avatars), dict(self._past)
            sessions, refusals = self._sessions, dict(self._refusals)
            totals = {
                name: past[name] + sum(getattr(avatar.statistics, name) for avatar in avatars) for name in _COUNTS
            }
        yield _gauge("avatars", "Avatars in rooms.", len(avatars))
        yield _gauge("capacity", "Avatars that this worker serves at once.", self._capacity)
        yield _gauge("load", "As LiveKit is told; 0.7 is full.", self._load())
        rates = [avatar.fps for avatar in avatars if avatar.fps is not None]
        yield _gauge(
            "slowest_fps",
            "Pictures handed to the room per second, over two seconds, of the avatar that has fewest.",
            min(rates, default=0.0),
        )
        yield _gauge(
            "voice_queue_seconds",
            "Voice that was taken and not handed to an audio source, of all avatars, in seconds.",
            sum(avatar.queue_seconds for avatar in avatars),
        )
        yield _gauge(
            "picture_queue",
            "Pictures that are drawn and not due yet, of all avatars.",
            sum(avatar.queue_pictures for avatar in avatars),
        )
        yield _gauge(
            "step",
            "What is given up because the machine is short of time, by the avatar that gives up most: 0 nothing, "
            "1 half of the resting pictures, 2 and 3 size, 4 half of the speaking pictures as well.",
            max((avatar.step for avatar in avatars), default=Step.FULL),
        )
        yield _count("sessions", "Avatars that joined a room.", sessions)
        refused = CounterMetricFamily(f"{PREFIX}_refused_calls", "Calls that were refused.", labels=["reason"])
        for reason, count in refusals.items():
            refused.add_metric([reason], count)
        yield refused
        yield _count("pictures", "Pictures drawn.", past["pictures"] + sum(avatar.pictures for avatar in avatars))
        for name, told in _COUNTS.items():
            yield _count(name, told, totals[name])
        for distribution in (self._frames, self._joins, *self._measures.values()):
            yield distribution.collect()


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", told, value=value)


def _count(name: str, told: str, value: float) -> Metric:
    return CounterMetricFamily(f"{PREFIX}_{name}", told, value=value)
