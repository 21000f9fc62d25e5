"""The rows: what is measured, what is aimed at, and what the official plugin scored before; printed and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

#: Results by row and side: figures, in the row's unit.
Results = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Row:
    """One measure."""

    key: str
    label: str
    target: str = ""  # ours, a Python viewer
    target_chromium: str = ""
    before: str = ""  # what the official plugin scored in an earlier measurement, a Python viewer
    count: bool = False  # the figures are a total each, printed as their sum


ROWS = [
    Row("fps_speech_512", "FPS in speech, 512x512", "25.0 +- 0.1", ">= 24.4", "20.0"),
    Row("fps_silence_512", "FPS in silence, 512x512", "25.0 +- 0.1", ">= 24.4", "20.0"),
    Row("fps_speech_720", "FPS in speech, 1280x720", "25.0 +- 0.1", ">= 24.4"),
    Row("fps_silence_720", "FPS in silence, 1280x720", "25.0 +- 0.1", ">= 24.4"),
    Row("never_shown", "pictures never shown, %", "< 0.2", "", "21"),
    Row("slots_lost", "slots of a turn never seen, %", "< 0.2", "", "21"),
    Row("gap", "gap between pictures, ms: all", "", "", "p95 81"),
    Row("gap_p99", "gap between pictures, ms: p99", "<= 55"),
    Row("freeze", "longest freeze, ms", "<= 80", "0 freezes", "564"),
    Row("freezes", "freezes that Chromium counts", "", "0", count=True),
    Row("av", "A/V offset (picture late +), ms", "median +-10, p5..p95 -25..+25", "+-10, -30..+30", "+50..+73, to 86"),
    Row("drift", "change of the A/V offset over the long reply, ms", "<= 5", "", "not bounded"),
    Row("stall_back", "A/V back in band after a 500 ms stall, s", "<= 1", "", "not bounded"),
    Row("voice", "first sample in -> first voice, ms", "<= 80", "<= 105", "105-148"),
    Row("mouth", "first sample in -> first moving mouth, ms", "<= 85", "<= 105", "170-228"),
    Row("silence", "interrupt -> last old voice, ms", "<= 65", "<= 85", "92-139"),
    Row("next_picture", "interrupt -> first picture of the new generation, ms", "<= 30", "", "105-151"),
    Row("stale", "pictures of the old generation after that", "0", "", count=True),
    Row("closed", "interrupt -> mouth closed, ms", "<= 140"),
    Row("position", "position reported - what had left, ms", "median 0 +- 3, p95 <= 10", "", "-38"),
    Row("started", "playback_started - first sample left the source, ms", "+-10"),
    Row("finished", "playback_finished - last sample left the source, ms", "+-10"),
    Row("started_viewer", "playback_started - first sample at the viewer, ms", "", "", "-60"),
    Row("finished_viewer", "playback_finished - last sample at the viewer, ms", "", "", "-105"),
    Row("unstarted", "turns after an interruption without playback_started", "0 of 200", "", "10 of 10", count=True),
    Row("after_interrupt", "  of so many", count=True),
    Row("pause_silence", "pause -> silence, ms", "<= 70", "", "impossible"),
    Row("seam", "voice lost (+) or doubled (-) by a resume, ms", "+-10", "", "impossible"),
    Row("click_interrupt", "click at an interruption, dB above the steady voice", "<= 0", "", "+24"),
    Row("click_pause", "click at a pause, dB above the steady voice", "<= 0", "", "impossible"),
    Row("click_resume", "click at a resume, dB above the steady voice", "<= 0", "", "impossible"),
    Row("cpu", "CPU in speech, % of a core"),
    Row("cpu_engine", "  the engine", ""),
    Row("cpu_encoder", "  the encoder", ""),
    Row("cpu_rest", "  the rest", ""),
    Row("cpu_fps", "  FPS at the viewer meanwhile", ""),
    Row("cpu_ratio", "CPU per picture shown, of the official one's with our encoding", "<= 0.9", "", "1"),
    Row("busy_av", "two busy processes: A/V offset, ms", "-25..+25", "", "drifts to -228"),
    Row("busy_fps", "two busy processes: FPS in speech", "25"),
    Row("busy_holes", "two busy processes: silent gaps in the voice", "0", "", count=True),
    Row("busy_underruns", "two busy processes: under-runs counted", "0", "", count=True),
    Row("capacity", "avatars at 25 FPS in one process", "more than official", "", "3 at 20 FPS"),
    Row("capacity_own", "avatars at their own full rate in one process"),
    Row("join", "join -> first picture, ms"),
    Row("black", "black pictures", "0", count=True),
    Row("net_voice", "source -> viewer, voice (no plugin), ms"),
    Row("net_picture", "capture -> viewer, picture (no plugin), ms"),
    Row("output_latency", "Chromium's output latency, ms"),
]  # fmt: skip


def spread(values: list[float]) -> str:
    """Median, 5th..95th percentile and count."""
    if not values:
        return "-"
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.1f} ({low:.1f}..{high:.1f}, {len(values)})"


def cell(row: Row, values: list[float] | None) -> str:
    """What stands in the table."""
    if values is None:
        return "-"
    if row.count:
        return f"{sum(values):.0f}"
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return spread(values)


@dataclass
class Report:
    """Everything that one run found."""

    viewer: str  # "python" or "chromium"
    results: Results = field(default_factory=dict)
    loads: dict[str, float] = field(default_factory=dict)  # load average after each experiment
    facts: dict[str, str] = field(default_factory=dict)  # versions and options

    def add(self, results: Results) -> None:
        """Take results over; figures of a row that is there already are appended."""
        for key, sides in results.items():
            for side, values in sides.items():
                self.results.setdefault(key, {}).setdefault(side, []).extend(values)

    def text(self) -> str:
        """The table: median (p5..p95, n), or a sum, or a single figure."""
        sides = [s for s in ("ours", "official", "official*", "plain") if any(s in r for r in self.results.values())]
        lines = [["measure", *sides, "target", "official before"]]
        for row in ROWS:
            if row.key in self.results:
                found = self.results[row.key]
                target = row.target if self.viewer == "python" else row.target_chromium
                lines.append([row.label, *(cell(row, found.get(side)) for side in sides), target, row.before])
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        return "\n".join("  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def json(self) -> str:
        """One line: each row's figures by side, as median, p5, p95 and n (counts as their sum)."""
        rows = {row.key: row for row in ROWS}
        summary = {
            key: {side: _summary(rows[key], values) for side, values in sides.items()}
            for key, sides in self.results.items()
        }
        return json.dumps({"viewer": self.viewer, **self.facts, "load": self.loads, "rows": summary})


def _summary(row: Row, values: list[float]) -> Mapping[str, float | None]:
    if row.count:
        return {"sum": sum(values), "n": len(values)}
    if not values:
        return {"n": 0}
    low, middle, high = (round(float(value), 3) for value in np.percentile(values, [5, 50, 95]))
    return {"median": middle, "p5": low, "p95": high, "n": len(values)}
