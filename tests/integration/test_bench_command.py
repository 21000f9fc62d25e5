"""`livekit-bithuman bench` as its own program: its table, its JSON, and a real room. Never how fast it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from livekit_bithuman.server import ServerAddress

ROOT = Path(__file__).parents[2]
QUICK = ["bench", "--frames", "10", "--seconds", "3", "--size", "64x48"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "livekit_bithuman", *QUICK, *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.server
def test_a_viewer_in_a_real_room_tells_what_it_gets(livekit_server: ServerAddress) -> None:
    server = livekit_server
    done = run("--json", LIVEKIT_URL=server.url, LIVEKIT_API_KEY=server.api_key, LIVEKIT_API_SECRET=server.api_secret)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["machine"]["cores"] == os.cpu_count()
    (engine,) = told["engine"]
    assert engine["size"] == [64, 48]
    assert 0 < engine["picture_ms"] <= engine["picture_p95_ms"]
    assert told["process"]["start_s"] > 0
    assert 0 < told["process"]["further_mb"] < told["process"]["first_mb"]
    viewer = told["viewer"]
    assert viewer["fps"] > 0
    assert viewer["freezes"] >= 0
    assert viewer["av_offset_ms"]["count"] > 0


def test_the_table_has_a_row_for_each_figure() -> None:
    done = run("--no-room", "--size", "32x32")
    assert done.returncode == 0, done.stderr
    assert all(row in done.stdout for row in ("of 64x48", "of 32x32", "speech to visemes", "start", "further avatar"))
    assert "viewer" not in done.stdout


def test_a_server_that_is_named_and_gone_is_one_line() -> None:
    done = run(LIVEKIT_URL="ws://127.0.0.1:9", LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET="s" * 40)
    assert done.returncode == 69
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert "ws://127.0.0.1:9" in line
