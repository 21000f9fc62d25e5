"""What is measured of voice and pictures, against a model of the source that knows nothing of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from livekit_bithuman.playout import TICK_S, PictureDue
from livekit_bithuman.playout.events import Event
from livekit_bithuman.playout.measures import RATE_WINDOW_S, Listener, Measure, Measures, Reply
from livekit_bithuman.testing import MarkerEngine

from .sim import RATE, Sim, ramp

MS = RATE // 1000  # samples


@dataclass
class Heard(Listener):
    """What a listener was told."""

    figures: list[tuple[Measure, float]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def measured(self, measure: Measure, seconds: float) -> None:
        self.figures.append((measure, seconds))

    def started(self, reply: Reply) -> None:
        self.begun.append(reply.segment)

    def ended(self, reply: Reply) -> None:
        self.replies.append(reply)

    def of(self, measure: Measure) -> list[float]:
        return [seconds for each, seconds in self.figures if each is measure]


class Measured(Sim):
    """A simulation whose playout is measured as a player measures it; pictures take no time and leave when due."""

    late: float = 0.0  # by so much pictures leave after they are due

    def __post_init__(self) -> None:
        super().__post_init__()
        self.measures = Measures()
        self.heard = Heard()
        self.measures.listeners.append(self.heard)
        self._pictures_seen = 0
        self._events_seen = 0

    def capture(self, samples: object) -> None:
        newest = self.playout.newest
        self.playout.capture(samples)  # type: ignore[arg-type]
        if self.playout.newest != newest:
            self.measures.opened(self.playout.newest, self.now)
        self._settle()

    def clear(self) -> None:
        asked = self.now
        self.playout.clear(self.now)
        self.measures.stopped(asked, self.playout.silent_at)
        self._settle()

    def pause(self) -> None:
        asked = self.now
        self.playout.pause(self.now)
        self.measures.stopped(asked, self.playout.silent_at)
        self._settle()

    def _settle(self) -> None:
        super()._settle()
        new: list[tuple[float, Event]] = self.events[self._events_seen :]
        self._events_seen += len(new)
        for at, event in new:
            self.measures.happened(event, at, self.playout.skipped, self.playout.underruns)
        pictures: list[PictureDue] = self.pictures[self._pictures_seen :]
        self._pictures_seen += len(pictures)
        for picture in pictures:
            self.measures.drew(picture, 0.004, self.playout.lookahead_s if picture.segment is not None else None)
            self.measures.shown(picture, picture.due + self.late)


def test_a_reply_is_told_once_with_what_left() -> None:
    sim = Measured()
    sim.run(1.0)
    asked = sim.now
    sim.say(ramp(1000 * MS))
    sim.run(2.0)
    (reply,) = sim.heard.replies
    assert (reply.segment, reply.position, reply.interrupted) == (0, 1000 * MS, False)
    assert reply.opened_at == asked
    assert reply.started_at == pytest.approx(sim.left[0][0])
    assert sim.heard.of(Measure.PLAYBACK_LATENCY) == [pytest.approx(sim.left[0][0] - asked)]
    assert reply.silence_s is None
    assert 23 <= reply.pictures <= 25, "the last one follows its voice"
    assert reply.fps == pytest.approx(25, abs=0.3)
    assert reply.spread(Measure.FRAME_TIME).mean == pytest.approx(0.004)
    assert reply.spread(Measure.AV_OFFSET).most == pytest.approx(0.0, abs=1e-9)
    assert sim.heard.begun == [0]


def test_silence_is_when_the_source_has_sent_the_last_old_block() -> None:
    sim = Measured()
    sim.say(ramp(3000 * MS))
    sim.run(0.777)
    asked = sim.now
    sim.clear()
    sim.run(0.5)
    last = sim.left[-1][0] + TICK_S
    (reply,) = sim.heard.replies
    assert reply.interrupted
    assert reply.silence_s == pytest.approx(last - asked, abs=1e-6)
    assert sim.heard.of(Measure.SILENCE) == [reply.silence_s]


def test_a_stop_that_nobody_can_hear_is_not_measured() -> None:
    sim = Measured()
    sim.run(0.5)
    sim.clear()
    sim.say(ramp(100 * MS))
    sim.run(1.0)
    sim.clear()
    assert not sim.heard.of(Measure.SILENCE)


def test_a_pause_does_not_lower_the_rate_of_pictures() -> None:
    sim = Measured()
    sim.say(ramp(1000 * MS))
    sim.run(0.5)
    sim.pause()
    sim.run(3.0)
    sim.resume()
    sim.run(2.0)
    (reply,) = sim.heard.replies
    assert reply.fps == pytest.approx(25, abs=1.5)
    assert reply.position == 1000 * MS
    assert len(sim.heard.of(Measure.SILENCE)) == 1


def test_look_ahead_is_what_the_engine_has_ready_while_it_is_given_voice() -> None:
    sim = Measured(engine=MarkerEngine((16, 16)))
    for _ in range(20):  # twice as fast as it is heard
        sim.capture(ramp(80 * MS))
        sim.run(0.040)
    ahead = sim.heard.of(Measure.LOOKAHEAD)
    assert max(ahead) == pytest.approx(0.3 + sim.options.depth_s, abs=0.1)
    assert min(ahead) >= 0
    count = len(ahead)
    sim.flush()
    sim.run(2.0)
    assert len(sim.heard.of(Measure.LOOKAHEAD)) <= count + 10, "with all voice there it has all that it needs"


def test_late_pictures_are_an_offset() -> None:
    sim = Measured()
    sim.late = 0.012
    sim.say(ramp(400 * MS))
    sim.run(1.0)
    assert sim.heard.replies[0].spread(Measure.AV_OFFSET).mean == pytest.approx(0.012)


def test_skipped_pictures_and_underruns_are_those_of_the_reply() -> None:
    sim = Measured()
    sim.say(ramp(500 * MS))
    sim.run(0.2)
    sim.stall(0.2)
    sim.run(1.0)
    sim.capture(ramp(100 * MS))
    sim.run(0.5)  # runs dry
    sim.say(ramp(100 * MS))
    sim.run(1.0)
    first, second = sim.heard.replies
    assert first.skipped == sim.playout.skipped > 0
    assert (first.underruns, second.underruns, second.skipped) == (0, 1, 0)


def test_a_rate_falls_when_no_picture_comes_any_more() -> None:
    sim = Measured()
    sim.run(3.0)
    assert sim.measures.fps(sim.now) == pytest.approx(25, abs=1)
    assert sim.measures.fps(sim.now + RATE_WINDOW_S / 2) == pytest.approx(12.5, abs=1)
    assert sim.measures.fps(sim.now + 10) == 0


def test_what_a_listener_raises_costs_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Listener):
        def ended(self, reply: Reply) -> None:
            raise RuntimeError("no")

    sim = Measured()
    sim.measures.listeners.insert(0, Broken())
    sim.say(ramp(200 * MS))
    sim.run(1.0)
    assert len(sim.heard.replies) == 1
    assert "a listener of the avatar's measures raised" in caplog.text
