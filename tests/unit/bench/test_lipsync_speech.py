"""Labels and recordings of the evaluation speech: read, written, refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from bench.lipsync import speech
from bench.lipsync.clips import SpeechError, read_clips, segments_of_runs, some_of, write_clip
from livekit_bithuman.pose import VISEMES

from .lipsync_clips import SPOKEN, write_clips


def test_runs_are_segments_that_follow_each_other() -> None:
    assert segments_of_runs("sil:4 TH:15 aa:1") == [(0.0, 0.04, "sil"), (0.04, 0.19, "TH"), (0.19, 0.2, "aa")]
    assert segments_of_runs("") == []


@pytest.mark.parametrize("runs", ["sil", "sil:", "xx:3", "sil:-3", "sil:1.5"])
def test_what_is_not_a_run_is_refused(runs: str) -> None:
    with pytest.raises(SpeechError):
        segments_of_runs(runs)


@pytest.mark.parametrize("half", ["human", "neural"])
def test_the_labels_in_the_repository_are_whole(half: str) -> None:
    entries = json.loads((speech.LABELS / f"{half}.json").read_text(encoding="utf-8"))
    assert len(entries) >= 60
    for entry in entries.values():
        segments = segments_of_runs(entry["visemes"])
        assert entry["text"]
        assert {viseme for _, _, viseme in segments} <= set(VISEMES)
        assert any(viseme != "sil" for _, _, viseme in segments)
        if half == "neural":
            units = [int(unit) for unit in entry["units"].split()]
            assert sum(units) * 256 / 22_050 == pytest.approx(segments[-1][1], abs=speech.LOOSE_END_S)


def test_clips_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_clips(tmp_path)
    clips = read_clips(tmp_path)
    assert [(clip.name, clip.group) for clip in clips] == [("one-first", "one"), ("two-second", "two")]
    for clip in clips:
        runs = [item.split(":") for item in SPOKEN[clip.name][1].split()]
        expected = np.concatenate([np.full(int(rows), VISEMES.index(viseme)) for viseme, rows in runs])
        assert np.array_equal(clip.labels, expected)
        assert len(clip.pcm) == clip.rows * 160
    assert not list(tmp_path.glob(".*"))


def test_the_halves_have_names(tmp_path: Path) -> None:
    for name in ("asterisk-x", "piper-y"):
        write_clip(tmp_path, name, np.zeros(1600, np.int16), "", segments_of_runs("aa:10"))
    assert [clip.group for clip in read_clips(tmp_path)] == ["human", "neural"]


def test_some_are_taken_from_all_over_each_group(tmp_path: Path) -> None:
    for group, count in (("one", 10), ("two", 3)):
        for number in range(count):
            write_clip(tmp_path, f"{group}-{number}", np.zeros(160, np.int16), "", segments_of_runs("aa:1"))
    taken = [clip.name for clip in some_of(read_clips(tmp_path), 4)]
    assert taken == ["one-0", "one-3", "one-6", "one-9", "two-0", "two-1", "two-2"]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="no labelled speech"):
        read_clips(tmp_path)


def test_labels_without_sound_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "one-a.json").write_text('{"visemes": []}')
    with pytest.raises(SpeechError, match=r"one-a\.wav"):
        read_clips(tmp_path)


def test_another_rate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one-a.json").write_text('{"visemes": [[0.0, 0.1, "aa"]]}')
    soundfile.write(tmp_path / "one-a.wav", np.zeros(800, np.int16), 8000)
    with pytest.raises(SpeechError, match="16 kHz"):
        read_clips(tmp_path)


def test_g722_is_decoded_at_16_khz() -> None:
    tone = np.rint(np.sin(np.arange(16_000) * 2 * np.pi * 500 / 16_000) * 8000).astype(np.int16)
    file = io.BytesIO()
    with av.open(file, "w", format="g722") as output:
        stream = output.add_stream("g722", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        output.mux([*stream.encode(frame), *stream.encode(None)])
    decoded = speech.decoded_g722(file.getvalue())
    assert len(decoded) == pytest.approx(len(tone), abs=640)
    spectrum = np.abs(np.fft.rfft(decoded[4000:12_000].astype(float)))
    assert int(spectrum.argmax()) == 250  # 500 Hz in half a second


def test_a_machine_without_apt_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpeechError, match=r"no apt-get.*--speech FOLDER"):
        speech.build(tmp_path / "speech", lambda text: None)


def test_labels_of_another_recording_are_refused(tmp_path: Path) -> None:
    entry = {"visemes": "sil:10 aa:90", "text": ""}
    speech._keep(tmp_path, "one-right", np.zeros(16_100, np.int16), entry)
    with pytest.raises(SpeechError, match="labels"):
        speech._keep(tmp_path, "one-wrong", np.zeros(17_000, np.int16), entry)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one-right.json", "one-right.wav"]
