"""Continuous presentation over turns: idle motion, cues, and blends of the mouth into and out of speech.

Pure in (motion, seed, the sequence of calls): the same calls give the same presentations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from ..cues import Cue
from ..engine.protocol import TurnFrame
from ..face.acting import Acting
from ..face.beats import emphasised
from ..pose import Presentation, VisemeWeights, resting_mouth
from ..speech.emphasis import MOST_CHANGE

#: How long the mouth takes to leave what it showed, in seconds, by what happened.
BLEND_IN_S = 0.080
BLEND_OUT_S = 0.200
BLEND_CUT_S = 0.120


class Motion(Protocol):
    """Idle motion: pure in the tick."""

    def at(self, tick: int, speaking: float = 0.0) -> Presentation:
        """The presentation at picture `tick`, livelier with `speaking` (0..1)."""


class Presenter:
    """Decides how each picture differs from what speech alone would show."""

    def __init__(self, motion: Motion, fps: int, seed: int = 0) -> None:
        """Begin at rest.

        Args:
            motion: Idle motion.
            fps: Pictures per second.
            seed: Of what chance decides in how cues and the voice's stresses are followed.
        """
        self._motion = motion
        self._fps = fps
        self._seed = seed
        self._acting = Acting(seed, fps)
        self._cues: list[Cue] = []  # that the next picture is the first to follow
        self._shown: VisemeWeights = resting_mouth()  # the weights of the last picture, blend included
        self._from = self._shown  # the mouth that is being left
        self._since = 0  # tick at which the present blend began
        self._length = 0  # its length in ticks; 0: none
        self._spoke: int | None = None  # the segment of the last picture
        self._speaking = 0.0  # 0 at rest .. 1 in speech, eased
        self._emphasis = 0.0  # of the last picture
        self._cut = False  # an interruption waits for its first picture

    def cut(self) -> None:
        """The voice was interrupted or paused: the next pictures close the mouth quickly."""
        self._cut = True

    def cue(self, cue: Cue) -> None:
        """Follow a cue from the next picture on."""
        self._cues.append(cue)

    def present(self, tick: int, frame: TurnFrame | None, segment: int | None) -> Presentation:
        """The presentation of the picture at `tick`, which must not decrease.

        Args:
            frame: What is shown, None for rest.
            segment: Whose picture it is, None for rest.
        """
        if segment != self._spoke or self._cut:
            self._begin_blend(tick, segment)
        step = 4.0 / self._fps
        self._speaking += float(np.clip((segment is not None) - self._speaking, -step / 2, step))
        for cue in self._cues:
            self._acting.take(cue, tick)
        self._cues.clear()
        share = self._share(tick)
        self._follow(0.0 if frame is None else frame.emphasis)
        own = emphasised(self._motion.at(tick, self._speaking), self._emphasis, self._seed, tick / self._fps)
        face = self._acting.played(own, tick, self._speaking)
        presentation = replace(face, mouth_from=self._from if share else None, mouth_blend=share)
        weights = frame.mouth if frame is not None and frame.mouth is not None else resting_mouth()
        self._shown = presentation.spoken(weights)
        return presentation

    def _begin_blend(self, tick: int, segment: int | None) -> None:
        seconds = BLEND_CUT_S if self._cut else BLEND_OUT_S if segment is None else BLEND_IN_S
        self._from = self._shown
        self._since = tick
        self._length = round(seconds * self._fps)
        self._spoke = segment
        self._cut = False

    def _follow(self, emphasis: float) -> None:
        """Come as near to an emphasis as one picture may: neither a cut nor a missed frame makes a jump."""
        most = MOST_CHANGE / self._fps
        self._emphasis += min(max(emphasis - self._emphasis, -most), most)

    def _share(self, tick: int) -> float:
        """What is left of the old mouth: a smooth step from 1 down to 0."""
        if not self._length:
            return 0.0
        x = min(1.0, (tick - self._since + 1) / self._length)
        return 1.0 - x * x * (3.0 - 2.0 * x)
