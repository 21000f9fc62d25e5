"""The picture of docs/avatars.md: each built-in character in many poses, weak ones too.

python -m training.art.gallery docs/images/avatars.jpg
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.face.portrait.sheet import mixed
from livekit_bithuman.pose import Presentation

PORTRAIT, TILE = 512, 176  # pixels: the first, large picture of a row, and the others
TURN = math.radians(8)
COLUMNS = 8
#: Two rows of small pictures beside each portrait.
POSES = (
    (mixed("PP"), Presentation()),
    (mixed("FF"), Presentation()),
    (mixed("TH"), Presentation()),
    (mixed("SS"), Presentation()),
    (mixed("aa"), Presentation()),
    (mixed("E"), Presentation()),
    (mixed("oh"), Presentation()),
    (mixed("ou"), Presentation()),
    (mixed("PP", "aa"), Presentation()),
    (mixed("ou", "E"), Presentation()),
    (mixed("sil"), Presentation(smile=1, brow=1)),
    (mixed("sil"), Presentation(brow=-1)),
    (mixed("sil"), Presentation(blink=1)),
    (mixed("sil"), Presentation(gaze_x=-0.8, gaze_y=-0.4)),
    (mixed("aa", "sil"), Presentation(yaw=TURN)),
    (mixed("E", "sil"), Presentation(yaw=-TURN, pitch=TURN)),
)


def row(avatar: Avatar) -> NDArray[np.uint8]:
    """A character's portrait, and its poses cut to the face."""
    portrait = Face(avatar, (PORTRAIT, PORTRAIT)).draw(mixed("sil"), Presentation())
    tiles = [_to_face(avatar, Face(avatar).draw(weights, presentation)) for weights, presentation in POSES]
    rows = [np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)]
    height = TILE * len(rows)
    return np.hstack([cv2.resize(portrait, (height, height), interpolation=cv2.INTER_AREA), np.vstack(rows)])


def _to_face(avatar: Avatar, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square from the brows to below the chin."""
    manifest = avatar.bundle.manifest
    left, top = manifest.frame[:2]
    x0, _, x1, bottom = manifest.mouth
    side = round(1.25 * (bottom - manifest.eyes[1]))
    middle, y1 = (x0 + x1) // 2 - left, bottom - top
    part = picture[max(0, y1 - side) : y1, max(0, middle - side // 2) : middle + side // 2]
    return np.asarray(cv2.resize(part, (TILE, TILE), interpolation=cv2.INTER_CUBIC), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    rows = [row(Avatar.load(name)) for name in builtin_names()]
    cv2.imwrite(str(arguments.out), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 86])


if __name__ == "__main__":
    main()
