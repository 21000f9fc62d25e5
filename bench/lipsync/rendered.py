"""The lips in the pictures: the engine draws each clip, and what is seen between and beside the lips is measured.

The avatar is painted for that: what is inside its mouth is green, and a magenta dot sits on the skin at either corner
of the mouth. Skin and lips move as they always do. The distance of the dots is the mouth's width, and the number of
green pixels over that width the mean gap between the lips. The head is held still, all else is drawn as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn, TurnFrame
from livekit_bithuman.face import Avatar
from livekit_bithuman.face.bundle import Bundle
from livekit_bithuman.pose import VISEMES, Picture, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.speech.shape import OPENNESS, WIDTH, mouth_shape
from training.speech.score import blurred

from .clips import RATE, Clip
from .told import Told

FPS = 25
#: Rows under which labels are blurred to be a target, as in the scores.
TARGET_BLUR = 3
GREEN, MAGENTA = (0, 255, 0, 255), (255, 0, 255, 255)
DOT = 2  # radius of a corner's dot, in pixels of the mouth box
#: A colour is paint, in light or shadow, if its channels exceed the others by this much, and black by that much.
SATURATED, DARKEST = 1.6, 20

_STILL = Presentation()


def painted(bundle: Bundle) -> Bundle:
    """The bundle with paint in its mouth and at its corners."""
    inner = np.empty_like(bundle.inner_parts)
    inner[:] = GREEN
    textures = bundle.mouth_textures.copy()
    for corner in corners(bundle.mouth_masks):
        for texture in textures:
            cv2.circle(texture, corner, DOT, MAGENTA, cv2.FILLED)
    return replace(bundle, inner_parts=inner, mouth_textures=textures)


def corners(masks: NDArray[np.uint8]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the gap between the lips' layers ends on the left and on the right: x, y in the mouth box."""
    rows, columns = np.nonzero(masks.max(axis=0) < 128)
    ends = []
    for column in (int(columns.min()), int(columns.max())):
        ends.append((column, round(float(rows[columns == column].mean()))))
    return ends[0], ends[1]


@dataclass(frozen=True)
class Lips:
    """What is seen in one picture."""

    gap: float  # between the lips, mean over the width of the mouth, in pixels
    width: float  # between the corners of the mouth, in pixels


def seen_lips(picture: Picture) -> Lips:
    """Measure a picture of a painted avatar."""
    blue, green, red = (picture[..., channel].astype(np.int32) for channel in range(3))
    others = np.maximum(np.maximum(blue, red), DARKEST)
    area = float((green > SATURATED * others).sum())
    amount = np.clip(np.minimum(blue, red) - SATURATED * np.maximum(green, DARKEST), 0, None)
    width = _distance(amount.sum(axis=0))
    return Lips(area / max(width, 1.0), width)


def _distance(amounts: NDArray[np.floating]) -> float:
    """Between the centres of the left and the right half of what lies in the columns."""
    columns = np.flatnonzero(amounts)
    if len(columns) == 0:
        return 0.0
    middle = (int(columns[0]) + int(columns[-1])) // 2 + 1
    left, right = amounts[:middle], amounts[middle:]
    if not right.any():
        return 0.0
    at = np.arange(len(amounts))
    return float(np.average(at[middle:], weights=right) - np.average(at[:middle], weights=left))


@dataclass(frozen=True)
class Agreement:
    """Correlations of what is seen with what is asked."""

    gap_r: float  # gap with openness, over all visemes
    least_gap_r: float  # the same within one viseme, for the one where it is least
    width_r: float  # width with width, over all visemes


class LipReader:
    """The engine with a painted avatar, and the scale that turns pixels into openness and width."""

    def __init__(self, avatar: Avatar | None = None) -> None:
        """Paint an avatar and measure it at rest, wide open, spread and puckered."""
        self._engine = EmbeddedEngine(Avatar(painted((avatar or Avatar.load()).bundle)), fps=FPS)
        self._open = self.pose("aa").gap / float(OPENNESS[VISEMES.index("aa")])
        self._rest = self.pose("sil").width
        spread, puckered = VISEMES.index("ih"), VISEMES.index("ou")
        self._spread = (self.pose("ih").width - self.pose("ou").width) / float(WIDTH[spread] - WIDTH[puckered])

    def pose(self, viseme: str, weight: float = 1.0) -> Lips:
        """One viseme, the rest of the weight silence."""
        return self.look(posed(viseme, weight))

    def look(self, mouth: VisemeWeights) -> Lips:
        """Draw a mouth and measure it."""
        return seen_lips(self._engine.draw(TurnFrame(0, 0, mouth=mouth), _STILL))

    def told(self, clip: Clip) -> Told:
        """A clip, spoken by the engine and read from its pictures, each held for its 40 ms."""
        self._engine.open_turn(Turn(0, RATE))
        self._engine.push(clip.pcm)
        self._engine.end_turn()
        return self._read([seen_lips(self._engine.draw(frame, _STILL)) for frame in self._engine.poll()], clip.rows)

    def of_labels(self, clip: Clip) -> Told:
        """A clip's own labels, as smooth as the target they are scored against, drawn and read in the same way."""
        rows = np.stack([blurred(np.equal(clip.labels, viseme), TARGET_BLUR) for viseme in range(len(VISEMES))], axis=1)
        middles = np.arange(2, clip.rows + 2, 4)  # of frames of four rows
        mouths = rows[np.minimum(middles, clip.rows - 1)].astype(np.float32)
        return self._read([self.look(mouth) for mouth in mouths], clip.rows)

    def _read(self, seen: Sequence[Lips], rows: int) -> Told:
        frame_of_row = np.arange(rows) * FPS // 100
        openness = np.array([self.openness(lips) for lips in seen])
        width = np.array([self.width(lips) for lips in seen])
        return Told(openness[frame_of_row], width[frame_of_row])

    def openness(self, lips: Lips) -> float:
        """On the scale on which the wide-open mouth is as open as its viseme."""
        return lips.gap / self._open

    def width(self, lips: Lips) -> float:
        """On the scale on which spread and puckered mouths are as far apart as their visemes."""
        return (lips.width - self._rest) / self._spread

    def agreement(self, steps: int = 10) -> Agreement:
        """How well the measure sees what is asked, on pictures of each viseme alone, in `steps` weights up to all."""
        sweeps = {viseme: [posed(viseme, step / steps) for step in range(1, steps + 1)] for viseme in VISEMES}
        seen = {viseme: [self.look(mouth) for mouth in mouths] for viseme, mouths in sweeps.items()}
        asked = {viseme: mouth_shape(np.stack(mouths)) for viseme, mouths in sweeps.items()}
        opening = [v for v in VISEMES if OPENNESS[VISEMES.index(v)] > 0]
        gaps = {viseme: [lips.gap for lips in seen[viseme]] for viseme in VISEMES}
        return Agreement(
            _correlation([asked[v][0] for v in VISEMES], [gaps[v] for v in VISEMES]),
            min(_correlation([asked[v][0]], [gaps[v]]) for v in opening),
            _correlation([asked[v][1] for v in VISEMES], [[lips.width for lips in seen[v]] for v in VISEMES]),
        )


def _correlation(asked: Sequence[NDArray[np.floating]], seen: Sequence[Sequence[float]]) -> float:
    return float(np.corrcoef(np.concatenate(asked), np.concatenate(seen))[0, 1])


def posed(viseme: str, weight: float) -> VisemeWeights:
    """A viseme at a weight, the rest silence."""
    mouth = resting_mouth()
    mouth[0] = 1.0 - weight
    mouth[VISEMES.index(viseme)] += weight
    return mouth
