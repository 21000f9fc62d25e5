"""When somebody speaks, by loudness: what the realtime service's turn detection does for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .senses import RATE

BLOCK = RATE // 50  # samples: 20 ms
LOUD = 0.01  # RMS of a block that counts as voiced; full scale is 1
BEGINS, PADDING, ENDS = (
    5,
    15,
    25,
)  # blocks: voiced ones that begin speech; those kept before it; silent ones that end it


class Turn(Enum):
    """What changed."""

    BEGAN = "began"
    ENDED = "ended"


@dataclass(frozen=True)
class Change:
    """A change of turns, where in the input, in ms, the speech began or ended, and at its end the utterance."""

    turn: Turn
    at_ms: int
    utterance: bytes = b""


class TurnDetector:
    """Takes the input as it comes, and keeps the utterance."""

    def __init__(self) -> None:
        self.utterance = bytearray()  # since shortly before speech began, or all of it while nobody speaks
        self.speaking = False
        self._rest = b""
        self._blocks = 0  # taken
        self._run = 0  # blocks in a row that are voiced while nobody speaks, or silent while somebody does

    def push(self, pcm: bytes) -> list[Change]:
        """Take int16 mono PCM at 24 kHz."""
        changes = []
        data = self._rest + pcm
        for at in range(0, len(data) - 2 * BLOCK + 1, 2 * BLOCK):
            changes += self._block(data[at : at + 2 * BLOCK])
        self._rest = data[len(data) - len(data) % (2 * BLOCK) :]
        return changes

    def take(self) -> bytes:
        """What was kept so far; nothing is any more."""
        taken = bytes(self.utterance)
        self.utterance.clear()
        return taken

    def _block(self, block: bytes) -> list[Change]:
        self._blocks += 1
        self.utterance += block
        samples = np.frombuffer(block, np.int16) / 32768.0
        voiced = float(np.sqrt(np.mean(samples**2))) > LOUD
        self._run = self._run + 1 if voiced != self.speaking else 0
        if not self.speaking and self._run >= BEGINS:
            self.speaking, self._run = True, 0
            return [Change(Turn.BEGAN, max(0, self._blocks - BEGINS - PADDING) * 20)]
        if self.speaking and self._run >= ENDS:
            self.speaking, self._run = False, 0
            return [Change(Turn.ENDED, self._blocks * 20, self.take())]
        if not self.speaking:
            del self.utterance[: max(0, len(self.utterance) - (BEGINS + PADDING) * 2 * BLOCK)]
        return []
