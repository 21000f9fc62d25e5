"""The engine that both sides are given: marks that say what a picture is, and how far its mouth is open."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.embedded import SPEECH_RATE
from livekit_bithuman.engine.protocol import Engine, EngineInfo, Turn, TurnFrame
from livekit_bithuman.pose import VISEMES, Picture, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.testing import Mark, MarkerEngine, paint_mark

#: `Mark.number` carries the picture's number and, in its low bits, how far the mouth is open.
OPENNESS_LEVELS = 16
NUMBERS = (1 << 16) // OPENNESS_LEVELS


def open_mouth() -> VisemeWeights:
    """The mouth in every slot of a turn."""
    weights = np.zeros(len(VISEMES), np.float32)
    weights[VISEMES.index("aa")] = 1.0
    return weights


class SpeakingMarkerEngine(MarkerEngine):
    """A marker engine with a mouth, and with the engine's own copy of the voice, which the official plugin plays."""

    def __init__(self, size: tuple[int, int]) -> None:
        # a slot of look-ahead: without it nobody could tell, when a frame is made, whether it is the turn's last
        super().__init__(size, lookahead_s=0.040)
        self._voice: dict[int, bytearray] = {}  # by turn
        self._rate = 0  # Hz, of the newest turn

    def open_turn(self, turn: Turn) -> None:
        """Begin a turn."""
        super().open_turn(turn)
        self._voice[turn.id] = bytearray()
        self._rate = turn.sample_rate

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Keep the samples."""
        self._voice[self._opened().id] += pcm.tobytes()
        super().push(pcm)

    def interrupt(self) -> None:
        """Forget the turn."""
        super().interrupt()
        self._voice = {}

    def poll(self) -> list[TurnFrame]:
        """Frames made since the last call, with mouth and voice."""
        return [replace(frame, mouth=open_mouth(), audio=self._slot_voice(frame)) for frame in super().poll()]

    def provisional(self, index: int) -> TurnFrame | None:
        """The frame itself."""
        frame = super().provisional(index)
        return None if frame is None else replace(frame, mouth=open_mouth())

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The mark of a frame, or of rest; its number says how far the mouth is open."""
        number, self._drawn = self._drawn % NUMBERS, self._drawn + 1
        mouth = resting_mouth() if frame is None or frame.mouth is None else frame.mouth
        shown = 1.0 - float(presentation.mouth(mouth)[0])
        level = round(min(1.0, max(0.0, shown)) * (OPENNESS_LEVELS - 1))
        number = number * OPENNESS_LEVELS + level
        turn, slot = (0, 0) if frame is None else (frame.turn, frame.index)
        return paint_mark(Mark(number, turn, slot, frame is None), self._info.size)

    def _slot_voice(self, frame: TurnFrame) -> NDArray[np.int16] | None:
        """The slot's samples at 16 kHz; None for turns at another rate, whose voice nobody plays."""
        if self._rate != SPEECH_RATE:
            return None
        count = SPEECH_RATE // self._info.fps
        pcm = self._voice[frame.turn][2 * count * frame.index : 2 * count * (frame.index + 1)]
        voice = np.frombuffer(bytes(pcm), np.int16)
        if frame.last:
            del self._voice[frame.turn]
        return np.pad(voice, (0, count - len(voice)))


class TimedEngine:
    """Any engine, with the CPU time that its calls took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls_s = 0.0  # of everything but draw
        self._draws_s = 0.0  # apart, since draw runs in another thread at the same time
        self.drawn = 0  # pictures

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        return self._calls_s + self._draws_s

    @property
    def info(self) -> EngineInfo:
        """The engine's."""
        return self._engine.info

    def open_turn(self, turn: Turn) -> None:
        """Passed on, as all that follows."""
        self._engine.open_turn(turn)

    def push(self, pcm: NDArray[np.int16]) -> None:
        """Timed."""
        begin = time.thread_time()
        self._engine.push(pcm)
        self._calls_s += time.thread_time() - begin

    def end_turn(self) -> None:
        """Timed."""
        begin = time.thread_time()
        self._engine.end_turn()
        self._calls_s += time.thread_time() - begin

    def interrupt(self) -> None:
        """Not timed."""
        self._engine.interrupt()

    def poll(self) -> list[TurnFrame]:
        """Timed."""
        begin = time.thread_time()
        frames = self._engine.poll()
        self._calls_s += time.thread_time() - begin
        return frames

    def provisional(self, index: int) -> TurnFrame | None:
        """Timed."""
        begin = time.thread_time()
        frame = self._engine.provisional(index)
        self._calls_s += time.thread_time() - begin
        return frame

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """Timed."""
        begin = time.thread_time()
        picture = self._engine.draw(frame, presentation)
        self._draws_s += time.thread_time() - begin
        self.drawn += 1
        return picture

    def close(self) -> None:
        """Passed on."""
        self._engine.close()


def make_engine(kind: str, size: tuple[int, int]) -> TimedEngine:
    """The engine by its name, "marker" or "embedded"; size is (width, height)."""
    if kind == "marker":
        return TimedEngine(SpeakingMarkerEngine(size))
    from livekit_bithuman.engine.embedded import EmbeddedEngine  # loads the net and the avatar

    return TimedEngine(EmbeddedEngine(size=size))
