"""The command from end to end, on two clips made on the fly: no network, no evaluation speech."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.lipsync import __main__ as command
from bench.lipsync import baselines, cost, experiments
from bench.lipsync.clips import SpeechError, read_clips
from bench.lipsync.node import Unavailable
from bench.lipsync.runtime import read_net
from livekit_bithuman.speech import net
from training.speech import score

from .lipsync_clips import write_clips

SHIPPED = Path(net.__file__).parent / net.WEIGHTS


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "speech"
    write_clips(folder)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lipsync", *arguments])
    return command.main()


def test_our_own_columns(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    options = ["--speech", str(clips), "--json", str(found), "--weights", str(SHIPPED)]
    assert run(monkeypatch, "conditions", "lookahead", *options) == 0
    printed = capsys.readouterr().out
    assert "speech: 1 one (2 s), 1 two (2 s)" in printed
    sections = json.loads(found.read_text())["sections"]
    rows = sections["conditions"]["rows"]
    assert len(rows) == 2 * 2 * 4  # nets, groups, conditions
    clean = [row for row in rows if row["condition"] == "clean"]
    assert all(row["openness_r"] > 0.6 and row["openness_r_change"] == 0 for row in clean)
    assert any(row["openness_r_change"] != 0 for row in rows)
    for row in clean:
        assert f"{row['openness_r']:.3f}" in printed
    lookahead = sections["lookahead"]["rows"]
    assert [row["openness_r"] for row in lookahead][0::2] == [row["openness_r"] for row in lookahead][1::2]
    by_shift = {row["late_ms"]: row["openness_r"] for row in sections["shifts"]["rows"] if row["group"] == "one"}
    assert max(by_shift, key=lambda late: by_shift[late]) in (-20, 0, 20)


def test_what_is_told_right_costs_nothing(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    assert run(monkeypatch, "misses", "--speech", str(clips), "--json", str(found), "--weights", str(SHIPPED)) == 0
    capsys.readouterr()
    rows = [row for row in json.loads(found.read_text())["sections"]["misses"]["rows"] if row["group"] == "one"]
    accuracy = {row["given"]: row["accuracy"] for row in rows}
    openness = {row["given"]: row["openness_r"] for row in rows}
    assert all(accuracy[given] >= accuracy["none"] for given in accuracy)
    assert accuracy["aa"] <= accuracy["vowels"]
    assert accuracy["vowels"] > accuracy["none"], "the clips hold vowels that the net does not hear"
    assert openness["vowels"] > openness["none"]


def test_scores_are_those_of_the_training_tools(clips: Path) -> None:
    bench = experiments.Bench(read_clips(clips))
    (ours,) = bench.ours
    for fps in experiments.FRAME_RATES:
        tallies = score.score(clips, fps)
        for group in bench.groups():
            assert bench.scored(ours.told[fps], group).line() == tallies[group].line()


def test_a_baseline_that_cannot_run_is_named_and_left_out(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: object) -> list[object]:
        raise Unavailable("it is not installed")

    known = baselines.BASELINES
    absent = baselines.Baseline("Nobody", "nothing", missing)  # type: ignore[arg-type]
    chosen = {"loudness": known["loudness"], "nobody": absent, "rhubarb": known["rhubarb"]}
    monkeypatch.setattr(experiments, "BASELINES", chosen)
    bench = experiments.Bench(read_clips(clips), without=["rhubarb"])
    (section,) = experiments.systems(bench)
    names = [(row["system"], row["fps"]) for row in section.rows if row["group"] == "one"]
    assert names == [("ours", 100), ("ours", 25), ("ours, in the pictures", 25), ("loudness", 100), ("loudness", 25)]
    assert section.notes == ["Nobody was not run: it is not installed.", "Rhubarb Lip Sync was left out."]
    assert "Nobody was not run" in section.text()
    (section,) = experiments.closures(bench)
    assert len(section.rows) == 10
    ours = section.rows[0]
    assert ours["recall_0.08"] <= ours["recall_0.13"] <= ours["recall_0.2"]  # type: ignore[operator]


def test_cost_is_measured_at_both_rates() -> None:
    costs = cost.measured(repeats=1)
    assert [each.rate for each in costs] == [24_000, 48_000]
    for each in costs:
        assert 0 < each.best_ms == each.median_ms
        assert 100 < each.lookahead_ms <= 120


def test_other_weights_are_named_and_wrong_ones_refused(tmp_path: Path) -> None:
    assert read_net(SHIPPED).lookahead_rows == net.shipped_net().lookahead_rows
    wrong = tmp_path / "wrong.npz"
    wrong.write_bytes(b"PK\x03\x04")
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    for path in (wrong, tmp_path / "other.npz", tmp_path / "none.npz"):
        with pytest.raises(SpeechError, match="not a weights file"):
            read_net(path)


def test_nothing_to_score_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "conditions", "--speech", str(tmp_path)) == 1
    assert "no labelled speech" in capsys.readouterr().err


def test_an_unknown_experiment_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "dancing")
    assert "no experiment dancing" in capsys.readouterr().err
