"""A fleet on paper: `python -m bench.scale --paper`, from what `bench.footprint` and `bench.scale` printed.

Everything is multiplied from one avatar in one room: a worker's face, one viewer, one agent. A worker process gets as
many cores as the machine on which it was measured, and as many avatars as those carry; more of them in one process
would wait for each other (bench/lock.py).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from livekit_bithuman.fleet.capacity import SHARE

MEASUREMENTS = Path(__file__).parents[1] / "docs" / "measurements"
#: The printed tables that are committed.
FOOTPRINT, SCALE = MEASUREMENTS / "footprint.txt", MEASUREMENTS / "scale.txt"
FLEETS = (10, 1_000, 100_000)
#: The agent sends its voice to the avatar as samples: 16 bits of them at 24 kHz.
SAMPLES_KBIT = 24_000 * 16 / 1000
#: livekit-server's `limit.num_tracks`, which counts tracks in and out, as its sample configuration has it at most.
TRACKS_PER_NODE = 8_000
#: In: the avatar's two, the agent's own voice that stands by, the user's. Out: all but the last to the viewer, and the
#: user's voice to the agent, which does not take its avatar's.
TRACKS_PER_ROOM = 4 + 3 + 1
#: What a cloud's machine has: cores, and Gbit/s of network.
NODE_CORES, NODE_GBIT = 16, 10.0
#: A conversation's length, for how often avatars come and go.
CALL_S = 300.0


@dataclass(frozen=True)
class Measured:
    """Of one speaking avatar.

    Attributes:
        cores: Of the machine.
        worker: Of a core, all of the worker's process.
        first_mb: Of a worker's process with one.
        further_mb: Of one more in it.
        server: Of a core, livekit-server's.
        video_kbit: At a viewer.
        voice_kbit: The same.
    """

    cores: float
    worker: float
    first_mb: float
    further_mb: float
    server: float
    video_kbit: float
    voice_kbit: float

    @classmethod
    def read(cls, footprint: str, scale: str) -> Measured:
        """From what the two printed.

        Raises:
            ValueError: A figure is not there, or the worker did not show its only avatar at full rate.
        """
        rows = [line.split() for line in scale.splitlines() if re.match(r" *\d+ +[\d.]+ +[\d.]+ +\d+ ", line)]
        if len(rows) < 2 or float(rows[0][2]) < 24.0:
            raise ValueError("The measurement has no row of one avatar at 25 FPS, or none of a second one.")
        return cls(
            cores=_figure(r"a picture; ([\d.]+) cores", scale),
            worker=float(rows[0][4]),
            first_mb=float(rows[0][5]),
            further_mb=float(rows[1][5]) - float(rows[0][5]),
            server=_figure(r"livekit-server: ([\d.]+) %", footprint) / 100,
            video_kbit=_figure(r"video ([\d.]+) kbit", footprint),
            voice_kbit=_figure(r"voice ([\d.]+) kbit", footprint),
        )

    @property
    def per_process(self) -> int:
        """Avatars in a worker's process."""
        return max(1, int(self.cores * SHARE / self.worker))


@dataclass(frozen=True)
class Fleet:
    """What so many avatars take that speak at once. Traffic is that of the LiveKit servers, in Mbit/s."""

    avatars: int
    worker_processes: int
    worker_cores: int
    worker_gb: float
    server_cores: int
    traffic_in: float
    traffic_out: float
    tracks: int
    calls_per_s: float

    @classmethod
    def of(cls, avatars: int, one: Measured) -> Fleet:
        """By multiplication."""
        processes = math.ceil(avatars / one.per_process)
        memory = processes * one.first_mb + (avatars - processes) * one.further_mb
        seen = one.video_kbit + one.voice_kbit
        return cls(
            avatars=avatars,
            worker_processes=processes,
            worker_cores=math.ceil(processes * one.cores),
            worker_gb=memory / 1000,
            server_cores=math.ceil(round(avatars * one.server / SHARE, 6)),
            # the user's voice counts as much as the avatar's
            traffic_in=avatars * (seen + one.voice_kbit + SAMPLES_KBIT) / 1000,
            traffic_out=avatars * (seen + one.voice_kbit + SAMPLES_KBIT) / 1000,
            tracks=avatars * TRACKS_PER_ROOM,
            calls_per_s=avatars / CALL_S,
        )

    @property
    def nodes_by(self) -> dict[str, int]:
        """LiveKit servers of `NODE_CORES` and `NODE_GBIT`, by what limits them."""
        return {
            "cores": math.ceil(self.server_cores / NODE_CORES),
            "network": math.ceil(max(self.traffic_in, self.traffic_out) / (1000 * NODE_GBIT * SHARE)),
            "tracks": math.ceil(self.tracks / TRACKS_PER_NODE),
        }


def table(one: Measured, fleets: tuple[int, ...] = FLEETS) -> str:
    """Rows for people, in Markdown."""
    made = [Fleet.of(avatars, one) for avatars in fleets]
    rows = {
        "avatars that speak at once": [f"{each.avatars:,}" for each in made],
        f"worker processes of {one.cores:g} cores, {one.per_process} avatars each": [
            f"{each.worker_processes:,}" for each in made
        ],
        "cores of workers": [f"{each.worker_cores:,}" for each in made],
        "memory of workers, GB": [f"{each.worker_gb:,.0f}" for each in made],
        f"cores of livekit-server, {SHARE:.0%} busy": [f"{each.server_cores:,}" for each in made],
        "into the LiveKit servers, Mbit/s": [f"{each.traffic_in:,.0f}" for each in made],
        "out of them, one viewer each, Mbit/s": [f"{each.traffic_out:,.0f}" for each in made],
        "tracks in and out": [f"{each.tracks:,}" for each in made],
        **{
            f"LiveKit servers by {limit}": [f"{each.nodes_by[limit]:,}" for each in made]
            for limit in ("cores", "network", "tracks")
        },
        f"calls a second, if each lasts {CALL_S:.0f} s": [f"{each.calls_per_s:,.1f}" for each in made],
    }
    (head, sizes), *rest = rows.items()
    lines = [f"| {head} | {' | '.join(sizes)} |", "|---|" + "---:|" * len(made)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(values)} |" for name, values in rest)])


def _figure(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"The measurement has nothing like {pattern!r}.")
    return float(found[1])
