"""What is scored, a section each. All but the pictures and the cost are pure functions of the clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.net import VisemeNet
from livekit_bithuman.speech.shape import OPENNESS, WIDTH
from training.speech.score import Tally

from . import cost, runtime
from .baselines import BASELINES
from .clips import Clip
from .closures import THRESHOLDS, Closures
from .conditions import CONDITIONS
from .node import Unavailable
from .rendered import LipReader
from .table import Cell, Column, Section
from .told import Told

Row = dict[str, Cell]

FRAME_RATES = (100, 25)
#: Rows by which the labels are moved against our mouth to see whether it is early or late.
SHIFTS = (-6, -4, -2, 0, 2, 4, 6)

_SYSTEM, _LOOKAHEAD, _GROUP = Column("system", "system"), Column("lookahead", "hears ahead"), Column("group", "speech")
SCORES = (
    Column("openness_r", "openness r"),
    Column("width_r", "width r"),
    Column("accuracy", "15 classes"),
    Column("shut", "p b m shut"),
    Column("false", "vowels shut"),
    Column("onset_median_ms", "onset ms", ".0f"),
    Column("onset_p90_ms", "p90", ".0f"),
)


@dataclass(frozen=True, eq=False)
class System:
    """One way from sound to a mouth, and what it says of every clip at 100 rows a second and at 25 frames."""

    name: str
    lookahead: str
    told: dict[int, list[Told]]  # by frame rate


@dataclass
class Bench:
    """The clips, and what every system says of them, asked once."""

    clips: list[Clip]
    weights: Sequence[Path] = ()  # nets beside the shipped one
    without: Sequence[str] = ()  # keys of baselines that are left out
    repeats: int = 15  # of the cost
    report: Callable[[str], None] = lambda text: None
    failures: list[str] = field(default_factory=list)  # why a baseline is missing

    @cached_property
    def nets(self) -> list[tuple[str, VisemeNet | None, Path | None]]:
        """Name, net and file of our own; the shipped one has neither net nor file here."""
        return [("ours", None, None)] + [(f"ours, {path.stem}", runtime.read_net(path), path) for path in self.weights]

    @cached_property
    def reader(self) -> LipReader:
        """Of the lips in pictures."""
        return LipReader()

    @cached_property
    def systems(self) -> list[System]:
        """All of them."""
        return [*self.ours, self._pictures(), *self._others()]

    @cached_property
    def ours(self) -> list[System]:
        """The runtime with each net."""
        found = []
        for name, net, _ in self.nets:
            self.report(name)
            told = {fps: [runtime.told(clip, fps, net) for clip in self.clips] for fps in FRAME_RATES}
            found.append(System(name, f"{runtime.lookahead_ms(25, net):.1f} ms", told))
        return found

    def _pictures(self) -> System:
        self.report("ours, in the pictures")
        seen = [self.reader.told(clip) for clip in self.clips]
        return System("ours, in the pictures", f"{runtime.lookahead_ms(25):.1f} ms", {25: seen})

    def _others(self) -> list[System]:
        found = []
        for key, baseline in BASELINES.items():
            if key in self.without:
                self.failures.append(f"{baseline.name} was left out.")
                continue
            self.report(baseline.name)
            try:
                told = baseline.tell(self.clips)
            except Unavailable as error:
                self.failures.append(f"{baseline.name} was not run: {error}.")
                continue
            found.append(
                System(baseline.name, baseline.lookahead, {100: told, 25: [each.at_frame_rate(25) for each in told]})
            )
        return found

    def groups(self) -> list[str]:
        """In order of first appearance."""
        return list(dict.fromkeys(clip.group for clip in self.clips))

    def scored(self, told: Sequence[Told], group: str) -> Tally:
        """One group's scores."""
        tally = Tally()
        for clip, each in zip(self.clips, told, strict=True):
            if clip.group == group:
                tally.add_tracks(clip.labels, each.openness, each.width, each.visemes)
        return tally


def scores(tally: Tally, **named: Cell) -> Row:
    """The cells of `SCORES`, after others."""
    return named | {key: None if np.isnan(figure) else figure for key, figure in tally.figures().items()}


def systems(bench: Bench) -> list[Section]:
    """Every system on clean speech."""
    section = Section(
        "systems",
        "Systems on clean speech",
        [_GROUP, _SYSTEM, Column("fps", "FPS", ".0f"), _LOOKAHEAD, *SCORES],
    )
    for group in bench.groups():
        for system in bench.systems:
            for fps, told in system.told.items():
                named: Row = {"group": group, "system": system.name, "fps": fps, "lookahead": system.lookahead}
                section.rows.append(scores(bench.scored(told, group), **named))
    section.notes += bench.failures
    return [section]


def closures(bench: Bench) -> list[Section]:
    """Precision and recall of closures at three thresholds."""
    columns = [_GROUP, _SYSTEM, Column("fps", "FPS", ".0f")]
    for threshold in THRESHOLDS:
        columns += [
            Column(f"precision_{threshold}", f"precision < {threshold}"),
            Column(f"recall_{threshold}", f"recall < {threshold}"),
        ]
    section = Section("closures", "Closures: openness below a threshold against p, b and m", columns)
    for group in bench.groups():
        for system in bench.systems:
            for fps, told in system.told.items():
                row: Row = {"group": group, "system": system.name, "fps": fps}
                for threshold in THRESHOLDS:
                    counted = Closures(threshold)
                    for clip, each in zip(bench.clips, told, strict=True):
                        if clip.group == group:
                            counted.add(each.openness, clip.labels)
                    row |= {f"precision_{threshold}": counted.precision, f"recall_{threshold}": counted.recall}
                section.rows.append(row)
    return [section]


def conditions(bench: Bench) -> list[Section]:
    """Our runtime behind telephones, codecs and noise, and how far that is from clean."""
    changes = [Column(f"{column.key}_change", "change", "+.3f") for column in SCORES[:4]]
    columns = [column for pair in zip(SCORES[:4], changes, strict=True) for column in pair]
    section = Section(
        "conditions",
        "Ours at 100 FPS under other conditions, and the change from clean",
        [_GROUP, _SYSTEM, Column("condition", "condition"), *columns, *SCORES[4:]],
    )
    for name, net, _ in bench.nets:
        told = {}
        for condition, change in CONDITIONS.items():
            bench.report(f"{name}, {condition}")
            told[condition] = [runtime.told(clip, 100, net, change) for clip in bench.clips]
        for group in bench.groups():
            clean = scores(bench.scored(told["clean"], group))
            for condition, each in told.items():
                row = scores(bench.scored(each, group), group=group, system=name, condition=condition)
                for column in SCORES[:4]:
                    row[f"{column.key}_change"] = _less(row[column.key], clean[column.key])
                section.rows.append(row)
    return [section]


def _less(value: Cell, other: Cell) -> float | None:
    return value - other if isinstance(value, float) and isinstance(other, float) else None


def lookahead(bench: Bench) -> list[Section]:
    """What our look-ahead buys: each net's own, and our mouth shown earlier or later than it belongs."""
    nets = Section(
        "lookahead",
        "Look-ahead against score, 25 FPS; nets by their own look-ahead (--weights adds more)",
        [_GROUP, _SYSTEM, Column("lookahead_ms", "ahead, ms", ".1f"), *SCORES[:4]],
    )
    shifts = Section(
        "shifts",
        "Ours at 100 FPS, shown later (+) or earlier (-) than it belongs",
        [_GROUP, Column("late_ms", "late, ms", "+.0f"), *SCORES[:5]],
    )
    for group in bench.groups():
        for system, (_, net, _) in zip(bench.ours, bench.nets, strict=True):
            ahead = runtime.lookahead_ms(25, net)
            tally = bench.scored(system.told[25], group)
            nets.rows.append(scores(tally, group=group, system=system.name, lookahead_ms=ahead))
        for rows in SHIFTS:
            moved = [told.later(rows) for told in bench.ours[0].told[100]]
            shifts.rows.append(scores(bench.scored(moved, group), group=group, late_ms=rows * 10))
    return [nets, shifts]


def costs(bench: Bench) -> list[Section]:
    """Speech part of the engine: resampler, features, net, co-articulation; one thread."""
    section = Section(
        "cost",
        f"Speech part, one thread: CPU ms per frame of 40 ms, over {bench.repeats} times {cost.SECONDS} s of sound",
        [
            _SYSTEM,
            Column("rate", "input, Hz", ".0f"),
            Column("lookahead_ms", "hears ahead, ms", ".1f"),
            Column("best_ms", "least"),
            Column("median_ms", "median"),
            Column("load", "load average", ".2f"),
        ],
    )
    for name, _, path in bench.nets:
        bench.report(f"{name}, cost")
        for each in cost.measured(path, bench.repeats):
            section.rows.append(
                {
                    "system": name,
                    "rate": each.rate,
                    "lookahead_ms": each.lookahead_ms,
                    "best_ms": each.best_ms,
                    "median_ms": each.median_ms,
                    "load": each.load,
                }
            )
    return [section]


#: Labels that are given instead of ours, to see what ours costs.
GIVEN = {
    "none": (),
    "silence": ("sil",),
    "aa": ("aa",),
    "vowels": ("aa", "E", "ih", "oh", "ou"),
    "consonants": tuple(viseme for viseme in VISEMES[1:] if viseme not in ("aa", "E", "ih", "oh", "ou")),
}


def misses(bench: Bench) -> list[Section]:
    """Where our scores are lost: ours with the rows of some labels put right."""
    section = Section(
        "misses",
        "Ours at 100 FPS, where the rows of some labels are told right",
        [_GROUP, Column("given", "told right"), *SCORES[:3]],
    )
    for group in bench.groups():
        for name, visemes in GIVEN.items():
            indices = [VISEMES.index(viseme) for viseme in visemes]
            told = [
                each.corrected(np.isin(clip.labels, indices), clip.labels)
                for clip, each in zip(bench.clips, bench.ours[0].told[100], strict=True)
            ]
            section.rows.append(scores(bench.scored(told, group), group=group, given=name))
    return [section]


def pictures(bench: Bench) -> list[Section]:
    """Whether the measure of pictures can be trusted, and what drawing alone takes from the scores."""
    reader = bench.reader
    bench.report("pictures of single visemes")
    asked = reader.agreement()
    measure = Section(
        "measure",
        "Measure of the pictures: r with what is asked, single visemes at ten weights each",
        [
            Column("gap_r", "gap with openness"),
            Column("least_gap_r", "the viseme that is seen worst"),
            Column("width_r", "width with width"),
        ],
        [{"gap_r": asked.gap_r, "least_gap_r": asked.least_gap_r, "width_r": asked.width_r}],
    )
    bench.report("labels, in the pictures")
    told = [reader.of_labels(clip) for clip in bench.clips]
    drawn = Section(
        "labels",
        "Labels drawn and read back: what the best net could score in the pictures",
        [_GROUP, *(column for column in SCORES if column.key != "accuracy")],
    )
    drawn.rows += [scores(bench.scored(told, group), group=group) for group in bench.groups()]
    visemes = Section(
        "visemes",
        "Each viseme at full weight: asked, and seen (on the scale of the gap of aa, and of the widths of ih and ou)",
        [
            Column("viseme", "viseme"),
            Column("openness", "openness", ".2f"),
            Column("openness_seen", "seen", ".2f"),
            Column("width", "width", "+.2f"),
            Column("width_seen", "seen", "+.2f"),
        ],
    )
    for index, viseme in enumerate(VISEMES):
        lips = reader.pose(viseme)
        visemes.rows.append(
            {
                "viseme": viseme,
                "openness": float(OPENNESS[index]),
                "openness_seen": reader.openness(lips),
                "width": float(WIDTH[index]),
                "width_seen": reader.width(lips),
            }
        )
    return [measure, drawn, visemes]


EXPERIMENTS: dict[str, Callable[[Bench], list[Section]]] = {
    "systems": systems,
    "closures": closures,
    "conditions": conditions,
    "lookahead": lookahead,
    "misses": misses,
    "pictures": pictures,
    "cost": costs,
}
