"""An engine that keeps every promise, and engines that each break one."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.engine.counting import CountingEngine
from livekit_bithuman.engine.protocol import EngineInfo, Turn, TurnFrame
from livekit_bithuman.pose import VISEMES, Picture, Presentation

SIZE = (32, 24)


class LevelEngine(CountingEngine):
    """Opens the mouth as wide as its slot is loud, and paints that as a grey."""

    def __init__(self, **info: object) -> None:
        super().__init__(replace(EngineInfo(fps=25, size=SIZE), **info))  # type: ignore[arg-type]
        self._pcm = np.zeros(0, np.int16)  # of the open turn

    def open_turn(self, turn: Turn) -> None:
        super().open_turn(turn)
        self._pcm = np.zeros(0, np.int16)

    def push(self, pcm: NDArray[np.int16]) -> None:
        self._opened()
        self._pcm = np.concatenate([self._pcm, pcm])
        super().push(pcm)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        level = 0.0 if frame is None or frame.mouth is None else float(frame.mouth[10])
        return np.full((SIZE[1], SIZE[0], 3), round(255 * level), np.uint8)

    def level(self, index: int) -> float:
        turn = self._opened()
        slot = self._pcm[index * turn.sample_rate // 25 : (index + 1) * turn.sample_rate // 25]
        return float(np.abs(slot / 32768.0).mean()) if len(slot) else 0.0

    def frame(self, index: int, last: bool) -> TurnFrame:
        mouth = np.zeros(len(VISEMES), np.float32)
        mouth[10] = self.level(index)
        mouth[0] = 1 - mouth[10]
        return TurnFrame(self._opened().id, index, last, mouth=mouth)

    def _make(self, count: int, *, ended: bool) -> None:
        for index in range(self._made, count):
            self._ready.append(self.frame(index, ended and index == count - 1))
        self._made = max(self._made, count)


class LacksAMember(LevelEngine):
    @property
    def provisional(self) -> object:  # type: ignore[override]
        raise AttributeError("provisional")


class SaysNonsense(LevelEngine):
    def __init__(self) -> None:
        super().__init__(fps=0)


class ChangesItsMind(LevelEngine):
    def end_turn(self) -> None:
        super().end_turn()
        self._info = replace(self._info, lookahead_s=1.0)


class IsBoundToAThread(LevelEngine):
    def __init__(self) -> None:
        super().__init__()
        self._home = threading.get_ident()

    def open_turn(self, turn: Turn) -> None:
        if threading.get_ident() != self._home:
            raise RuntimeError("wrong thread")
        super().open_turn(turn)


class DropsTheTail(LevelEngine):
    def end_turn(self) -> None:
        turn = self._opened()
        self._make(max(1, self._pushed * 25 // turn.sample_rate), ended=True)
        self._turn = None


class NamesNoLast(LevelEngine):
    def frame(self, index: int, last: bool) -> TurnFrame:
        return super().frame(index, False)


class CountsFromOne(LevelEngine):
    def poll(self) -> list[TurnFrame]:
        return [replace(frame, index=frame.index + 1) for frame in super().poll()]


class NamesAnotherTurn(LevelEngine):
    def poll(self) -> list[TurnFrame]:
        return [replace(frame, turn=0) for frame in super().poll()] if self._turn else super().poll()


class SaysItTwice(LevelEngine):
    def poll(self) -> list[TurnFrame]:
        return list(self._ready)


class ReturnsNone(LevelEngine):
    def poll(self) -> list[TurnFrame]:
        return super().poll() or None  # type: ignore[return-value]


class ForgetsEmptyTurns(LevelEngine):
    def end_turn(self) -> None:
        if not self._pushed:
            self._turn = None
        else:
            super().end_turn()


class WeighsTooMuch(LevelEngine):
    def frame(self, index: int, last: bool) -> TurnFrame:
        frame = super().frame(index, last)
        return replace(frame, mouth=np.ones(len(VISEMES), np.float32))


class HasPicturesOfAnotherSize(LevelEngine):
    def frame(self, index: int, last: bool) -> TurnFrame:
        return replace(super().frame(index, last), image=np.zeros((10, 10, 3), np.uint8))


class HasAudioOfAnotherRate(LevelEngine):
    def frame(self, index: int, last: bool) -> TurnFrame:
        return replace(super().frame(index, last), audio=np.zeros(960, np.int16))


class WaitsForTheEnd(LevelEngine):
    def _make(self, count: int, *, ended: bool) -> None:
        if ended:
            super()._make(count, ended=ended)


class HearsChunks(LevelEngine):
    def push(self, pcm: NDArray[np.int16]) -> None:
        self._opened()
        level = np.int16(np.abs(pcm.astype(np.int32)).mean() // 2) if len(pcm) else np.int16(0)
        super().push(np.full(len(pcm), level, np.int16))


class RemembersTheTurnBefore(LevelEngine):
    turns = 0

    def open_turn(self, turn: Turn) -> None:
        super().open_turn(turn)
        self.turns += 1

    def level(self, index: int) -> float:
        return super().level(index) / self.turns


class CountsItsPictures(LevelEngine):
    drawn = 0

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        self.drawn += 1
        picture = super().draw(frame, presentation)
        picture[0, 0, 0] = self.drawn
        return picture


class LosesWhatWasNotPolled(LevelEngine):
    def open_turn(self, turn: Turn) -> None:
        self._ready.clear()
        super().open_turn(turn)


class PutsTheNewestFirst(LevelEngine):
    def poll(self) -> list[TurnFrame]:
        return sorted(super().poll(), key=lambda frame: -frame.turn)


class KeepsFramesAfterAnInterruption(LevelEngine):
    def interrupt(self) -> None:
        self._turn = None


class KeepsSamplesAfterAnInterruption(LevelEngine):
    interrupted = False

    def interrupt(self) -> None:
        super().interrupt()
        self.interrupted = True

    def level(self, index: int) -> float:
        return super().level(index) / (2 if self.interrupted else 1)


class GuessesForGood(LevelEngine):
    def provisional(self, index: int) -> TurnFrame | None:
        self._pcm = np.zeros_like(self._pcm)
        return None


class GuessesAnotherFrame(LevelEngine):
    def provisional(self, index: int) -> TurnFrame | None:
        guess = super().provisional(index)
        return None if guess is None else replace(guess, index=index + 1)


class ScalesInPlace(LevelEngine):
    def push(self, pcm: NDArray[np.int16]) -> None:
        pcm //= 2
        super().push(pcm)


class KeepsTheBuffer(LevelEngine):
    """Joins its pieces when it needs them."""

    def open_turn(self, turn: Turn) -> None:
        super().open_turn(turn)
        self._pieces: list[NDArray[np.int16]] = []

    def push(self, pcm: NDArray[np.int16]) -> None:
        self._pieces.append(pcm)
        CountingEngine.push(self, pcm)

    def level(self, index: int) -> float:
        self._pcm = np.concatenate(self._pieces) if self._pieces else self._pcm
        return super().level(index)


class MixesUpWidthAndHeight(LevelEngine):
    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        return np.ascontiguousarray(super().draw(frame, presentation).transpose(1, 0, 2))


class DrawsNothing(LevelEngine):
    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        return None  # type: ignore[return-value]


class DrawsIntoOneBuffer(LevelEngine):
    def __init__(self) -> None:
        super().__init__()
        self._canvas = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        self._canvas[:] = super().draw(frame, presentation)
        return self._canvas


class LendsThePicture(LevelEngine):
    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        picture = super().draw(frame, presentation)
        picture.flags.writeable = False
        return picture


class DrawsBetweenTurnsOnly(LevelEngine):
    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        if self._turn is not None:
            raise RuntimeError("busy")
        return super().draw(frame, presentation)


class DrawsWithTheTurnsState(LevelEngine):
    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        self._pcm = np.zeros_like(self._pcm)
        return super().draw(frame, presentation)


class TakesSamplesAnyTime(LevelEngine):
    def push(self, pcm: NDArray[np.int16]) -> None:
        if self._turn is not None:
            super().push(pcm)


class OpensTwice(LevelEngine):
    def open_turn(self, turn: Turn) -> None:
        if not self._closed:
            self._turn = None
        super().open_turn(turn)


class RefusesInItsOwnWords(LevelEngine):
    def end_turn(self) -> None:
        if self._turn is None:
            raise KeyError("turn")
        super().end_turn()


class ClosesOnce(LevelEngine):
    def close(self) -> None:
        if self._closed:
            raise RuntimeError("closed already")
        super().close()


class OpensAfterClosing(LevelEngine):
    def close(self) -> None:
        self.interrupt()
