"""The model of what a remote avatar has played, on a clock of the test's own."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.rtc.remote.segment import RemoteSegment

RATE = 1000


def _sent(samples: int, now: float = 0.0, after: float = 0.0) -> RemoteSegment:
    segment = RemoteSegment(RATE)
    segment.append(np.arange(samples, dtype=np.int16))
    segment.take(samples, now, after)
    return segment


def test_nothing_is_heard_before_it_began() -> None:
    segment = _sent(2000)
    assert segment.heard(1.0) == 0
    segment.began(1.0)
    assert segment.heard(1.0) == 0
    assert segment.heard(2.5) == 1500
    assert segment.heard(99.0) == 2000
    assert segment.ends == 3.0


def test_where_the_voice_runs_dry_playback_waits() -> None:
    segment = RemoteSegment(RATE)
    segment.append(np.zeros(1000, np.int16))
    segment.take(1000, 0.0, 0.0)
    segment.began(0.0)
    assert segment.heard(5.0) == 1000
    segment.append(np.zeros(1000, np.int16))
    segment.take(1000, 5.0, 0.0)
    assert segment.heard(5.25) == 1250
    assert segment.ends == 6.0


def test_a_segment_begins_when_the_ones_before_are_over() -> None:
    segment = _sent(1000, now=0.5, after=4.0)
    assert (segment.begins, segment.ends) == (4.0, 5.0)
    segment.began(4.2)
    assert segment.ends == pytest.approx(5.2)
    segment.began(9.0)
    assert segment.ends == pytest.approx(5.2), "it begins once"


def test_another_player_goes_on_where_the_listener_was() -> None:
    segment = _sent(2000)
    segment.began(0.0)
    segment.rewind(0.75)
    assert (segment.base, segment.sent, segment.unsent) == (750, 750, 1250)
    rest = segment.take(9999, 1.0, 0.0)
    assert rest[0] == 750
    assert rest[-1] == 1999
    assert segment.heard(1.5) == 750, "who goes on has not begun yet"
    segment.began(1.0)
    assert segment.heard(1.5) == 1250
    segment.rewind(1.5)
    assert segment.base == 1250


def test_a_player_that_never_began_is_gone_on_from_the_beginning() -> None:
    segment = _sent(2000)
    segment.rewind(60.0)
    assert (segment.base, segment.unsent) == (0, 2000)


def test_more_than_time_allows_cannot_have_been_played() -> None:
    segment = _sent(5000, now=10.0)
    assert not segment.can_have_played(2000, 11.0)
    assert segment.can_have_played(2000, 12.0)
    assert not RemoteSegment(RATE).can_have_played(0, 99.0), "it was given to nobody"


def test_the_players_word_dates_what_it_plays() -> None:
    segment = _sent(2000)
    segment.began(0.0)
    segment.confirm(500, 1.0)  # it is later than was thought
    assert segment.heard(1.0) == 500
    assert segment.heard(1.25) == 750
    segment.confirm(400, 1.3)  # an older word that came late
    assert segment.confirmed == 500
    segment.rewind(1.4)
    assert segment.base == 500


def test_a_players_word_counts_from_where_it_began() -> None:
    segment = _sent(2000)
    segment.began(0.0)
    segment.rewind_to(800)
    segment.take(9999, 5.0, 0.0)
    segment.confirm(100, 5.2)
    segment.rewind(5.3)
    assert segment.base == 900


def test_a_players_word_cannot_be_more_than_it_was_given() -> None:
    segment = RemoteSegment(RATE)
    segment.append(np.zeros(2000, np.int16))
    segment.take(300, 0.0, 0.0)
    segment.confirm(10**9, 0.1)
    assert segment.confirmed == 300
    segment.confirm(-5, 0.1)
    assert segment.confirmed == 300


def _spoken(*stretches: tuple[float, int]) -> RemoteSegment:
    """A voice of stretches: seconds, and the height of a tone."""
    segment = RemoteSegment(RATE)
    for seconds, height in stretches:
        tone = height * np.sin(2 * np.pi * 100 * np.arange(round(seconds * RATE)) / RATE)
        segment.append(tone.astype(np.int16))
    return segment


def test_a_pause_is_found_where_it_begins() -> None:
    segment = _spoken((1.0, 9000), (0.15, 0), (1.0, 9000), (0.4, 100), (1.0, 9000))
    assert segment.pause_after(0) == pytest.approx(2150, abs=10), "a shorter one is none"
    assert segment.pause_after(2300) == pytest.approx(2300, abs=10), "there is enough of it left"
    assert segment.pause_after(2400) is None


@pytest.mark.parametrize("sample", [0, 5, 999, 1000])
def test_a_voice_without_a_pause_has_none(sample: int) -> None:
    assert _spoken((1.0, 9000)).pause_after(sample) is None
    assert _spoken((1.0, -32768)).pause_after(sample) is None
    assert RemoteSegment(RATE).pause_after(0) is None


def test_silence_is_a_pause() -> None:
    assert _spoken((1.0, 0)).pause_after(300) == 300
