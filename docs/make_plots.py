"""Draws docs/images/latency.svg and sync.svg from docs/measurements/side-by-side.txt: `python docs/make_plots.py`.

Needs matplotlib (extra `[plot]`, or the environment of `make docs`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
MEASURED = DOCS / "measurements" / "side-by-side.txt"

OURS, OFFICIAL = "#00897b", "#b0b0b0"

#: Commands of the runs in the file, as they begin.
FULL = 'make bench ARGS="turns"'
QUICK = 'make bench ARGS="turns interruptions source'
CHROMIUM = 'make bench ARGS="network turns interruptions --quick --viewer chromium"'

VOICE = "first sample in -> first voice, ms"
MOUTH = "first sample in -> first moving mouth, ms"
SILENCE = "interrupt -> last old voice, ms"
NEW_PICTURE = "interrupt -> first picture of the new generation, ms"
OFFSET = "A/V offset (picture late +), ms"
BUSY_OFFSET = "two busy processes: A/V offset, ms"
NETWORK = "source -> viewer, voice (no plugin), ms"


@dataclass(frozen=True)
class Spread:
    """A measure: its median, and the values that 5 and 95 % are below."""

    median: float
    low: float
    high: float


def runs(text: str) -> dict[str, dict[str, dict[str, Spread]]]:
    """Command -> measure -> column ("ours", "official", "plain") -> spread, of all rows that have one."""
    found: dict[str, dict[str, dict[str, Spread]]] = {}
    for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = block.splitlines()
        header = next(line for line in lines if line.startswith("measure "))
        # columns are as wide as the header says: their names stand where they begin
        starts = {match[0]: match.start() for match in re.finditer(r"(?<=  )\S+(?: \S+)*", header)}
        table: dict[str, dict[str, Spread]] = {}
        for line in lines[lines.index(header) + 1 :]:
            cells = {name: spread for name, start in starts.items() if (spread := _spread(line[start:]))}
            if cells:
                table[line[: starts["ours"]].strip()] = cells
        found[lines[0]] = table
    return found


def _spread(cell: str) -> Spread | None:
    match = re.match(r"(-?[\d.]+) \((-?[\d.]+)\.\.(-?[\d.]+), \d+\)", cell)
    return Spread(*map(float, match.groups())) if match else None


def run_of(found: dict[str, dict[str, dict[str, Spread]]], command: str) -> dict[str, dict[str, Spread]]:
    """The run whose command begins so."""
    return next(table for name, table in found.items() if name.startswith(command))


def latency_rows(found: dict[str, dict[str, dict[str, Spread]]]) -> list[tuple[str, dict[str, Spread]]]:
    """What the first plot shows."""
    full, quick = run_of(found, FULL), run_of(found, QUICK)
    return [
        ("reply: first voice", full[VOICE]),
        ("reply: first moving mouth", full[MOUTH]),
        ("interruption: last old voice", quick[SILENCE]),
        ("interruption: next picture", quick[NEW_PICTURE]),
    ]


def sync_rows(found: dict[str, dict[str, dict[str, Spread]]]) -> list[tuple[str, dict[str, Spread]]]:
    """What the second plot shows."""
    return [
        ("Python viewer", run_of(found, FULL)[OFFSET]),
        ("Chromium", run_of(found, CHROMIUM)[OFFSET]),
        ("beside two busy processes", run_of(found, QUICK)[BUSY_OFFSET]),
    ]


def draw(rows: list[tuple[str, dict[str, Spread]]], axis: str, floor: float | None = None) -> Any:
    """One figure: a bar from 5 to 95 % and a dot at the median, ours above the official plugin's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 0.9 + 0.72 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for index, (_, columns) in enumerate(rows):
        for name, colour, shift in (("ours", OURS, -0.17), ("official", OFFICIAL, 0.17)):
            told = columns[name]
            axes.plot(
                [told.low, told.high], [index + shift] * 2, color=colour, linewidth=9, solid_capstyle="butt", alpha=0.45
            )
            axes.plot([told.median], [index + shift], "o", color=colour, markersize=9)
            axes.annotate(
                f"{told.median:.0f}", (told.high, index + shift), xytext=(6, 0), textcoords="offset points",
                va="center", fontsize=10, color="#333333",
            )  # fmt: skip
    if floor is not None:
        axes.set_xlim(0, 1.1 * max(told.high for _, columns in rows for told in columns.values()))
        axes.axvline(floor, color="#555555", linewidth=1, linestyle=":")
        axes.annotate(
            "network and viewer alone, voice", (floor, -0.62), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9, color="#555555",
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=11)
    axes.set_ylim(len(rows) - 0.4, -0.8)
    axes.set_xlabel(axis, fontsize=10)
    axes.margins(x=0.08)
    axes.grid(axis="x", color="#e4e4e4")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for name, colour in (("livekit_bithuman", OURS), ("livekit-plugins-bithuman 1.8.10", OFFICIAL)):
        axes.plot([], [], "o", color=colour, label=name, markersize=9)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    return figure


def main() -> None:
    """Write both pictures."""
    import matplotlib as mpl

    # the same figures give the same bytes
    mpl.rcParams.update({"svg.hashsalt": "livekit_bithuman", "svg.fonttype": "none", "font.family": "sans-serif"})
    found = runs(MEASURED.read_text())
    floor = run_of(found, FULL)[NETWORK]["plain"].median
    latency = draw(latency_rows(found), "ms, at the viewer: median, 5 to 95 %", floor)
    sync = draw(sync_rows(found), "ms, picture less voice, at the viewer: median, 5 to 95 %")
    for name, figure in (("latency", latency), ("sync", sync)):
        figure.savefig(DOCS / "images" / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
