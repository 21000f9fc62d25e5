"""An engine of one's own: the voice as a line that moves with it."""

from __future__ import annotations

import cv2
import numpy as np

from livekit_bithuman import InvalidStateError
from livekit_bithuman.engine.protocol import EngineInfo, Turn, TurnFrame
from livekit_bithuman.pose import Picture, Presentation

RATE, FPS = 16_000, 25
SLOT = RATE // FPS  # samples that are seen in one picture
INK, PAPER = (90, 200, 250), (40, 30, 20)  # BGR


class WaveformEngine:
    """Keeps the samples of each frame, and draws them when the picture is due."""

    def __init__(self, size: tuple[int, int] = (512, 512)) -> None:
        self.info = EngineInfo(fps=FPS, size=size, input_rate=RATE)
        self._turn: Turn | None = None
        self._samples = np.zeros(0, np.int16)  # of the open turn, no frame yet
        self._index = 0  # of the turn's next frame
        self._ready: list[TurnFrame] = []
        self._closed = False

    def open_turn(self, turn: Turn) -> None:
        if self._closed or self._turn is not None:
            raise InvalidStateError("Closed, or in a turn: make another engine, or end or interrupt the turn.")
        self._turn, self._index, self._samples = turn, 0, np.zeros(0, np.int16)

    def push(self, pcm: np.ndarray) -> None:
        self._opened()
        self._samples = np.concatenate([self._samples, pcm])
        while len(self._samples) > SLOT:  # one that ends with the turn is the last, and has to say so
            self._make(last=False)

    def end_turn(self) -> None:
        self._opened()
        self._make(last=True)
        self._turn = None

    def interrupt(self) -> None:
        self._turn, self._ready = None, []

    def poll(self) -> list[TurnFrame]:
        ready, self._ready = self._ready, []
        return ready

    def provisional(self, index: int) -> TurnFrame | None:
        return None

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        width, height = self.info.size
        picture = np.full((height, width, 3), PAPER, np.uint8)
        samples = np.zeros(SLOT) if frame is None or frame.audio is None else frame.audio / 32768.0
        x = np.linspace(0, width - 1, SLOT)
        line = np.stack([x, height / 2 * (1 - samples)], axis=1).astype(np.int32)
        cv2.polylines(picture, [line], isClosed=False, color=INK, thickness=3, lineType=cv2.LINE_AA)
        return picture

    def close(self) -> None:
        self.interrupt()
        self._closed = True

    def _opened(self) -> Turn:
        if self._turn is None:
            raise InvalidStateError("No turn is open: call open_turn first.")
        return self._turn

    def _make(self, *, last: bool) -> None:
        now, self._samples = self._samples[:SLOT], self._samples[SLOT:]
        audio = np.pad(now, (0, SLOT - len(now)))
        self._ready.append(TurnFrame(self._opened().id, self._index, last, audio=audio))
        self._index += 1
