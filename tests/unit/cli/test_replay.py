"""`livekit-bithuman replay`: the timeline, the check, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from livekit_bithuman.cli import main
from tests.unit.playout.sim import RATE, ramp
from tests.unit.trace.recorded import Recorded


@pytest.fixture
def recorded() -> Recorded:
    recorded = Recorded()
    recorded.sim.run(0.3)
    recorded.sim.capture(ramp(RATE))
    recorded.sim.run(0.5)
    recorded.sim.clear()
    recorded.sim.flush()
    recorded.sim.run(0.2)
    return recorded


def test_the_timeline_is_printed_and_the_check_passes(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "session.jsonl").write_text(recorded.text)
    assert main(["replay", str(tmp_path / "session.jsonl")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "16000 Hz, 25 FPS, 1 utterance" in lines[0]
    assert lines[1].split(maxsplit=1)[1] == "utterance 0: voice came"
    assert any("utterance 0: was interrupted, 0." in line and "of 1.000 s heard" in line for line in lines)
    assert lines[-1].startswith("replayed: ")
    assert lines[-1].endswith(" agree")


def test_json_has_it_all(recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "session.jsonl").write_text(recorded.text)
    assert main(["replay", "--json", str(tmp_path / "session.jsonl")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["header"]["rate"] == RATE
    assert told["utterances"][0]["interrupted"]
    assert told["replayed"]["divergence"] is None
    assert told["timeline"]


def test_a_recording_that_breaks_off_says_so(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "session.jsonl").write_text(recorded.text[:-5])
    assert main(["replay", str(tmp_path / "session.jsonl")]) == 0
    assert "breaks off here" in capsys.readouterr().out


def test_a_replay_that_differs_fails_and_says_where(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = recorded.text.replace('["finished",0,', '["finished",0,9')
    (tmp_path / "session.jsonl").write_text(text)
    assert main(["replay", str(tmp_path / "session.jsonl")]) == 65
    complaint = capsys.readouterr().err
    assert "differs from the recording at line" in complaint
    assert "was recorded by version" in complaint


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot be read: No such file"), (b"\xff\xfe\x00", "it is no text"), (b"hello\n", "no trace of a session")],
)
def test_what_cannot_be_read_is_one_clear_line(
    content: bytes | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "session.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert main(["replay", str(path)]) == 65
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.splitlines()) == 1
