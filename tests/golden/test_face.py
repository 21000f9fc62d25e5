"""Pictures of the default character, byte for byte.

They hold on the rasters they were made with alone: another OpenCV, or one that uses other instructions, may round a
pixel differently. After a wanted change of the raster or the character, look at the new pictures and run

    LIVEKIT_BITHUMAN_UPDATE_GOLDEN=1 python -m pytest tests/golden

Run where other instructions come to the same pictures (OPENCV_CPU_DISABLE=AVX512-SKX takes some away), it adds those.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.pose import VISEMES, Picture, Presentation

HERE = Path(__file__).parent
MADE_WITH = HERE / "raster.json"
UPDATE = "LIVEKIT_BITHUMAN_UPDATE_GOLDEN" in os.environ
CASES = {
    "rest": ({"sil": 1.0}, Presentation()),
    "speaking": (
        {"aa": 0.5, "E": 0.3, "sil": 0.2},
        Presentation(yaw=0.06, pitch=0.03, roll=-0.02, gaze_x=0.3, gaze_y=0.2, brow=0.6, smile=0.3, breath=0.5),
    ),
    "blinking": ({"ou": 0.8, "PP": 0.2}, Presentation(yaw=-0.08, blink=0.7, brow=-0.5)),
}


def holds() -> bool:
    """Whether the golden pictures were made by this OpenCV with these instructions."""
    made_with = json.loads(MADE_WITH.read_text())
    return made_with["opencv"] == cv2.__version__ and cv2.getCPUFeaturesLine() in made_with["instructions"]


def update(path: Path, picture: Picture) -> None:
    """Keep a picture, and what it was made with."""
    golden = cv2.imread(str(path))
    same = golden is not None and np.array_equal(picture, golden)
    cv2.imwrite(str(path), picture)
    others = json.loads(MADE_WITH.read_text())["instructions"] if same else []
    made_with = {"opencv": cv2.__version__, "instructions": sorted({*others, cv2.getCPUFeaturesLine()})}
    MADE_WITH.write_text(json.dumps(made_with, indent=1) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_the_picture_is_the_golden_one(name: str) -> None:
    shares, presentation = CASES[name]
    weights = np.zeros(len(VISEMES), np.float32)
    for viseme, share in shares.items():
        weights[VISEMES.index(viseme)] = share
    picture = Face(Avatar.load(), (192, 192)).draw(weights, presentation)
    path = HERE / f"{name}.png"
    if UPDATE:
        update(path, picture)
    if not holds():
        pytest.skip("the golden pictures were made with another OpenCV, or on a CPU with other instructions")
    golden = cv2.imread(str(path))
    assert golden is not None
    assert np.array_equal(picture, golden)
