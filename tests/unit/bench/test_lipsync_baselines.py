"""What the other systems say, brought to ours."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.lipsync import node
from bench.lipsync.baselines import headaudio, headaudio_classes, loudness, rhubarb
from bench.lipsync.clips import Clip
from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.shape import OPENNESS, WIDTH

CLIP = Clip("one-a", "one", np.arange(3200, dtype=np.int16), np.zeros(20, np.int64))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is installed, and no program is on the path."""
    monkeypatch.setenv("LIVEKIT_BITHUMAN_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    node._installed.cache_clear()
    return tmp_path


def keep(cache: Path, name: str, answer: Any) -> None:
    """Put an answer where an earlier run left it."""
    script = Path(node.__file__).with_name(f"{name}.mjs").read_bytes()
    directory = cache / "lipsync" / "told" / f"{name}-{node.PACKAGES[name][1]}"
    directory.mkdir(parents=True)
    (directory / f"{hashlib.sha256(script + CLIP.pcm.tobytes()).hexdigest()}.json").write_text(json.dumps(answer))


def test_the_mouth_opens_with_the_voice() -> None:
    level = np.repeat([0.0, 1.0, 0.1, 0.0], 1600)
    tone = np.sin(np.arange(len(level)) * 0.3) * level * 10_000
    told = loudness(Clip("one-a", "one", tone.astype(np.int16), np.zeros(40, np.int64)))
    quiet, loud, faint, after = told.openness.reshape(4, 10)[:, 5]
    assert loud == pytest.approx(1.0, abs=0.02)
    assert faint == pytest.approx(12 / 32, abs=0.05)  # 20 dB below, of 32
    assert (quiet, after) == pytest.approx((0.0, 0.0), abs=0.01)
    assert told.visemes is None


def test_rhubarbs_shapes_are_those_of_their_sounds(cache: Path) -> None:
    cues = [("X", 0.0, 0.05), ("A", 0.05, 0.1), ("D", 0.1, 0.15), ("F", 0.15, 0.2)]
    keep(cache, "rhubarb", {"mouthCues": [{"start": a, "end": b, "value": shape} for shape, a, b in cues]})
    (told,) = rhubarb([CLIP])
    expected = [VISEMES.index(viseme) for viseme in ("sil", "PP", "aa", "ou") for _ in range(5)]
    assert told.openness == pytest.approx(OPENNESS[expected])
    assert told.width == pytest.approx(WIDTH[expected])


def test_headaudio_is_shown_with_its_voice_delayed(cache: Path) -> None:
    values = np.zeros((40, 15))
    values[14:18, 0] = 0.65  # aa, 100 ms after the rows 4 to 8
    keep(cache, "headaudio", {"values": values.tolist(), "classes": []})
    (told,) = headaudio([CLIP])
    assert len(told.openness) == 20
    assert np.flatnonzero(told.openness).tolist() == [4, 5, 6, 7]
    assert told.openness[5] == pytest.approx(0.65 * 0.9)
    assert told.visemes is not None
    assert told.visemes[4:9].tolist() == [10, 10, 10, 10, 0]


def test_headaudios_classes_stand_at_their_own_times(cache: Path) -> None:
    keep(cache, "headaudio", {"values": [], "classes": [[0.05, 5], [0.066, 5], [0.082, 4]]})
    (told,) = headaudio_classes([CLIP])
    assert told.visemes is not None
    names = [VISEMES[index] for index in told.visemes]
    assert names == ["sil"] * 4 + ["PP"] * 3 + ["ou"] * 2 + ["sil"] * 11


def test_a_machine_without_node_says_so() -> None:
    with pytest.raises(node.Unavailable, match=r"npm is missing: install Node"):
        rhubarb([CLIP])


def test_a_script_that_fails_says_how_and_leaves_nothing(cache: Path) -> None:
    npm = cache / "npm"
    npm.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(node.Unavailable, match="no such package"):
        headaudio([CLIP])
    assert not list((cache / "lipsync").glob("told/*/*"))
