"""Idle motion: blinks, gaze, breath, small motions of head and brows, as a pure function of seed and tick.

Every motion is either smooth noise sampled at the tick's time, or an event in a grid of cells, one per cell, shifted
within it at random. Neither needs what came before, so any tick costs the same, and nothing repeats.
"""

from __future__ import annotations

import math

from ..pose import Presentation
from .noise import chance, ease, signed, wander

# Blinks: one per cell, shifted by up to BLINK_SHIFT_S, so that 2 to 6 s lie between them (people at rest: 10 to 20 a
# minute; Bentivoglio et al., Movement Disorders 12, 1997).
BLINK_CELL_S, BLINK_SHIFT_S = 4.0, 2.0
BLINK_CLOSING_S, BLINK_CLOSED_S, BLINK_OPENING_S = 0.12, 0.06, 0.20
DOUBLE_BLINKS = 0.10  # share of blinks followed by a second
DOUBLE_BLINK_AFTER_S = 0.48

# Gaze: a fixation per cell, most on the viewer. Saccades last some 20 to 60 ms.
FIXATION_CELL_S, FIXATION_SHIFT_S, SACCADE_S = 1.9, 1.2, 0.06
GLANCES = 0.22  # share of fixations away from the viewer; they go half as far while speaking
GLANCE_X, GLANCE_Y = 0.55, 0.30  # farthest, as shares of the gaze's range
FIXATION_X, FIXATION_Y = 0.06, 0.04  # spread of those on the viewer: from eye to eye
MICRO_CELL_S, MICRO_SACCADE = 0.45, 0.015

BREATH_S = 4.1  # 14 to 15 breaths a minute
BREATH_SWAY = 1.6  # radians by which noise moves the phase

# Head: amplitudes in radians, and seconds per unit of noise, for rest (slow) and on top of it for speech (livelier).
HEAD_REST = {"yaw": (0.045, 4.3), "pitch": (0.026, 5.1), "roll": (0.018, 6.7)}
HEAD_SPEECH = {"yaw": (0.045, 0.9), "pitch": (0.050, 0.62), "roll": (0.026, 1.1)}
HEAD_FOLLOWS_GAZE = 0.05  # radians of yaw for a glance to the side

SMILE, SMILE_SWAY, SMILE_S = 0.34, 0.20, 5.3  # a friendly face, whose smile comes and goes

BROW_REST, BROW_REST_S = 0.12, 3.7
BROW_SPEECH, BROW_SPEECH_S = 0.55, 0.8

_BLINK, _DOUBLE, _GAZE_WHEN, _GAZE_WHAT, _GAZE_X, _GAZE_Y, _MICRO_X, _MICRO_Y, _BREATH, _BROW, _BROW_SPEECH, _SMILE = (
    range(12)
)
_HEAD = {"yaw": 20, "pitch": 24, "roll": 28}  # first of two streams each, for rest and speech


class IdleMotion:
    """What a face does by itself. The same seed and tick give the same presentation, in any order of calls."""

    def __init__(self, seed: int, fps: int = 25) -> None:
        """Choose a motion.

        Args:
            seed: Any integer; two faces in one room should have two.
            fps: Ticks per second, 1 or more.
        """
        if fps < 1:
            raise ValueError(f"{fps} ticks a second are too few. Use 1 or more.")
        self._seed = seed
        self._fps = fps

    def at(self, tick: int, speaking: float = 0.0) -> Presentation:
        """The presentation of a tick.

        Args:
            tick: Counted from 0; eyes are open then.
            speaking: 0 silent .. 1 speaking: head and brows are livelier, glances away smaller.
        """
        time = tick / self._fps
        speaking = min(max(speaking, 0.0), 1.0)
        gaze_x, gaze_y = self._gaze(time, speaking)
        follow = HEAD_FOLLOWS_GAZE * self._glance_of_the_head(time, speaking)
        return Presentation(
            yaw=self._head("yaw", time, speaking) + follow,
            pitch=self._head("pitch", time, speaking),
            roll=self._head("roll", time, speaking),
            gaze_x=gaze_x,
            gaze_y=gaze_y,
            blink=self._blink(tick),
            brow=self._brow(time, speaking),
            smile=SMILE + SMILE_SWAY * wander(self._seed, _SMILE, time / SMILE_S),
            breath=math.sin(2 * math.pi * time / BREATH_S + BREATH_SWAY * wander(self._seed, _BREATH, time / 7.0)),
        )

    def _blink(self, tick: int) -> float:
        cell = math.floor(tick / self._fps / BLINK_CELL_S)
        return max(
            self._lid((tick - start) / self._fps)
            for at in (cell - 1, cell, cell + 1)
            for start in self._blink_starts(at)
        )

    def _blink_starts(self, cell: int) -> list[int]:
        """Ticks at which a cell's blinks begin."""
        if cell < 0:
            return []
        seconds = BLINK_CELL_S * cell + 1.0 + BLINK_SHIFT_S * chance(self._seed, _BLINK, cell)
        starts = [round(seconds * self._fps)]
        if chance(self._seed, _DOUBLE, cell) < DOUBLE_BLINKS:
            starts.append(starts[0] + round(DOUBLE_BLINK_AFTER_S * self._fps))
        return starts

    def _gaze(self, time: float, speaking: float) -> tuple[float, float]:
        cell, share = self._fixation(time)
        x0, y0 = self._target(cell - 1, speaking)
        x1, y1 = self._target(cell, speaking)
        micro = math.floor(time / MICRO_CELL_S)
        x = x0 + (x1 - x0) * share + MICRO_SACCADE * signed(self._seed, _MICRO_X, micro)
        y = y0 + (y1 - y0) * share + MICRO_SACCADE * signed(self._seed, _MICRO_Y, micro)
        return x, y

    def _fixation(self, time: float) -> tuple[int, float]:
        """The fixation that a time belongs to, and how much of the saccade towards it is done."""
        cell = math.floor(time / FIXATION_CELL_S)
        if time < self._fixation_start(cell):
            cell -= 1
        return cell, ease(min((time - self._fixation_start(cell)) / SACCADE_S, 1.0))

    def _fixation_start(self, cell: int) -> float:
        return FIXATION_CELL_S * cell + FIXATION_SHIFT_S * chance(self._seed, _GAZE_WHEN, cell)

    def _target(self, cell: int, speaking: float) -> tuple[float, float]:
        across, down = signed(self._seed, _GAZE_X, cell), signed(self._seed, _GAZE_Y, cell)
        if cell <= 0 or chance(self._seed, _GAZE_WHAT, cell) > GLANCES:
            return FIXATION_X * across, FIXATION_Y * down
        # `speaking` scales the glance and does not choose it: a choice would make the head jump when it changes.
        reach = 1.0 - 0.5 * speaking
        return GLANCE_X * reach * across, GLANCE_Y * reach * down

    def _glance_of_the_head(self, time: float, speaking: float) -> float:
        """The gaze, as the heavier head follows it: over most of a second rather than at once."""
        cell, _ = self._fixation(time)
        share = ease(min((time - self._fixation_start(cell)) / 0.7, 1.0))
        before, _ = self._target(cell - 1, speaking)
        after, _ = self._target(cell, speaking)
        return before + (after - before) * share

    def _head(self, axis: str, time: float, speaking: float) -> float:
        stream = _HEAD[axis]
        amplitude, seconds = HEAD_REST[axis]
        angle = amplitude * wander(self._seed, stream, time / seconds)
        amplitude, seconds = HEAD_SPEECH[axis]
        return angle + speaking * amplitude * wander(self._seed, stream + 1, time / seconds)

    def _brow(self, time: float, speaking: float) -> float:
        rest = BROW_REST * wander(self._seed, _BROW, time / BROW_REST_S)
        # Speech raises the brows now and then; it rarely lowers them.
        return rest + speaking * BROW_SPEECH * max(wander(self._seed, _BROW_SPEECH, time / BROW_SPEECH_S), 0.0)

    def _lid(self, seconds: float) -> float:
        """How far a blink that began `seconds` ago has closed the eye: it falls faster than it rises."""
        closed = max(BLINK_CLOSED_S, 1.0 / self._fps)  # long enough for a tick to fall into it
        if seconds <= 0:
            return 0.0
        if seconds < BLINK_CLOSING_S:
            return math.sin(0.5 * math.pi * seconds / BLINK_CLOSING_S)
        seconds -= BLINK_CLOSING_S + closed
        if seconds <= 0:
            return 1.0
        return 1.0 - ease(min(seconds / BLINK_OPENING_S, 1.0))
