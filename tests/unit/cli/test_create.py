"""`livekit-bithuman create`: a picture in, an avatar out, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman.cli import main
from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.pose import Presentation, resting_mouth


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    cv2.imwrite(str(path), Face(Avatar.load()).draw(resting_mouth(), Presentation()))
    return path


def test_an_avatar_and_a_sheet(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = portrait.with_name("me.avatar"), portrait.with_name("sheet.png")
    assert main(["create", str(portrait), "-o", str(out), "--preview", str(sheet)]) == 0
    assert Avatar.load(out).name == "me"
    drawn = cv2.imread(str(sheet))
    assert drawn is not None
    assert drawn.shape[1] == 6 * 256
    said = capsys.readouterr()
    assert "consent" in said.err
    assert "me.avatar" in said.out
    assert sorted(path.name for path in out.parent.iterdir()) == ["me.avatar", "me.jpg", "sheet.png"]


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, wall = tmp_path / "me.avatar", tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((300, 300, 3), 90, np.uint8))
    assert main(["create", str(wall), "-o", str(out)]) == 65
    assert "No face" in capsys.readouterr().err
    assert main(["create", str(tmp_path / "none.jpg"), "-o", str(out)]) == 66
    assert not out.exists()


def test_a_place_that_cannot_be_written(portrait: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", str(portrait), "-o", str(portrait.with_name("no") / "me.avatar")]) == 74
    assert "could not be written" in capsys.readouterr().err
