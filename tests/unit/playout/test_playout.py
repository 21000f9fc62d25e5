"""Playout on virtual time: what leaves, when it leaves, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.errors import EngineError
from livekit_bithuman.playout import TICK_S, EngineFailed, PlayoutOptions, Stop
from livekit_bithuman.testing import MarkerEngine

from . import engines
from .sim import BLOCK, PLAIN, RATE, Sim, ramp

MS = RATE // 1000  # samples


def test_a_segment_is_spoken_whole_and_reported_once() -> None:
    sim = Sim()
    voice = ramp(1000 * MS)
    sim.say(voice)
    sim.run(2.0)
    assert np.array_equal(sim.spoken(), voice)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(len(voice), False)]
    assert len(sim.started()) == 1
    assert [(e.offset, e.count) for e in sim.progressed()] == [(0, len(voice))]


def test_started_and_finished_are_dated_by_the_source() -> None:
    sim = Sim()
    sim.run(0.5)
    sim.say(ramp(400 * MS))
    sim.run(1.0)
    first, last = sim.left[0][0], sim.left[-1][0]
    assert sim.started()[0].at == pytest.approx(first, abs=1e-9)
    reported = next(at for at, event in sim.events if event in sim.finished())
    assert reported == pytest.approx(last + TICK_S, abs=1e-3)


def test_the_first_sample_leaves_at_the_next_tick() -> None:
    sim = Sim()
    sim.run(0.5005)
    asked = sim.now
    sim.say(ramp(100 * MS))
    sim.run(0.5)
    assert sim.left[0][0] - asked <= TICK_S + 0.0015


def test_a_clear_stops_at_the_tick_and_reports_what_left() -> None:
    sim = Sim()
    voice = ramp(2000 * MS)
    sim.say(voice)
    sim.run(0.777)
    heard = sim.spoken()
    sim.clear()
    sim.run(1.0)
    assert np.array_equal(sim.spoken(), heard)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(len(heard), True)]
    assert np.array_equal(voice[: len(heard)], heard)


def test_a_clear_takes_effect_within_the_call() -> None:
    sim = Sim()
    sim.say(ramp(2000 * MS))
    sim.run(0.3)
    assert sim.queue
    sim.clear()
    assert not sim.queue
    assert sim.finished()


def test_what_was_heard_so_far_is_what_left() -> None:
    sim = Sim()
    assert sim.playout.heard(sim.now) is None
    sim.say(ramp(2000 * MS))
    assert sim.playout.heard(sim.now) == 0
    for _ in range(5):
        sim.run(0.123)
        assert sim.playout.heard(sim.now) == len(sim.spoken())
    sim.clear()
    assert sim.playout.heard(sim.now) is None


def test_clearing_twice_reports_once_and_clearing_nothing_reports_nothing() -> None:
    sim = Sim()
    sim.clear()
    assert not sim.events
    sim.say(ramp(500 * MS))
    sim.run(0.1)
    sim.clear()
    sim.clear()
    sim.run(1.0)
    assert len(sim.finished()) == 1


def test_capture_flush_and_clear_in_one_step_report_one_interrupted_segment() -> None:
    sim = Sim()
    sim.playout.capture(ramp(500 * MS))
    sim.playout.flush()
    sim.clear()
    sim.run(1.0)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(0, True)]
    assert not sim.started()
    assert not len(sim.spoken())


def test_samples_of_a_cleared_segment_that_come_late_belong_nowhere() -> None:
    sim = Sim()
    sim.capture(ramp(300 * MS))
    sim.run(0.1)
    sim.clear()
    heard = sim.spoken()
    sim.capture(ramp(300 * MS))
    sim.flush()
    sim.run(0.5)
    assert np.array_equal(sim.spoken(), heard)
    assert len(sim.finished()) == 1
    answer = ramp(200 * MS, first=20_000)
    sim.say(answer)
    sim.run(0.5)
    assert np.array_equal(sim.spoken()[len(heard) :], answer)
    assert [(e.position, e.interrupted) for e in sim.finished()[1:]] == [(len(answer), False)]
    assert len(sim.started()) == 2


def test_finished_waits_for_the_flush() -> None:
    sim = Sim()
    sim.capture(ramp(200 * MS))
    sim.run(2.0)
    assert sim.started()
    assert not sim.finished()
    sim.flush()
    sim.run(0.1)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(200 * MS, False)]


@pytest.mark.parametrize("count", [1, 159, 161, 641])
def test_an_odd_length_is_padded_to_a_tick_and_reported_exactly(count: int) -> None:
    sim = Sim()
    sim.say(ramp(count))
    sim.run(1.0)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(count, False)]
    assert np.array_equal(sim.spoken()[:count], ramp(count))
    assert not sim.spoken()[count:].any()
    assert len(sim.spoken()) % BLOCK == 0


def test_a_segment_without_samples_finishes_without_starting() -> None:
    sim = Sim()
    sim.say(ramp(0))
    sim.run(0.1)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(0, False)]
    assert not sim.started()


def test_segments_captured_at_once_play_in_order_without_a_gap() -> None:
    sim = Sim()
    first, second = ramp(333 * MS), ramp(500 * MS, first=20_000)
    sim.say(first)
    sim.say(second)
    sim.run(2.0)
    padding = -len(first) % BLOCK
    assert np.array_equal(sim.spoken(), np.concatenate([first, np.zeros(padding, np.int16), second]))
    times = [at for at, _ in sim.left]
    assert np.allclose(np.diff(times), TICK_S)
    assert [e.segment for e in sim.finished()] == [0, 1]
    assert [e.position for e in sim.finished()] == [len(first), len(second)]


def test_a_clear_ends_every_pending_segment() -> None:
    sim = Sim()
    sim.say(ramp(500 * MS))
    sim.say(ramp(500 * MS))
    sim.run(0.2)
    sim.clear()
    assert [(e.segment, e.interrupted) for e in sim.finished()] == [(0, True), (1, True)]
    assert sim.finished()[1].position == 0


def test_a_pause_keeps_the_unheard_tail() -> None:
    sim = Sim()
    voice = ramp(1000 * MS)
    sim.say(voice)
    sim.run(0.4)
    sim.pause()
    heard = len(sim.spoken())
    sim.run(3.0)
    assert len(sim.spoken()) == heard
    assert not sim.finished()
    sim.resume()
    sim.run(2.0)
    assert np.array_equal(sim.spoken(), voice)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(len(voice), False)]
    assert len(sim.started()) == 1
    runs = [(e.offset, e.count) for e in sim.progressed()]
    assert runs == [(0, heard), (heard, len(voice) - heard)]
    assert sim.progressed()[1].started_at > sim.progressed()[0].started_at + 3.0
    assert sim.playout.underruns == 0


def test_a_clear_while_paused_finishes_at_once() -> None:
    sim = Sim()
    sim.say(ramp(1000 * MS))
    sim.run(0.4)
    sim.pause()
    heard = len(sim.spoken())
    sim.run(0.5)
    sim.clear()
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(heard, True)]
    sim.resume()
    sim.run(1.0)
    assert len(sim.spoken()) == heard


def test_a_pause_before_the_first_frame_holds_the_voice_back() -> None:
    sim = Sim()
    sim.pause()
    sim.say(ramp(200 * MS))
    sim.run(1.0)
    assert not len(sim.spoken())
    assert not sim.started()
    sim.resume()
    sim.run(1.0)
    assert np.array_equal(sim.spoken(), ramp(200 * MS))
    assert len(sim.finished()) == 1


def test_resume_without_pause_and_pause_twice_change_nothing() -> None:
    sim = Sim()
    sim.resume()
    voice = ramp(600 * MS)
    sim.say(voice)
    sim.run(0.2)
    sim.pause()
    sim.pause()
    sim.run(0.2)
    sim.resume()
    sim.resume()
    sim.run(1.0)
    assert np.array_equal(sim.spoken(), voice)
    assert len(sim.finished()) == 1


def test_a_pause_within_the_first_slice_is_no_underrun() -> None:
    sim = Sim()
    voice = ramp(300 * MS)
    sim.say(voice)  # handed over, not heard
    sim.pause()
    sim.run(0.2)
    sim.resume()
    sim.run(1.0)
    assert np.array_equal(sim.spoken(), voice)
    assert sim.playout.underruns == 0


def test_a_voice_that_runs_dry_goes_on_and_is_counted() -> None:
    sim = Sim()
    sim.capture(ramp(200 * MS))
    sim.run(1.0)
    sim.capture(ramp(200 * MS, first=5000))
    sim.flush()
    sim.run(1.0)
    assert len(sim.spoken()) == 400 * MS
    assert sim.playout.underruns == 1
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(400 * MS, False)]
    assert [(e.offset, e.count) for e in sim.progressed()] == [(0, 200 * MS), (200 * MS, 200 * MS)]


def test_closing_finishes_what_is_pending_and_what_comes_later() -> None:
    sim = Sim()
    sim.say(ramp(500 * MS))
    sim.run(0.1)
    sim.close()
    sim.close()
    assert [e.interrupted for e in sim.finished()] == [True]
    sim.capture(ramp(100 * MS))
    assert len(sim.finished()) == 1
    sim.flush()
    assert [(e.position, e.interrupted) for e in sim.finished()[1:]] == [(0, True)]
    sim.run(1.0)
    assert len(sim.finished()) == 2


def test_positions_stay_within_a_tick_when_the_phase_is_known_badly() -> None:
    for error in (-0.004, -0.002, 0.002, 0.004):
        sim = Sim(believed_phase=0.0037 + error)
        sim.say(ramp(2000 * MS))
        sim.run(0.9)
        sim.clear()
        assert abs(sim.finished()[0].position - len(sim.spoken())) <= BLOCK


def test_a_blocked_event_loop_loses_no_sample_and_sync_returns() -> None:
    sim = Sim()
    voice = ramp(3000 * MS)
    sim.say(voice)
    sim.run(0.5)
    sim.stall(0.5)
    sim.run(4.0)
    assert np.array_equal(sim.spoken(), voice)
    assert sim.playout.underruns == 1
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(len(voice), False)]
    _assert_pictures_follow_the_voice(sim)


# pictures


def _assert_pictures_follow_the_voice(sim: Sim, segment: int = 0) -> None:
    """Every slot's picture is due the same lag after its first sample left."""
    starts = np.cumsum([0] + [len(block) for _, block in sim.left])
    times = [at for at, _ in sim.left]
    shown = [picture for picture in sim.pictures if picture.segment == segment]
    assert shown
    for picture in shown:
        block = int(np.searchsorted(starts, picture.slot * RATE // 25, side="right")) - 1
        assert picture.due - times[block] == pytest.approx(PLAIN.lag_s, abs=1e-6), picture.slot


def test_every_slot_is_shown_once_and_in_step() -> None:
    sim = Sim()
    sim.run(0.5)
    sim.say(ramp(1010 * MS))
    sim.run(2.0)
    assert [p.slot for p in sim.pictures if p.segment == 0] == list(range(26))
    _assert_pictures_follow_the_voice(sim)
    assert sim.playout.skipped == 0


@pytest.mark.parametrize("fps", [10, 12, 20, 30, 50, 60])
def test_an_engines_own_frame_rate_is_kept_and_its_slots_are_even(fps: int) -> None:
    sim = Sim(engine=MarkerEngine((16, 16), fps=fps))
    sim.run(0.5)
    sim.say(ramp(1000 * MS))
    sim.run(2.0)
    shown = [p for p in sim.pictures if p.segment == 0]
    assert [p.slot for p in shown] == list(range(fps))
    first = sim.left[0][0] + PLAIN.lag_s
    assert [p.due for p in shown] == pytest.approx([first + slot / fps for slot in range(fps)], abs=1e-4)
    assert sim.playout.skipped == 0
    resting = np.diff([p.due for p in sim.pictures if p.due < sim.left[0][0]])
    assert resting == pytest.approx(np.full(len(resting), 1 / fps), abs=1e-6)


def test_pictures_never_crowd_and_never_pause() -> None:
    sim = Sim()
    for wait in (0.31, 0.503, 0.777):
        sim.run(wait)
        sim.say(ramp(410 * MS))
        sim.run(0.9)
    gaps = np.diff([p.due for p in sim.pictures])
    assert gaps.min() >= 0.0199
    assert gaps.max() <= 0.0601


def test_rest_is_shown_at_the_frame_rate() -> None:
    sim = Sim()
    sim.run(10.0)
    assert len(sim.pictures) == pytest.approx(250, abs=1)
    assert all(p.segment is None for p in sim.pictures)


@pytest.mark.parametrize("moment_ms", range(400, 440, 3))
def test_after_an_interruption_the_next_picture_is_of_the_new_generation(moment_ms: int) -> None:
    sim = Sim()
    sim.say(ramp(2000 * MS))
    sim.run(moment_ms / 1000)
    seen, cleared = len(sim.pictures), sim.now
    sim.clear()
    sim.run(0.2)
    following = sim.pictures[seen]
    assert following.segment is None
    assert following.generation == sim.playout.generation
    assert following.due - cleared <= 0.030


def test_a_paused_avatar_rests_at_the_frame_rate_and_resumes_at_the_heard_slot() -> None:
    sim = Sim()
    sim.say(ramp(2000 * MS))
    sim.run(0.6)
    sim.pause()
    heard, seen = len(sim.spoken()), len(sim.pictures)
    sim.run(1.0)
    held = sim.pictures[seen:]
    assert len(held) == pytest.approx(25, abs=1)
    assert all(p.segment is None for p in held)
    sim.resume()
    sim.run(0.3)
    resumed = next(p for p in sim.pictures[seen:] if p.segment == 0)
    assert resumed.slot == heard * 25 // RATE


@pytest.mark.parametrize("then", [0, 500 * MS])
def test_a_pause_just_after_a_reply_does_not_put_off_its_last_picture(then: int) -> None:
    sim = Sim()
    sim.say(ramp(170 * MS))
    if then:
        sim.say(ramp(then))
    sim.run(0.18)
    assert len(sim.finished()) == 1
    sim.pause()
    seen, paused = len(sim.pictures), sim.now
    sim.run(0.5)
    sim.resume()
    sim.run(1.0)
    assert all(picture.due > paused for picture in sim.pictures[seen:])
    assert not [picture for picture in sim.pictures[seen:] if picture.segment == 0]


def test_a_stall_at_the_end_of_a_reply_leaves_its_last_picture_out() -> None:
    sim = Sim()
    sim.say(ramp(170 * MS))
    sim.run(0.18)
    assert sim.pictures[-1].slot < 4
    seen = len(sim.pictures)
    sim.stall(0.15)
    ended = sim.now
    sim.run(0.5)
    assert sim.finished()
    assert all(picture.segment is None for picture in sim.pictures[seen:])
    assert sim.pictures[seen].due - ended <= 0.04


def test_a_long_stall_shows_the_newest_slot_and_skips_the_rest() -> None:
    sim = Sim(options=PlayoutOptions(fade_s=0.0, depth_s=1.0))
    sim.say(ramp(3000 * MS))
    sim.run(0.5)
    last = sim.pictures[-1].slot
    sim.stall(0.4)
    sim.run(0.01)
    assert sim.playout.skipped >= 8
    assert sim.pictures[-1].slot > last + 8
    sim.run(4.0)
    _assert_pictures_follow_the_voice(sim)


# fades


def test_an_interruption_ends_in_a_ramp_of_the_unheard_samples() -> None:
    sim = Sim(options=PlayoutOptions())
    voice = np.full(1000 * MS, 10_000, np.int16)
    sim.say(voice)
    sim.run(0.4)
    heard = len(sim.spoken())
    sim.clear()
    stop = next(event for _, event in sim.events if isinstance(event, Stop))
    assert len(stop.fade) == BLOCK
    assert np.all(np.diff(stop.fade.astype(int)) <= 0)
    assert stop.fade[0] > 9_000
    assert not stop.fade[5 * MS :].any()
    assert sim.finished()[0].position == heard


def test_a_resumed_voice_begins_with_a_ramp() -> None:
    sim = Sim(options=PlayoutOptions())
    sim.say(np.full(1000 * MS, 10_000, np.int16))
    sim.run(0.4)
    sim.pause()
    sim.run(0.1)
    before = len(sim.spoken())
    sim.resume()
    sim.run(0.1)
    onset = sim.spoken()[before:]
    assert onset[0] < 200
    assert np.all(np.diff(onset[: 5 * MS].astype(int)) >= 0)
    assert np.all(onset[5 * MS :] == 10_000)


# engines that misbehave


class FailingEngine(MarkerEngine):
    """Raises when it is pushed more than a second of a turn whose id is in `bad`."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__((16, 16))
        self._bad = bad

    def push(self, pcm: NDArray[np.int16]) -> None:
        super().push(pcm)
        if self._opened().id in self._bad and self._pushed > RATE:
            raise RuntimeError("out of ideas")


class MuteEngine(MarkerEngine):
    """Never has a frame."""

    def poll(self) -> list[TurnFrame]:
        super().poll()
        return []

    def provisional(self, index: int) -> TurnFrame | None:
        return None


def test_an_engine_that_raises_costs_the_face_and_never_the_voice() -> None:
    sim = Sim(engine=FailingEngine({0}))
    voice = ramp(2000 * MS)
    sim.say(voice)
    sim.run(3.0)
    assert np.array_equal(sim.spoken(), voice)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(len(voice), False)]
    assert len([event for _, event in sim.events if isinstance(event, EngineFailed)]) == 1
    seen = len(sim.pictures)
    sim.say(ramp(2000 * MS))
    sim.run(3.0)
    assert len(sim.finished()) == 2
    drawn = [p for p in sim.pictures[seen:] if p.segment == 1]
    assert all(p.frame is not None and p.frame.index == p.slot for p in drawn), "the face is back in the next segment"


def test_an_engine_without_frames_leaves_the_avatar_at_rest_and_is_reported_as_stalled() -> None:
    sim = Sim(engine=MuteEngine((16, 16)))
    sim.say(ramp(3000 * MS))
    sim.run(4.0)
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(3000 * MS, False)]
    assert all(p.frame is None for p in sim.pictures)
    failures = [event.error for _, event in sim.events if isinstance(event, EngineFailed)]
    assert len(failures) == 1
    assert isinstance(failures[0], EngineError)


def test_an_engine_replaced_in_mid_reply_takes_over_at_the_slot_that_is_shown() -> None:
    sim = Sim(engine=MuteEngine((16, 16)))
    voice = ramp(3000 * MS)
    sim.say(voice)
    sim.run(1.5)
    seen = len(sim.pictures)
    sim.playout.replace_engine(MarkerEngine((16, 16)))
    sim.run(4.0)
    after = [p for p in sim.pictures[seen:] if p.segment == 0]
    assert all(p.frame is not None and p.frame.index == p.slot for p in after[1:])
    assert [p.slot for p in sim.pictures if p.segment == 0] == list(range(75)), "no slot is lost or shown twice"
    assert np.array_equal(sim.spoken(), voice)
    assert len(sim.finished()) == 1
    sim.say(ramp(400 * MS))
    sim.run(1.0)
    assert all(p.frame is not None and p.frame.index == p.slot for p in sim.pictures if p.segment == 1)


@pytest.mark.parametrize("slow", [engines.LateEngine(2.0), MarkerEngine((16, 16), lookahead_s=1.5)])
def test_an_engine_that_needs_more_voice_than_the_one_before_gets_it_and_is_not_taken_for_stalled(
    slow: MarkerEngine,
) -> None:
    sim = Sim()
    sim.playout.replace_engine(slow)
    sim.say(ramp(6000 * MS))
    sim.run(8.0)
    assert not sim.of(EngineFailed)
    shown = [p for p in sim.pictures if p.segment == 0]
    assert [p.frame.index if p.frame is not None else None for p in shown] == list(range(150))


@pytest.mark.parametrize("late", [0.1, 0.5, 0.9])
def test_pictures_that_come_late_are_shown_all_the_same_and_their_engine_has_not_stalled(late: float) -> None:
    engine = engines.PacedEngine(late)
    sim = Sim(engine=engine)
    engine.clock = lambda: sim.now
    sim.say(ramp(6000 * MS))
    sim.run(8.0)
    assert not sim.of(EngineFailed)
    assert [e.position for e in sim.finished()] == [6000 * MS], "the voice did not wait"
    shown = [p.slot - p.frame.index for p in sim.pictures if p.segment == 0 and p.frame is not None]
    assert len(shown) >= 150 - 25 * late - 1, "from the first picture on there is always one"
    assert max(shown) <= 25 * late + 1, "and it is the newest"


def test_of_late_pictures_only_the_newest_is_kept() -> None:
    engine = engines.PacedEngine(1.0)
    sim = Sim(engine=engine)
    engine.clock = lambda: sim.now
    sim.say(ramp(4000 * MS))
    sim.run(3.0)
    assert len(sim.playout._segments[0].frames) == 1


def test_what_an_engine_returns_is_no_playback() -> None:
    sim = Sim(engine=engines.TalkingEngine((16, 16)))
    sim.capture(ramp(0))
    sim.run(1.0)
    assert not sim.started()
    assert not len(sim.spoken())
    sim.flush()
    assert [(e.position, e.interrupted) for e in sim.finished()] == [(0, False)]
    voice = ramp(300 * MS)
    sim.say(voice)
    sim.run(1.0)
    assert np.array_equal(sim.spoken(), voice), "the voice is the agent's, never the engine's copy"
    assert [e.position for e in sim.finished()] == [0, len(voice)]


def test_an_engine_of_another_frame_rate_is_refused() -> None:
    sim = Sim()
    with pytest.raises(ValueError, match="20 FPS"):
        sim.playout.replace_engine(MarkerEngine((16, 16), fps=20))


def test_lookahead_never_holds_the_voice_back() -> None:
    sim = Sim(engine=MarkerEngine((16, 16), lookahead_s=0.12))
    for start in range(0, 1000, 20):  # in real time: the engine lags behind what is heard
        sim.capture(ramp(20 * MS, first=start * MS + 1))
        sim.run(0.02)
    sim.flush()
    sim.run(0.5)
    assert sim.playout.underruns <= 1
    assert len(sim.finished()) == 1
    shown = [p for p in sim.pictures if p.segment == 0]
    assert all(p.frame is not None and p.frame.index == p.slot for p in shown), "provisional where it had to be"


def test_a_long_reply_is_fed_to_the_engine_a_bounded_stretch_at_a_time() -> None:
    engine = MarkerEngine((16, 16))
    sim = Sim(engine=engine)
    sim.playout.capture(ramp(60_000 * MS))
    sim.playout.voice(sim.now)
    assert engine._pushed <= 200 * MS
    sim.run(0.5)
    assert engine._pushed <= (500 + 200 + 620 + 60) * MS


def test_memory_of_what_was_heard_is_given_back() -> None:
    sim = Sim()
    for _ in range(200):
        sim.capture(ramp(100 * MS))
        sim.run(0.1)
    held = sum(len(block) for block in sim.playout._segments[0]._audio)
    assert held <= 1000 * MS
    assert len(sim.playout._segments[0].frames) <= 60


@pytest.mark.parametrize("stall_first", [True, False])
def test_an_engine_that_takes_over_beside_a_stall_is_in_step(stall_first: bool) -> None:
    sim = Sim(engine=EmbeddedEngine(size=(128, 128)))
    voice = ramp(2 * RATE)
    for piece in np.split(voice, 100):
        sim.capture(piece)  # in frames, as livekit brings it: those that were heard are let go
    sim.flush()
    sim.run(0.6)
    if not stall_first:
        sim.playout.replace_engine(EmbeddedEngine(size=(128, 128)))
    sim.now += 0.5  # the event loop is blocked, and the voice's task is the first that wakes
    sim.playout.advance(sim.now)
    if stall_first:
        sim.playout.replace_engine(EmbeddedEngine(size=(128, 128)))
    before = len(sim.pictures)
    sim.run(1.5)
    heard = [
        (picture.slot, picture.frame.audio)
        for picture in sim.pictures[before:]
        if picture.frame is not None and picture.frame.audio is not None
    ]
    assert len(heard) > 15
    for slot, audio in heard:
        np.testing.assert_array_equal(audio, voice[slot * RATE // 25 : (slot + 1) * RATE // 25])


def test_a_reply_after_a_pause_that_was_cleared_begins_at_full_level() -> None:
    sim = Sim(options=PlayoutOptions())
    sim.say(np.full(RATE, 9000, np.int16))
    sim.run(0.3)
    sim.pause()
    sim.clear()
    sim.resume()
    begin = len(sim.left)
    sim.run(0.2)
    sim.say(np.full(RATE, 9000, np.int16))
    sim.run(0.3)
    new = [block for _, block in sim.left[begin:] if block.any()]
    assert new[-1][0] == 9000
    assert min(block.min() for block in new[2:]) == 9000, "no ramp but the old voice's"


def test_an_engine_that_takes_over_while_the_voice_is_dry_is_in_step() -> None:
    class Counting(MarkerEngine):
        """Frames that say which sample they begin with."""

        def push(self, pcm: NDArray[np.int16]) -> None:
            if self._pushed == 0 and len(pcm):
                self.first = int(pcm[0])
            super().push(pcm)

    sim = Sim()
    sim.capture(ramp(RATE // 2 + 100))
    sim.run(1.0)  # everything was heard, and its last slot begun
    engine = Counting((16, 16))
    sim.playout.replace_engine(engine)
    sim.capture(ramp(RATE, first=RATE // 2 + 101))
    sim.flush()
    sim.run(2.0)
    assert (engine.first - 1) % (RATE // 25) == 0, "it begins with a slot's first sample"
