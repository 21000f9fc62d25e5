"""What a viewer's report says, on made-up viewing whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman import FrameInfo
from livekit_bithuman.playout.segment import Segment
from livekit_bithuman.testing import Picture, read_mark
from livekit_bithuman.testing.hearing import Hearing
from livekit_bithuman.testing.report import av_offsets_ms, report_on

RATE = 24_000
FPS = 25


def lively(seconds: float, seed: int = 0) -> NDArray[np.int16]:
    """Noise whose loudness wanders as speech's does."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    knots = np.arange(0, count + 1680, 1680)  # every 70 ms
    course = np.interp(np.arange(count), knots, rng.uniform(0.02, 1.0, len(knots)))
    return (rng.standard_normal(count) * course * 4000).clip(-32768, 32767).astype(np.int16)


def infos(voice: NDArray[np.int16]) -> list[FrameInfo]:
    """What playout says of a segment's slots."""
    segment = Segment(0, rate=RATE, fps=FPS, block=RATE // 100)
    segment.append(voice)
    return [FrameInfo(0, 0, slot, FPS, segment.loudness(slot)) for slot in range(len(voice) * FPS // RATE)]


def picture(at: float, info: FrameInfo | None = None, mean: float = 100.0) -> Picture:
    return Picture(at, None, mean, (64, 64), info)


def resting(at: float, generation: int = 0) -> Picture:
    return picture(at, FrameInfo(generation, None, 0, FPS))


def hear(voice: NDArray[np.int16], begin: float, chunk: int = 240) -> Hearing:
    """Half a second of near silence, then the voice, whose first sample arrives at `begin`."""
    quiet = np.random.default_rng(9).integers(-3, 4, RATE // 2).astype(np.int16)
    samples = np.concatenate([quiet, voice, quiet])
    hearing = Hearing(RATE)
    for start in range(0, len(samples), chunk):
        hearing.add(begin - 0.5 + start / RATE, samples[start : start + chunk])
    return hearing


@pytest.mark.parametrize("offset_ms", [-60.0, -7.0, 0.0, 4.0, 43.0])
@pytest.mark.parametrize("chunk", [240, 230])
def test_the_offset_between_picture_and_voice_is_found(offset_ms: float, chunk: int) -> None:
    voice = lively(4.0)
    pictures = [picture(10.0 + offset_ms / 1000 + info.slot / FPS, info) for info in infos(voice)]
    found = av_offsets_ms(pictures, hear(voice, 10.0, chunk))
    assert len(found) >= 75
    assert np.median(found) == pytest.approx(offset_ms, abs=1.0)


def test_pictures_beside_another_voice_have_no_offset() -> None:
    pictures = [picture(10.0 + info.slot / FPS, info) for info in infos(lively(4.0, seed=1))]
    assert av_offsets_ms(pictures, hear(lively(4.0, seed=2), 10.0)) == []


def test_the_frame_rate_and_freezes_of_any_avatar_are_counted() -> None:
    times = [k / FPS for k in range(100)] + [4.3 + k / FPS for k in range(100)]
    report = report_on([picture(at, mean=5.0 if at < 0.1 else 90.0) for at in times], Hearing(RATE))
    assert report.fps == pytest.approx(199 / (times[-1] - times[0]))
    assert report.longest_gap_ms == pytest.approx(340.0)
    assert (report.freezes, report.black) == (1, 3)
    assert (report.av_offset_ms, report.lost, report.repeated, report.stale) == (None, None, None, None)


def test_lost_repeated_and_stale_pictures_are_counted() -> None:
    slots = [0, 1, 3, 3, 4]  # 2 was lost, 3 came twice
    pictures = [picture(k / FPS, FrameInfo(4, 7, slot, FPS)) for k, slot in enumerate(slots)]
    after = [resting(0.2, generation=5), picture(0.24, FrameInfo(4, 7, 5, FPS)), resting(0.28, generation=5)]
    report = report_on([*pictures, *after], Hearing(RATE))
    assert report.lost == pytest.approx(1 / 6)
    assert report.repeated == 1
    assert report.stale == 1


def test_a_picture_that_is_too_small_for_a_mark_has_none() -> None:
    assert read_mark(np.full((8, 8), 16, np.uint8)) is None


def test_one_picture_is_no_report() -> None:
    with pytest.raises(ValueError, match="at least two pictures"):
        report_on([picture(1.0)], Hearing(RATE))
