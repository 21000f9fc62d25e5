"""How far a mouth is open in pictures that somebody else published."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.pose import VISEMES, Picture, Presentation

#: Share of a fully opened mouth that speech reaches, and that idle motion never does.
OPEN, CLOSED = 0.25, 0.12


class MouthReader:
    """Compares the pixels that a mouth moves with those of the open and of the resting one.

    Args:
        size: (width, height) of the pictures.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        engine = EmbeddedEngine(size=size)
        weights = np.zeros(len(VISEMES), np.float32)
        weights[VISEMES.index("aa")] = 1.0
        self._rest = _luma(engine.draw(None, Presentation()))
        difference = _luma(engine.draw(TurnFrame(0, 0, mouth=weights), Presentation())) - self._rest
        self._difference = np.where(np.abs(difference) > 0.3 * np.abs(difference).max(), difference, 0.0)
        engine.close()

    def openness(self, luma: NDArray[np.float32]) -> float:
        """About 0 at rest and 1 wide open. luma: shape (height, width), 0..255."""
        change = (luma - self._rest) * self._difference
        return float(change.sum() / (self._difference**2).sum())

    def of_bgr(self, picture: Picture) -> float:
        """Of a BGR picture."""
        return self.openness(_luma(picture))


class MouthWatch:
    """Follows the mouth in the video of a room.

    Args:
        room: Not connected yet, and subscribing to everything.
        reader: For pictures of that size.
    """

    def __init__(self, room: rtc.Room, reader: MouthReader) -> None:
        self.seen: list[tuple[float, float]] = []  # (seconds of the loop's clock, openness)
        self._reader = reader
        self._tasks: list[asyncio.Task[None]] = []
        room.on("track_subscribed", self._on_track)

    def since(self, moment: float) -> list[float]:
        """The openness in every picture from a moment on."""
        return [openness for at, openness in self.seen if at >= moment]

    async def aclose(self) -> None:
        """Look no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self._tasks.append(asyncio.create_task(self._watch(track)))

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)
        try:
            async for event in stream:
                rgb = np.frombuffer(event.frame.data, np.uint8).reshape(event.frame.height, event.frame.width, 3)
                if rgb.shape[:2] == self._reader._rest.shape:
                    self.seen.append((asyncio.get_running_loop().time(), self._reader.of_bgr(rgb[:, :, ::-1])))
        finally:
            await stream.aclose()


def _luma(picture: Picture) -> NDArray[np.float32]:
    weights = np.array([0.114, 0.587, 0.299], np.float32)
    luma: NDArray[np.float32] = picture.astype(np.float32) @ weights
    return luma
