"""The list of characters as people and programs read it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman.cli import main
from livekit_bithuman.face import DEFAULT_AVATAR, Avatar, Face, builtin_names
from livekit_bithuman.pose import Presentation, resting_mouth

from ..face.test_gallery import offer


def test_each_built_in_is_told_in_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatars"]) == 0
    told = {text.split()[0]: text for text in capsys.readouterr().out.split("\n\n")}
    assert set(builtin_names()) <= set(told)
    for name in builtin_names():
        avatar = Avatar.load(name)
        assert avatar.description
        assert avatar.description in told[name]
        assert all(line in told[name] for line in avatar.licences)
        assert "512x512" in told[name]
        assert ("(the default)" in told[name]) == (name == DEFAULT_AVATAR)


def test_programs_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["avatars", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    for name in builtin_names():
        path = Path(found[name]["path"])
        assert found[name]["bytes"] == path.stat().st_size <= 4 << 20
        assert tuple(found[name]["licences"]) == Avatar.load(path).licences
        assert "thumbnail" not in found[name]


def test_thumbnails_show_the_resting_face(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "faces" / "small"
    assert main(["avatars", "--json", "--thumbnails", str(folder)]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    for name in builtin_names():
        picture = cv2.imread(found[name]["thumbnail"])
        assert picture is not None
        assert np.array_equal(picture, Face(Avatar.load(name), (256, 256)).draw(resting_mouth(), Presentation()))
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.png" for name in found)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["avatars", "--thumbnails", str(tmp_path / "file" / "faces")]) == 74
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "could not be written" in said


def test_a_character_that_cannot_be_used_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    offer(tmp_path, "others", "abel", "absent:flat")
    assert main(["avatars"]) == 0
    shown = capsys.readouterr().out
    assert "abel  cannot be used\n    The avatar 'abel' of the distribution others" in shown
    assert all(f"{name}  " in shown for name in builtin_names())
