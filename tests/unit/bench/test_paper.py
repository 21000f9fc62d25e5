"""The fleet on paper: its arithmetic, and that docs/scale.md has what it prints."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.paper import FOOTPRINT, SCALE, Fleet, Measured, table

ONE = Measured(cores=2.0, worker=0.5, first_mb=500.0, further_mb=50.0, server=0.07, video_kbit=1000.0, voice_kbit=100.0)
PRINTED = """\
draw 6.7 ms, encode 5.0 ms a picture; 2 cores
by that, an avatar takes 0.38 of a core (x1.3); a core at 70% carries 1.8 with encoding, 3.2 without

avatars  slowest FPS  mean FPS  skipped  cores  memory
      1         24.7      24.9        0   0.56  546 MB
      2         24.7      19.2        0   0.61  599 MB
"""
SEEN = """\
at a viewer: video 1127 kbit/s, voice 99 kbit/s
livekit-server: 6.5 % of a core for each avatar with a viewer
"""


def test_ten_avatars_by_hand() -> None:
    assert ONE.per_process == 2, "1.4 of two cores"
    ten = Fleet.of(10, ONE)
    assert ten.worker_processes == 5
    assert ten.worker_cores == 10
    assert ten.worker_gb == pytest.approx(5 * 0.5 + 5 * 0.05)
    assert ten.server_cores == 1, "10 x 0.07 / 0.7"
    assert ten.traffic_in == pytest.approx(10 * (1.0 + 0.1 + 0.1 + 0.384))
    assert ten.traffic_out == pytest.approx(10 * (1.0 + 0.1 + 0.1 + 0.384))
    assert ten.tracks == 80
    assert ten.nodes_by == {"cores": 1, "network": 1, "tracks": 1}


def test_many_are_as_many_times_more() -> None:
    thousand, many = Fleet.of(1_000, ONE), Fleet.of(100_000, ONE)
    for name in ("worker_processes", "worker_cores", "worker_gb", "server_cores", "traffic_out", "tracks"):
        assert getattr(many, name) == pytest.approx(100 * getattr(thousand, name))
    assert thousand.nodes_by["tracks"] == 1
    assert many.nodes_by == {"cores": 625, "network": 23, "tracks": 100}


def test_a_dear_avatar_has_a_process_for_itself() -> None:
    assert dataclasses.replace(ONE, worker=1.9).per_process == 1


def test_the_tables_that_the_benches_print_are_read() -> None:
    one = Measured.read(SEEN, PRINTED)
    assert (one.cores, one.worker, one.first_mb, one.further_mb) == (2.0, 0.56, 546.0, 53.0)
    assert one.server == pytest.approx(0.065)
    assert (one.video_kbit, one.voice_kbit) == (1127.0, 99.0)


@pytest.mark.parametrize(
    ("seen", "printed"),
    [
        (SEEN.replace("livekit-server", "another"), PRINTED),
        (SEEN, "\n".join(PRINTED.splitlines()[:-1])),
        (SEEN, PRINTED.replace("24.9", "20.1")),
    ],
    ids=["no server", "one row", "not at full rate"],
)
def test_a_measurement_that_lacks_something_is_refused(seen: str, printed: str) -> None:
    with pytest.raises(ValueError, match="measurement"):
        Measured.read(seen, printed)


def test_the_page_has_what_the_committed_measurements_give() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scale.md").read_text()
    assert table(Measured.read(FOOTPRINT.read_text(), SCALE.read_text())) in page, "python -m bench.scale --paper"
