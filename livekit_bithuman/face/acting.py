"""A face that acts: its own motion, and on top of it what the cues so far have asked for.

Pure in (seed, the cues with their ticks, the tick): a recorded log of cues gives the same presentations again. A face
that was never told anything moves as it does by itself, to the last bit.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from ..cues import ACTION_S, Act, Action, Attend, Attitude, Cue, Feel, Paused
from ..media import Emotion
from ..pose import Presentation
from .attitudes import attitude_pull
from .emotions import LOOKS
from .gestures import GESTURES
from .noise import chance, ease, signed
from .pull import Pull, pulled, together

ATTITUDE_S = 0.55  # from one attitude to the next ..
ATTITUDE_GAZE_S = 0.16  # .. but for the eyes, which are quicker than the head
REGRIP_S = 0.25  # in which a gesture that is asked for again lets go of its former self
HEARD, HEARD_STRENGTH = 0.7, 0.42  # how often a speaker's pause is answered by a nod, and how deep it is

_VARIATION, _ANSWER = 60, 61  # streams of chance

Name = TypeVar("Name", bound=Hashable)


class Acting:
    """Takes cues, and says what a face does at a tick. Ticks must not decrease."""

    def __init__(self, seed: int, fps: int) -> None:
        self._seed = seed
        self._fps = fps
        self._attitude: _Mix[Attitude] = _Mix()
        self._eyes: _Mix[Attitude] = _Mix()  # the attitude, as the eyes follow it
        self._feeling: _Mix[Emotion] = _Mix()
        self._gestures: list[_Gesture] = []  # not over yet, the oldest first
        self._told = False  # anything at all

    def take(self, cue: Cue, tick: int) -> None:
        """From `tick` on, do as this cue says."""
        self._told = True
        if isinstance(cue, Attend):
            self._attitude.turn_to({cue.attitude: 1.0}, tick, self._ticks(ATTITUDE_S))
            self._eyes.turn_to({cue.attitude: 1.0}, tick, self._ticks(ATTITUDE_GAZE_S))
        elif isinstance(cue, Feel):
            self._feeling.turn_to(dict(cue.mix), tick, self._ticks(cue.blend_s))
        elif isinstance(cue, Act):
            self._begin(cue.action, cue.strength, tick + self._ticks(cue.after_s))
        elif isinstance(cue, Paused) and chance(self._seed, _ANSWER, tick) < HEARD:
            self._begin(Action.NOD, HEARD_STRENGTH, tick)

    def played(self, face: Presentation, tick: int, speaking: float) -> Presentation:
        """A face's own motion at `tick`, with what it was told added."""
        if not self._told:
            return face
        self._gestures = [gesture for gesture in self._gestures if not gesture.over(tick, self._fps)]
        pulls = [LOOKS[emotion].scaled(share) for emotion, share in self._feeling.at(tick).items()]
        pulls += [gesture.pull(tick, self._fps) for gesture in self._gestures]
        pulls += self._attending(tick)
        return pulled(face, together(pulls), speaking) if pulls else face

    def _attending(self, tick: int) -> list[Pull]:
        eyes, rest = self._eyes.at(tick), self._attitude.at(tick)
        pulls = []
        for attitude in dict.fromkeys([*eyes, *rest]):
            pull = attitude_pull(attitude, self._seed, tick / self._fps)
            share = eyes.get(attitude, 0.0)
            gaze = Pull(gaze_x=pull.gaze_x, gaze_y=pull.gaze_y, steady=pull.steady)
            without = together([pull, gaze.scaled(-1.0)])
            pulls += [gaze.scaled(share), without.scaled(rest.get(attitude, 0.0))]
        return pulls

    def _begin(self, action: Action, strength: float, tick: int) -> None:
        same = [gesture for gesture in self._gestures if gesture.action is action]
        if any(tick - gesture.start < self._ticks(REGRIP_S) for gesture in same):
            return  # it has hardly begun: that is the one
        variation = signed(self._seed, _VARIATION + 2 * list(Action).index(action), tick)
        for gesture in same:
            gesture.let_go(tick, self._ticks(REGRIP_S))
            variation = gesture.variation  # to the other side at once would be a jerk
        self._gestures.append(_Gesture(action, strength, tick, variation))

    def _ticks(self, seconds: float) -> int:
        return round(seconds * self._fps)


class _Mix(Generic[Name]):
    """Shares of named things, on their smooth way to others."""

    def __init__(self) -> None:
        self._from: dict[Name, float] = {}
        self._to: dict[Name, float] = {}
        self._since = 0  # tick at which the present way began
        self._length = 0  # ticks of it

    def turn_to(self, target: dict[Name, float], tick: int, ticks: int) -> None:
        self._from = self.at(tick)
        self._to = target
        self._since, self._length = tick, ticks

    def at(self, tick: int) -> dict[Name, float]:
        """The shares at a tick; a thing without one is left out."""
        if tick >= self._since + self._length:
            return self._to
        share = ease((tick - self._since + 1) / (self._length + 1))
        names = [*self._from, *(name for name in self._to if name not in self._from)]
        return {name: (1 - share) * self._from.get(name, 0.0) + share * self._to.get(name, 0.0) for name in names}


class _Gesture:
    """A gesture that is being made."""

    def __init__(self, action: Action, strength: float, start: int, variation: float) -> None:
        self.action = action
        self._make, self._seconds = GESTURES[action], ACTION_S[action]
        self._strength = strength
        self.start = start
        self.variation = variation
        self._leaving: tuple[int, int] | None = None  # tick at which it begins to let go, and how long that takes

    def let_go(self, tick: int, ticks: int) -> None:
        if self._leaving is None:
            self._leaving = tick, max(1, ticks)

    def over(self, tick: int, fps: int) -> bool:
        left = self._leaving is not None and tick >= sum(self._leaving)
        return left or (tick - self.start) / fps >= self._seconds

    def pull(self, tick: int, fps: int) -> Pull:
        share = self._strength
        if self._leaving is not None:
            share *= 1.0 - ease(min(max((tick - self._leaving[0]) / self._leaving[1], 0.0), 1.0))
        return self._make((tick - self.start + 1) / fps, self.variation).scaled(share)
