"""Engines as playout may meet them: honest ones that differ, and ones that raise, stall or lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.protocol import Engine, Turn, TurnFrame
from livekit_bithuman.testing import MarkerEngine

SIZE = (16, 16)


class LateEngine(MarkerEngine):
    """Has no frame of a turn before `first_frame_s` of it is in, and cannot guess one."""

    def __init__(self, first_frame_s: float) -> None:
        super().__init__(SIZE)
        self._info = replace(self._info, first_frame_s=first_frame_s)

    def _make(self, count: int, *, ended: bool) -> None:
        if ended or self._pushed >= self._info.first_frame_s * self._opened().sample_rate:
            super()._make(count, ended=ended)

    def provisional(self, index: int) -> TurnFrame | None:
        return None


class PacedEngine(MarkerEngine):
    """Has its frames one by one in real time, the first `delay_s` after the turn's first samples; cannot guess."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(SIZE)
        self._info = replace(self._info, paced=True)
        self.clock: Callable[[], float] = float  # whoever uses it says what time it is
        self._delay_s = delay_s
        self._begun: dict[int, float] = {}  # when each turn's first samples came
        self._coming: list[TurnFrame] = []

    def push(self, pcm: NDArray[np.int16]) -> None:
        self._begun.setdefault(self._opened().id, self.clock())
        super().push(pcm)

    def interrupt(self) -> None:
        super().interrupt()
        self._coming.clear()

    def poll(self) -> list[TurnFrame]:
        self._coming += super().poll()
        count = 0
        for frame in self._coming:
            if self._begun[frame.turn] + self._delay_s + frame.index / self._info.fps > self.clock():
                break
            count += 1
        ready, self._coming = self._coming[:count], self._coming[count:]
        return ready

    def provisional(self, index: int) -> TurnFrame | None:
        return None


class RaisingEngine(MarkerEngine):
    """Each of its methods raises now and then, before or after it did its work."""

    def __init__(self, random: Random, share: float) -> None:
        super().__init__(SIZE)
        self._random = random
        self._share = share

    def _perhaps(self) -> None:
        if self._random.random() < self._share:
            raise RuntimeError("out of ideas")

    def open_turn(self, turn: Turn) -> None:
        self._perhaps()
        super().open_turn(turn)
        self._perhaps()

    def push(self, pcm: NDArray[np.int16]) -> None:
        self._perhaps()
        super().push(pcm)
        self._perhaps()

    def end_turn(self) -> None:
        self._perhaps()
        super().end_turn()
        self._perhaps()

    def interrupt(self) -> None:
        self._perhaps()
        super().interrupt()

    def poll(self) -> list[TurnFrame]:
        self._perhaps()
        return super().poll()

    def provisional(self, index: int) -> TurnFrame | None:
        self._perhaps()
        return super().provisional(index)


class StallingEngine(MarkerEngine):
    """Gives up on every turn after some frames, without a word."""

    def __init__(self, frames: int) -> None:
        super().__init__(SIZE)
        self._frames = frames

    def poll(self) -> list[TurnFrame]:
        return [frame for frame in super().poll() if frame.index < self._frames]

    def provisional(self, index: int) -> TurnFrame | None:
        return None


class LyingEngine(MarkerEngine):
    """Returns frames of other turns, of slots that are past, far ahead or negative, twice, or nothing of the kind."""

    def __init__(self, random: Random) -> None:
        super().__init__(SIZE)
        self._random = random

    def poll(self) -> list[TurnFrame]:
        frames = []
        for frame in super().poll():
            lie = self._random.randrange(8)
            if lie == 0:
                frame = replace(frame, turn=frame.turn + self._random.randint(-2, 2))
            elif lie == 1:
                frame = replace(frame, index=self._random.randint(-50, 100_000))
            elif lie == 2:
                frames.append(frame)
            elif lie == 3 and self._random.randrange(10) == 0:
                frames.append(None)  # type: ignore[arg-type]
            frames.append(frame)
        return frames

    def provisional(self, index: int) -> TurnFrame | None:
        guess = super().provisional(index)
        assert guess is not None
        return replace(guess, turn=guess.turn + self._random.randint(0, 1), index=index + self._random.randint(-1, 1))


class TalkingEngine(MarkerEngine):
    """Returns frames with sound of its own all the time, whatever it was given."""

    def poll(self) -> list[TurnFrame]:
        if self._turn is None:
            return []
        audio = np.full(640, 9_999, np.int16)
        self._made += 1
        return [TurnFrame(self._turn.id, self._made, audio=audio)]


def honest(kind: str) -> bool:
    """Whether the engine does what the protocol says."""
    return kind in ("marker", "lookahead", "late")


def make(kind: str, seed: int) -> Engine:
    """An engine of a kind; the seed chooses what is left open."""
    random = Random(seed)
    if kind == "marker":
        return MarkerEngine(SIZE)
    if kind == "lookahead":
        return MarkerEngine(SIZE, lookahead_s=random.choice([0.04, 0.12, 0.5, 1.5]))
    if kind == "late":
        return LateEngine(random.choice([0.2, 1.05, 2.0]))
    if kind == "raising":
        return RaisingEngine(random, random.choice([0.01, 0.1, 1.0]))
    if kind == "stalling":
        return StallingEngine(random.choice([0, 3, 30]))
    return LyingEngine(random)


KINDS = ("marker", "lookahead", "late", "raising", "stalling", "lying")
