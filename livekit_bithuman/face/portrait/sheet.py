"""A sheet that shows at a glance how an avatar talks, blinks and turns."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from ..avatar import Avatar
from ..raster import Face

TILE = 256  # pixels
COLUMNS = 6
_LOOKS: tuple[tuple[str, Presentation], ...] = (
    ("smile", Presentation(smile=0.6)),
    ("half closed", Presentation(blink=0.5)),
    ("blink", Presentation(blink=1.0)),
    ("gaze", Presentation(gaze_x=0.5)),
    ("brows", Presentation(brow=1.0)),
    ("turned left", Presentation(yaw=-0.12)),
    ("turned right", Presentation(yaw=0.12, pitch=0.05)),
    ("tilted", Presentation(roll=0.08)),
)
_MIXES = (("sil", "aa"), ("ou", "E"), ("PP", "oh"))


def draw_sheet(avatar: Avatar) -> NDArray[np.uint8]:
    """All visemes, some halfway mixtures, and looks, each in a labelled tile. BGR."""
    face = Face(avatar, (TILE, TILE))
    shown = [(viseme, face.draw(mixed(viseme), Presentation())) for viseme in VISEMES]
    shown += [(f"{one} + {other}", face.draw(mixed(one, other), Presentation())) for one, other in _MIXES]
    shown += [(name, face.draw(resting_mouth(), look)) for name, look in _LOOKS]
    while len(shown) % COLUMNS:
        shown.append(("", np.zeros((TILE, TILE, 3), np.uint8)))
    tiles = [_labelled(picture, label) for label, picture in shown]
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def mixed(*visemes: str) -> VisemeWeights:
    """Equal parts of some visemes."""
    weights = np.zeros(len(VISEMES), np.float32)
    for viseme in visemes:
        weights[VISEMES.index(viseme)] += 1 / len(visemes)
    return weights


def _labelled(picture: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, label, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)
    return picture
