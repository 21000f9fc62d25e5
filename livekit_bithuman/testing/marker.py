"""An engine whose pictures carry their turn, slot and number as black and white cells that survive video coding."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engine.counting import CountingEngine
from ..engine.protocol import EngineInfo, TurnFrame
from ..pose import Picture, Presentation

COLUMNS, ROWS = 8, 6
#: Bits of each field, in the order they are painted. Together with the checksum they fill the cells.
FIELDS = {"number": 16, "turn": 12, "slot": 15, "rest": 1}
CHECK_BITS = COLUMNS * ROWS - sum(FIELDS.values())
LIGHT, DARK = 235, 20


@dataclass(frozen=True)
class Mark:
    """What a marked picture says."""

    number: int  # how many pictures were drawn before it, modulo 65536
    turn: int  # Turn.id, modulo 4096
    slot: int  # TurnFrame.index, modulo 32768
    rest: bool  # a picture between turns; turn and slot are 0

    def bits(self) -> NDArray[np.bool_]:
        """The cells, row by row."""
        value = 0
        for name, width in FIELDS.items():
            value = value << width | int(getattr(self, name)) % (1 << width)
        value = value << CHECK_BITS | _checksum(value)
        return np.array([value >> shift & 1 for shift in reversed(range(COLUMNS * ROWS))], bool)

    @classmethod
    def from_bits(cls, bits: NDArray[np.bool_]) -> Mark | None:
        """The mark that cells spell; None if the checksum is wrong."""
        value = 0
        for bit in bits:
            value = value << 1 | int(bit)
        check, value = value & (1 << CHECK_BITS) - 1, value >> CHECK_BITS
        if check != _checksum(value):
            return None
        fields = {}
        for name, width in reversed(FIELDS.items()):
            fields[name] = value & (1 << width) - 1
            value >>= width
        return cls(fields["number"], fields["turn"], fields["slot"], bool(fields["rest"]))


def paint_mark(mark: Mark, size: tuple[int, int]) -> Picture:
    """A BGR picture of `size` (width, height) that shows the mark."""
    cells = np.where(mark.bits().reshape(ROWS, COLUMNS), LIGHT, DARK).astype(np.uint8)
    grey = cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST)
    picture: Picture = np.repeat(np.asarray(grey, np.uint8)[:, :, None], 3, axis=2)
    return picture


def read_mark(luma: NDArray[np.uint8]) -> Mark | None:
    """The mark in a picture's luma plane, shape (h, w); None if it shows none, or a damaged one."""
    height, width = luma.shape
    if height < 2 * ROWS or width < 2 * COLUMNS:
        return None  # livekit ends a track with a few pictures of 8x8, black
    rows = [(2 * r + 1) * height // (2 * ROWS) for r in range(ROWS)]
    columns = [(2 * c + 1) * width // (2 * COLUMNS) for c in range(COLUMNS)]
    reach = max(1, min(height // ROWS, width // COLUMNS) // 6)
    means = [luma[y - reach : y + reach, x - reach : x + reach].mean() for y in rows for x in columns]
    return Mark.from_bits(np.array(means) > (LIGHT + DARK) / 2)


def _checksum(value: int) -> int:
    # +1: an all-dark picture is not a mark
    return (value % ((1 << CHECK_BITS) - 1)) + 1


class MarkerEngine(CountingEngine):
    """An engine without look-ahead that paints marks instead of a face.

    Args:
        size: (width, height) of its pictures, in pixels.
        fps: Frames per second.
        lookahead_s: Audio after a frame's own that it waits for, to stand in for engines that need some.
    """

    def __init__(self, size: tuple[int, int] = (512, 512), *, fps: int = 25, lookahead_s: float = 0.0) -> None:
        super().__init__(EngineInfo(fps=fps, size=size, lookahead_s=lookahead_s))
        self._drawn = 0

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        """The mark of a frame, or of rest."""
        number, self._drawn = self._drawn, self._drawn + 1
        if frame is None:
            return paint_mark(Mark(number, 0, 0, True), self._info.size)
        return paint_mark(Mark(number, frame.turn, frame.index, False), self._info.size)


class StillMotion:
    """No idle motion."""

    def at(self, tick: int, speaking: float = 0.0) -> Presentation:
        """Always the same."""
        return Presentation()
