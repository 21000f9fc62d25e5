"""The benchmark's estimators, on recordings whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.playout import experiments, measure
from bench.playout.agent import Report, Said
from bench.playout.engine import NUMBERS, OPENNESS_LEVELS, SpeakingMarkerEngine
from bench.playout.recording import Recording
from bench.playout.table import Report as TableReport
from bench.playout.table import Row, cell
from bench.playout.voices import RATE, SLOT, noise, tone
from livekit_bithuman.engine.protocol import Turn
from livekit_bithuman.pose import Presentation
from livekit_bithuman.testing import Mark, read_mark

BLOCK = RATE // 100


def recording(
    sound: NDArray[np.int16], begin: float = 100.0, pictures: list[tuple[float, Mark | None]] | None = None
) -> Recording:
    """Sound that arrives in blocks of 10 ms from `begin` on, without jitter."""
    blocks = [(begin + at / RATE, sound[at : at + BLOCK]) for at in range(0, len(sound), BLOCK)]
    return Recording.of([(at, mark, 128.0) for at, mark in pictures or []], blocks)


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)


def spoken(slots: range, begin: float, late: float = 0.0) -> list[tuple[float, Mark | None]]:
    return [(begin + slot / 25 + late, Mark(0, 1, slot, False)) for slot in slots]


def test_a_voice_is_followed_from_where_it_begins() -> None:
    voice = noise(3, 1.0)
    track = measure.follow(recording(np.concatenate([silence(0.5), voice, silence(0.3)])), voice)
    assert len(track) > 30
    assert track.starts_at() == pytest.approx(100.5, abs=1e-4)


def test_a_voice_is_found_again_after_a_pause() -> None:
    voice = noise(4, 1.0)
    heard = recording(np.concatenate([voice[:12_000], silence(0.5), voice[11_880:]]))
    track = measure.follow(heard, voice)
    assert measure.seam(heard, track, 100.5, 100.8) == pytest.approx(-0.005, abs=0.003)


def test_another_voice_is_not_found() -> None:
    assert len(measure.follow(recording(noise(5, 1.0)), noise(6, 1.0))) == 0


def test_pictures_that_are_late_have_a_positive_offset() -> None:
    voice = noise(7, 1.0)
    seen = recording(voice, pictures=spoken(range(25), 100.0, late=0.030))
    at, offsets = measure.av_offsets(seen, measure.follow(seen, voice))
    assert len(at) == len(offsets) > 20
    assert offsets == pytest.approx(np.full(len(offsets), 0.030), abs=1e-3)


def test_slots_count_on_where_a_picture_cannot_number_them() -> None:
    numbers = [measure.SLOTS - 2, measure.SLOTS - 1, 0, 1]
    turns = [Mark(0, 1, slot, False) for slot in numbers] + [Mark(0, 2, 0, False)]
    pictures: list[tuple[float, Mark | None]] = [(100 + at / 25, mark) for at, mark in enumerate(turns)]
    _, slots = measure.spoken(recording(silence(0.1), pictures=pictures))
    assert list(slots) == [measure.SLOTS - 2, measure.SLOTS - 1, measure.SLOTS, measure.SLOTS + 1, 0]


def test_the_voice_ends_with_its_last_loud_stretch() -> None:
    assert measure.voice_end(recording(np.concatenate([noise(8, 0.4), silence(0.4)]))) == pytest.approx(100.4, abs=3e-3)
    assert measure.voice_end(recording(silence(0.4))) is None


def test_reports_are_held_against_the_blocks_that_left() -> None:
    left = recording(np.concatenate([silence(0.2), noise(1, 0.5), silence(0.2)]))
    reports = [Report("started", 100.21, 100.204), Report("finished", 100.693, 100.693, 0.5)]
    figures = experiments._report_figures(Said(100.0, reports), left)
    assert figures["started"] == pytest.approx([4.0], abs=0.1)
    assert figures["finished"] == pytest.approx([-7.0], abs=0.1)


def test_a_position_is_held_against_what_had_left_by_then() -> None:
    left = recording(np.concatenate([silence(0.1), noise(1, 0.5)]))
    said = Said(100.0, [Report("finished", 100.4004, 100.4004, 0.29, interrupted=True)])
    # the blocks that begin at 100.1 and up to 100.4 have left: 310 ms
    assert experiments._position_figures(said, left)["position"] == pytest.approx([-20.0], abs=0.1)


def test_the_mouth_is_closed_by_the_first_picture_after_the_last_open_one() -> None:
    levels = [15, 7, 0, 3, 0, 0]
    marks = [(100.0 + n / 25, Mark(n * OPENNESS_LEVELS + level, 0, 0, True)) for n, level in enumerate(levels)]
    assert measure.closed_at(recording(silence(0.1), pictures=[*marks]), 100.01) == pytest.approx(100.16)


def test_an_old_picture_after_a_new_one_is_stale() -> None:
    rest = Mark(0, 0, 0, True)
    pictures = [*spoken(range(2), 100.0), (100.08, rest), *spoken(range(2, 3), 100.04)]
    assert measure.first_of_next_generation(recording(silence(0.1), pictures=[*pictures]), 100.03) == (100.08, 1)


def test_missing_numbers_are_pictures_never_shown() -> None:
    numbers = np.array([NUMBERS - 2, NUMBERS - 1, 1, 2, -1, 5])
    assert measure.never_shown(numbers, NUMBERS) == (3, 7)


def test_a_steady_tone_has_no_click_and_a_cut_has_one() -> None:
    steady = recording(tone(2.0))
    assert measure.click_db(steady, 101.5) == pytest.approx(0.0, abs=6.0)
    heard = recording(np.concatenate([tone(1.503), silence(0.5)]))
    cut = measure.click_db(heard, 101.48)
    assert cut is not None
    assert cut > 20.0


def test_a_trend_is_the_change_over_the_whole_time() -> None:
    times = np.linspace(0.0, 1800.0, 5000)
    noisy = 0.010 * times / 1800.0 + np.random.default_rng(0).normal(0.0, 0.002, len(times))
    assert measure.trend(times, noisy) == pytest.approx(0.010, abs=5e-4)


def test_back_in_band_forgives_one_picture_and_not_two() -> None:
    times = np.arange(10) / 25
    offsets = np.array([90, 90, 90, 5, 90, 5, 5, 5, 5, 5]) / 1000
    assert measure.back_in_band(times, offsets, 0.0, 0.0, 0.025) == pytest.approx(3 / 25)
    assert measure.back_in_band(times, offsets + 1, 0.0, 0.0, 0.025) == float("inf")


def test_the_rate_of_arrivals() -> None:
    assert measure.rate_of(np.arange(26) / 25) == pytest.approx(25.0)


def test_a_part_of_a_recording_keeps_its_times() -> None:
    whole = recording(noise(1, 1.0), pictures=spoken(range(25), 100.0))
    part = whole.between(100.5, 100.7)
    assert len(part.sound) == pytest.approx(0.2 * RATE, abs=BLOCK)
    assert float(part.when(0)) == pytest.approx(100.5, abs=0.011)
    assert len(part.seen) == len(part.marks) == 5


def test_the_engine_speaks_at_16_khz_and_says_how_far_its_mouth_is_open() -> None:
    engine = SpeakingMarkerEngine((64, 48))
    pcm = np.arange(1600, dtype=np.int16)
    engine.open_turn(Turn(7, 16_000))
    engine.push(pcm)
    engine.end_turn()
    frames = engine.poll()
    assert [(frame.index, frame.last) for frame in frames] == [(0, False), (1, False), (2, True)]
    voice = np.concatenate([frame.audio for frame in frames if frame.audio is not None])
    assert np.array_equal(voice, np.pad(pcm, (0, 320)))
    marks = [read_mark(engine.draw(frame, Presentation())[:, :, 0]) for frame in (frames[1], None)]
    assert [(mark.number % OPENNESS_LEVELS, mark.slot, mark.rest) for mark in marks if mark] == [
        (OPENNESS_LEVELS - 1, 1, False),
        (0, 0, True),
    ]


def test_a_report_prints_rows_that_were_measured() -> None:
    report = TableReport("python")
    report.add({"av": {"ours": [1.0, 2.0, 3.0]}})
    report.add({"av": {"ours": [4.0], "official": [50.0, 60.0]}, "unstarted": {"ours": [0.0, 1.0]}})
    header, av, unstarted = report.text().splitlines()
    assert "ours" in header
    assert "2.5 (1.1..3.8, 4)" in av
    assert "+50..+73" in av
    assert unstarted.split("playback_started")[1].split()[:2] == ["1", "-"]
    rows = json.loads(report.json())["rows"]
    assert rows["av"]["official"] == {"median": 55.0, "p5": 50.5, "p95": 59.5, "n": 2}
    assert rows["unstarted"]["ours"] == {"sum": 1.0, "n": 2}
    assert SLOT * 25 == RATE


def test_a_cell_is_a_sum_a_figure_or_a_spread() -> None:
    assert cell(Row("k", "l", count=True), [1.0, 2.0]) == "3"
    assert cell(Row("k", "l"), [1.0]) == "1.00"
    assert cell(Row("k", "l"), None) == "-"
