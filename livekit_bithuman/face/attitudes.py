"""How a face waits, listens, thinks and speaks: what its attitude pulls it to, as a pure function of seed and time."""

from __future__ import annotations

import math

from ..cues import Attitude
from .noise import chance, ease, signed, wander
from .pull import Pull

# Thinking: the eyes rest on one spot, up and aside, after the other.
SPOT_S, SPOT_SHIFT_S, SPOT_SACCADE_S = 1.5, 0.7, 0.08
ASIDE, UP = 0.50, -0.42  # of the gaze's range

# Listening: small nods of their own while somebody talks, one in most cells of this length.
HEARD_CELL_S, HEARD_NODS = 4.6, 0.55

_SIDE, _SPOT_WHEN, _SPOT_X, _SPOT_Y, _LEAN, _TURN, _BROW, _HEARD, _HEARD_WHEN, _HEARD_SIZE = range(40, 50)


def attitude_pull(attitude: Attitude, seed: int, time: float) -> Pull:
    """What an attitude does at a time, in seconds, wherever it began."""
    return _PULLS[attitude](seed, time)


def _idle(seed: int, time: float) -> Pull:
    """Calmer: nobody is there, so the head hardly moves, and the eyes wander as they do."""
    return Pull(still=0.4, smile=-0.06, droop=0.05)


def _listening(seed: int, time: float) -> Pull:
    """Attentive: eyes on the viewer, the head a little forward and to a side that slowly changes, small nods."""
    return Pull(
        steady=0.85,
        still=0.25,
        pitch=0.012 + 0.030 * _heard(seed, time),
        roll=0.035 * wander(seed, _LEAN, time / 5.2),
        yaw=0.015 * wander(seed, _TURN, time / 6.1),
        brow=0.16 + 0.12 * wander(seed, _BROW, time / 4.3),
    )


def _thinking(seed: int, time: float) -> Pull:
    """Elsewhere: eyes up and aside from spot to spot, brows a little drawn, no smile."""
    x, y = _spot(seed, time)
    return Pull(
        gaze_x=x,
        gaze_y=y,
        yaw=0.10 * x,
        pitch=-0.030,
        roll=0.03 * wander(seed, _LEAN, time / 3.1),
        brow=0.18,
        inner_brows=-0.30 + 0.1 * wander(seed, _BROW, time / 2.7),
        smile=-0.18,
        still=0.3,
        steady=0.9,
    )


def _speaking(seed: int, time: float) -> Pull:
    """As speech itself moves a face, and a little more at the viewer."""
    return Pull(steady=0.2)


_PULLS = {
    Attitude.IDLE: _idle,
    Attitude.LISTENING: _listening,
    Attitude.THINKING: _thinking,
    Attitude.SPEAKING: _speaking,
}


def _spot(seed: int, time: float) -> tuple[float, float]:
    """Where thinking eyes rest, or are on their way to."""
    cell = math.floor(time / SPOT_S)
    if time < _spot_start(seed, cell):
        cell -= 1
    share = ease(min((time - _spot_start(seed, cell)) / SPOT_SACCADE_S, 1.0))
    (x0, y0), (x1, y1) = _spot_of(seed, cell - 1), _spot_of(seed, cell)
    return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


def _spot_start(seed: int, cell: int) -> float:
    return SPOT_S * cell + SPOT_SHIFT_S * chance(seed, _SPOT_WHEN, cell)


def _spot_of(seed: int, cell: int) -> tuple[float, float]:
    """A spot; its side stays for some, so that the eyes do not swing from one to the other."""
    side = 1.0 if chance(seed, _SIDE, cell // 4) < 0.5 else -1.0
    return side * ASIDE + 0.16 * signed(seed, _SPOT_X, cell), UP + 0.18 * signed(seed, _SPOT_Y, cell)


def _heard(seed: int, time: float) -> float:
    """A listener's nods, 0..1."""
    cell = math.floor(time / HEARD_CELL_S)
    return max(_heard_nod(seed, at, time) for at in (cell - 1, cell))


def _heard_nod(seed: int, cell: int, time: float) -> float:
    if chance(seed, _HEARD, cell) > HEARD_NODS:
        return 0.0
    share = (time - HEARD_CELL_S * (cell + 0.7 * chance(seed, _HEARD_WHEN, cell))) / 0.62
    size = 0.6 + 0.4 * chance(seed, _HEARD_SIZE, cell)
    return size * (0.5 - 0.5 * math.cos(2 * math.pi * share)) if 0 < share < 1 else 0.0
