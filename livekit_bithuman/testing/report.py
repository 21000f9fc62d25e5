"""How good an avatar is where it is seen: frame rate, freezes, sync and staleness, from what a viewer received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..rtc.frame_info import FrameInfo
from .hearing import Hearing
from .marker import Mark

#: A freeze as WebRTC's statistics define it: a gap longer than three times the average, and than that and 150 ms.
FREEZE_TIMES, FREEZE_S = 3.0, 0.150
#: Pictures whose voice is located together.
STRETCH = 25


@dataclass(frozen=True)
class Picture:
    """One received picture.

    Attributes:
        at: When it arrived, in seconds of the viewer's clock.
        mark: What its cells spell, if a `MarkerEngine` painted it.
        mean: Of its luma, 0..255.
        size: (width, height) in pixels.
        info: What it says of itself; None for avatars that do not.
    """

    at: float
    mark: Mark | None
    mean: float
    size: tuple[int, int]
    info: FrameInfo | None = None


@dataclass(frozen=True)
class Spread:
    """A distribution in five numbers."""

    median: float
    p5: float
    p95: float
    count: int

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.p5:.1f} .. {self.p95:.1f}, n={self.count})"

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Of some values; None of none."""
        if not len(values):
            return None
        low, middle, high = np.percentile(values, [5, 50, 95])
        return cls(float(middle), float(low), float(high), len(values))


@dataclass(frozen=True)
class ViewerReport:
    """What a viewer got of an avatar, ours or not; the last four are known only of pictures that carry `FrameInfo`.

    Attributes:
        seconds: From the first picture to the last.
        fps: Pictures per second.
        gap_p99_ms: The gap between two pictures that 99 % of them stay under.
        longest_gap_ms: The longest gap.
        freezes: Gaps longer than three times the average and than the average and 150 ms.
        black: Pictures whose mean luma is under 20.
        av_offset_ms: Picture after voice is positive: when a slot's picture arrived, less when its voice was heard.
        lost: Share of the slots between a segment's first and last picture that had none, 0..1.
        repeated: Pictures of a slot that had been shown already.
        stale: Pictures of an older generation than one seen before them: what an interruption should have stopped.
    """

    seconds: float
    fps: float
    gap_p99_ms: float
    longest_gap_ms: float
    freezes: int
    black: int
    av_offset_ms: Spread | None = None
    lost: float | None = None
    repeated: int | None = None
    stale: int | None = None


def report_on(pictures: Sequence[Picture], hearing: Hearing) -> ViewerReport:
    """Judge what a viewer received.

    Args:
        pictures: Two or more, in the order of their arrival.
        hearing: The voice, on the same clock.

    Raises:
        ValueError: There are fewer than two pictures.
    """
    if len(pictures) < 2:
        raise ValueError(f"A report needs at least two pictures, there are {len(pictures)}: watch for longer.")
    times = np.array([picture.at for picture in pictures])
    gaps = np.diff(times)
    mean = float(gaps.mean())
    described = [picture for picture in pictures if picture.info is not None]
    return ViewerReport(
        seconds=float(times[-1] - times[0]),
        fps=1.0 / mean,
        gap_p99_ms=float(np.percentile(gaps, 99)) * 1000,
        longest_gap_ms=float(gaps.max()) * 1000,
        freezes=int(np.sum(gaps > max(FREEZE_TIMES * mean, mean + FREEZE_S))),
        black=sum(picture.mean < 20 for picture in pictures),
        av_offset_ms=Spread.of(av_offsets_ms(described, hearing)),
        lost=_lost(described) if described else None,
        repeated=_repeated(described) if described else None,
        stale=_stale(described) if described else None,
    )


def av_offsets_ms(pictures: Sequence[Picture], hearing: Hearing) -> list[float]:
    """Picture less voice of every picture whose voice was found, in ms, in the pictures' order.

    Each picture carries its slot's loudness; a second of that is found in what was heard by correlation. Voices of even
    loudness, noise for instance, cannot be found, and only frame rates that divide 100 can.
    """
    offsets: list[float] = []
    for stretch in _stretches(pictures):
        loudness = [level for picture in stretch for level in picture.info.loudness]  # type: ignore[union-attr]
        begin = hearing.matched(loudness, stretch[0].at)
        if begin is None:
            continue
        first = stretch[0].info
        assert first is not None
        for picture in stretch:
            assert picture.info is not None
            voice = begin + (picture.info.slot - first.slot) / first.fps
            offsets.append((picture.at - voice) * 1000)
    return offsets


def _stretches(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Pictures of adjacent slots with their loudness, in lengths that can be located."""
    runs: list[list[Picture]] = []
    for picture in pictures:
        info = picture.info
        if info is None or info.segment is None or len(info.loudness) * info.fps != 100:
            continue
        last = runs[-1][-1].info if runs else None
        follows = last is not None and (last.generation, last.segment, last.slot + 1) == (
            info.generation,
            info.segment,
            info.slot,
        )
        if follows and len(runs[-1]) < STRETCH:
            runs[-1].append(picture)
        else:
            runs.append([picture])
    return [run for run in runs if len(run) >= STRETCH // 2]


def _slots(pictures: Sequence[Picture]) -> dict[tuple[int, int], list[int]]:
    """The slots that were seen, by (generation, segment)."""
    seen: dict[tuple[int, int], list[int]] = {}
    for picture in pictures:
        if picture.info is not None and picture.info.segment is not None:
            seen.setdefault((picture.info.generation, picture.info.segment), []).append(picture.info.slot)
    return seen


def _lost(pictures: Sequence[Picture]) -> float:
    due = shown = 0
    for slots in _slots(pictures).values():
        due += max(slots) - min(slots) + 1
        shown += len(set(slots))
    return 1.0 - shown / due if due else 0.0


def _repeated(pictures: Sequence[Picture]) -> int:
    return sum(len(slots) - len(set(slots)) for slots in _slots(pictures).values())


def _stale(pictures: Sequence[Picture]) -> int:
    generations = [picture.info.generation for picture in pictures if picture.info is not None]
    return int(np.sum(np.maximum.accumulate(generations) > np.array(generations)))
