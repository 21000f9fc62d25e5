"""Named gestures: what each pulls a face to, by the time since it began. Each begins and ends at rest."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..cues import ACTION_S, Action
from .noise import ease
from .pull import Pull

Gesture = Callable[[float, float], Pull]  # seconds since it began, and a chance in -1 .. 1 that varies it

NOD_DIP_S, NOD_PITCH = 0.46, 0.135
SHAKE_HZ, SHAKE_YAW = 1.65, 0.13
TILT_ROLL = 0.125
LAUGH_HZ, LAUGH_BOB = 4.4, 0.022


def nod(seconds: float, chance: float) -> Pull:
    """Down twice, the second time less deep."""
    pace = 1.0 + 0.08 * chance
    first, second = _bump(seconds / (NOD_DIP_S * pace)), _bump((seconds / pace - NOD_DIP_S) / NOD_DIP_S)
    dip = first + (0.5 + 0.15 * chance) * second
    return Pull(pitch=NOD_PITCH * dip, gaze_y=-0.25 * dip)  # the eyes stay on the viewer


def shake(seconds: float, chance: float) -> Pull:
    """Left and right and back; which side comes first is left to chance."""
    side = 1.0 if chance > 0 else -1.0
    turn = side * math.sin(2 * math.pi * SHAKE_HZ * seconds) * _window(seconds / ACTION_S[Action.SHAKE], 0.25)
    return Pull(yaw=SHAKE_YAW * turn, gaze_x=-0.3 * turn)


def tilt(seconds: float, chance: float) -> Pull:
    """The head leans to one side for a while; to which is left to chance."""
    share = _window(seconds / ACTION_S[Action.TILT], 0.3)
    side = 1.0 if chance > 0 else -1.0
    return Pull(roll=side * TILT_ROLL * share, pitch=-0.015 * share, brow=0.2 * share)


def brow_raise(seconds: float, chance: float) -> Pull:
    """Both brows up and down again."""
    share = _window(seconds / ACTION_S[Action.BROW_RAISE], 0.28)
    return Pull(brow=share, inner_brows=0.3 * share, lids=0.45 * share, pitch=-0.02 * share)


def laugh(seconds: float, chance: float) -> Pull:
    """A silent laugh: the head goes back and bobs, the cheeks rise, the mouth opens unless it speaks."""
    share = _window(seconds / ACTION_S[Action.LAUGH], 0.24)
    bob = math.sin(2 * math.pi * (LAUGH_HZ + 0.3 * chance) * seconds) * share
    return Pull(
        pitch=-0.055 * share + LAUGH_BOB * bob,
        roll=0.02 * chance * share,
        smile=0.6 * share,
        corners=0.5 * share,
        lids=-0.75 * share,
        jaw=(0.34 + 0.10 * bob) * share,
        brow=0.1 * share,
        steady=0.6 * share,
    )


GESTURES: dict[Action, Gesture] = {
    Action.NOD: nod,
    Action.SHAKE: shake,
    Action.TILT: tilt,
    Action.BROW_RAISE: brow_raise,
    Action.LAUGH: laugh,
}


def _bump(share: float) -> float:
    """0 to 1 and back to 0 while `share` goes from 0 to 1."""
    return 0.0 if not 0 < share < 1 else 0.5 - 0.5 * math.cos(2 * math.pi * share)


def _window(share: float, slope: float) -> float:
    """Up to 1 within the first `slope` of a gesture, and down within its last."""
    return ease(min(max(min(share, 1.0 - share) / slope, 0.0), 1.0))
