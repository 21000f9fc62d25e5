"""What pulls at a face: numbers that are added to its own motion, and added to each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from ..pose import Expression, Presentation

MOST_TURN = 0.30  # radians that pulls together may turn the head, however many there are
SPEECH_TAKES = 0.3  # of what a feeling does to the corners of the mouth: rounded vowels need them


@dataclass(frozen=True)
class Pull:
    """Offsets to a presentation, in its units; and how much of the face's own motion is held back."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    droop: float = 0.0  # of the upper lids, as a share of a blink
    brow: float = 0.0
    smile: float = 0.0
    inner_brows: float = 0.0
    outer_brows: float = 0.0
    lids: float = 0.0
    corners: float = 0.0
    sneer: float = 0.0
    jaw: float = 0.0
    grin: float = 0.0
    still: float = 0.0  # 0..1 of the head's own motion held back
    steady: float = 0.0  # 0..1 of the eyes' own glances held back

    def scaled(self, share: float) -> Pull:
        """This much of it."""
        return Pull(*(share * value for value in _values(self)))


def together(pulls: Iterable[Pull]) -> Pull:
    """The sum of several."""
    return Pull(*map(math.fsum, zip(*map(_values, pulls), strict=True)))


def pulled(face: Presentation, pull: Pull, speaking: float) -> Presentation:
    """A presentation with a pull on it.

    Args:
        face: Its own motion.
        pull: What is added.
        speaking: 0 silent .. 1 speaking; then jaw and lips are the speech's alone.
    """
    own = 1.0 - _within(pull.still)
    glances = 1.0 - _within(pull.steady)
    return replace(
        face,
        yaw=own * face.yaw + _limited(pull.yaw),
        pitch=own * face.pitch + _limited(pull.pitch),
        roll=own * face.roll + _limited(pull.roll),
        gaze_x=_within(glances * face.gaze_x + pull.gaze_x, -1.0),
        gaze_y=_within(glances * face.gaze_y + pull.gaze_y, -1.0),
        blink=face.blink + (1.0 - face.blink) * _within(pull.droop),
        brow=_within(face.brow + pull.brow, -1.0),
        smile=_within(face.smile + pull.smile),
        expression=Expression(
            inner_brows=_within(pull.inner_brows, -1.0),
            outer_brows=_within(pull.outer_brows, -1.0),
            lids=_within(pull.lids, -1.0),
            corners=_within(pull.corners, -1.0) * (1.0 - SPEECH_TAKES * speaking),
            sneer=_within(pull.sneer),
            jaw=_within(pull.jaw) * (1.0 - speaking),
            grin=_within(pull.grin) * (1.0 - speaking),
        ),
    )


#: All numbers of a pull, in the order of its fields.
_values: Callable[[Pull], tuple[float, ...]] = attrgetter(*(field.name for field in fields(Pull)))


def _within(value: float, least: float = 0.0) -> float:
    return min(max(value, least), 1.0)


def _limited(angle: float) -> float:
    return MOST_TURN * math.tanh(angle / MOST_TURN)
