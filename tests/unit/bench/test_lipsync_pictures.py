"""The measure of lips in pictures sees what is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.lipsync.clips import read_clips
from bench.lipsync.rendered import LipReader, Lips, corners, seen_lips
from training.speech.score import Tally

from .lipsync_clips import write_clips


@pytest.fixture(scope="module")
def reader() -> LipReader:
    return LipReader()


def test_paint_is_measured_where_it_is() -> None:
    picture = np.full((60, 80, 3), (90, 140, 210), np.uint8)  # skin
    assert seen_lips(picture) == Lips(0.0, 0.0)
    picture[20:32, 30:50] = (10, 200, 20)
    picture[20:30, 50:52] = (5, 80, 5)  # in shadow
    picture[24:27, 20:23] = picture[24:27, 59:62] = (250, 10, 240)
    assert seen_lips(picture) == Lips((12 * 20 + 10 * 2) / 39.0, 39.0)


def test_the_corners_are_the_ends_of_the_gap() -> None:
    masks = np.full((2, 30, 40), 255, np.uint8)
    masks[:, 12:15, 8:33] = 0
    assert corners(masks) == ((8, 13), (32, 13))


def test_the_pictures_show_what_is_asked(reader: LipReader) -> None:
    asked = reader.agreement(steps=4)
    assert asked.gap_r > 0.9
    assert asked.least_gap_r > 0.9
    assert asked.width_r > 0.9


def test_bilabials_are_shut_and_vowels_are_not(reader: LipReader) -> None:
    for viseme in ("sil", "PP"):
        assert reader.pose(viseme).gap == 0
    gaps = [reader.pose(viseme).gap for viseme in ("FF", "ih", "E", "aa")]
    assert gaps == sorted(gaps)
    assert gaps[0] < gaps[-1]


def test_a_rounded_mouth_is_narrow_and_a_spread_one_wide(reader: LipReader) -> None:
    ou, rest, ih = (reader.pose(viseme).width for viseme in ("ou", "sil", "ih"))
    assert ou < rest < ih


def test_half_a_viseme_is_half_as_open(reader: LipReader) -> None:
    assert reader.pose("aa", 0.5).gap == pytest.approx(reader.pose("aa").gap / 2, rel=0.25)


def test_labels_that_are_drawn_score_high(reader: LipReader, tmp_path: Path) -> None:
    write_clips(tmp_path)
    tally = Tally()
    for clip in read_clips(tmp_path):
        told = reader.of_labels(clip)
        tally.add_tracks(clip.labels, told.openness, told.width)
    assert min(tally.openness_r) > 0.95
    assert (tally.shut, tally.closures) == (4, 4)


def test_the_engine_speaks_a_clip_that_is_read_from_its_pictures(reader: LipReader, tmp_path: Path) -> None:
    write_clips(tmp_path)
    clip = read_clips(tmp_path)[0]
    told = reader.told(clip)
    assert len(told.openness) == clip.rows
    assert (told.openness.reshape(-1)[: clip.rows // 4 * 4].reshape(-1, 4).std(axis=1) == 0).all()  # held for 40 ms
    tally = Tally()
    tally.add_tracks(clip.labels, told.openness, told.width)
    assert tally.openness_r[0] > 0.6
    assert reader.told(clip).openness.tolist() == told.openness.tolist()
