"""The input side: PCM of any chunking becomes turns, which wait here until the worker takes them.

This is the one queue without a bound, because the minimal loop pushes a whole turn before it drains a frame. It
holds plain PCM, and says so once when more than ten minutes wait.

`push`, `flush` and `interrupt` are called from the event loop and `take` from the worker; a lock makes each of them
one step. An interruption opens a new generation. Whatever carries an older one is dropped wherever it is met.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cues import Cue, Feel
from ..engine.protocol import Turn
from ..errors import AudioFormatError, InvalidStateError
from ..media import AudioChunk
from ..speech.pcm import PcmCarry
from ..speech.resample import HIGHEST_RATE, LOWEST_RATE

logger = logging.getLogger(__name__)

LONG_QUEUE_S = 600  # queued input past this is worth one warning

PcmData = bytes | bytearray | memoryview | NDArray[Any]


@dataclass(frozen=True)
class TurnSlice:
    """A piece of a turn's input, for the engine."""

    generation: int
    turn: Turn
    message_id: Hashable | None
    pcm: NDArray[np.int16]  # mono, at the turn's rate; may be empty
    opens: bool  # first of its turn
    ends: bool  # last of its turn
    feeling: Feel  # that the turn begins with
    cues: tuple[tuple[int, Cue], ...] = ()  # with the turn's sample that each came before; not handed out before


class _TurnInput:
    """One turn's waiting samples."""

    def __init__(self, turn: Turn, message_id: Hashable | None, carry: PcmCarry, feeling: Feel) -> None:
        self.turn = turn
        self.message_id = message_id
        self.carry = carry  # holds the half sample between two pushes
        self.pcm = bytearray()  # int16, not taken yet
        self.samples = 0  # pushed so far
        self.feeling = feeling  # that it begins with
        self.cues: list[tuple[int, Cue]] = []  # not taken yet
        self.taken = False  # a slice of it was
        self.ended = False  # no more samples come


class Intake:
    """Turns between `push_audio` and the worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._generation = 0
        self._turns: deque[_TurnInput] = deque()  # not taken entirely; the last may be open
        self._open: _TurnInput | None = None  # the turn that takes samples
        self._queued_s = 0.0  # of all samples not taken
        self._feeling = Feel()  # the newest that a turn or a resting picture was told
        self._waiting: list[Cue] = []  # that came between turns and that no picture has followed yet
        self._warned = False  # about a long queue
        self._closed = False

    @property
    def generation(self) -> int:
        """Counts interruptions."""
        return self._generation

    def push(self, data: PcmData, sample_rate: int, last: bool, message_id: Hashable | None = None) -> None:
        """Append PCM to the open turn, or open one.

        Args:
            data: int16 little-endian mono bytes of any length, or an array of int16 or floats.
            sample_rate: 8_000..192_000 Hz; fixed within a turn.
            last: The turn ends here.
            message_id: Kept if this opens the turn.

        Raises:
            AudioFormatError: The data or the rate cannot be used, or the rate changed inside the turn.
            InvalidStateError: The intake is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            turn = self._open or self._new_turn(sample_rate, message_id)
            if sample_rate != turn.turn.sample_rate:
                raise AudioFormatError(
                    f"The sample rate changed from {turn.turn.sample_rate} to {sample_rate} Hz inside a turn. "
                    "Flush the turn before audio of another rate, or resample."
                )
            pcm = _samples(turn.carry, data, sample_rate)
            if self._open is None:
                self._open = turn
                self._turns.append(turn)
                self._tell(turn, self._take_waiting())
            turn.pcm += pcm.tobytes()
            turn.samples += len(pcm)
            self._queued_s += len(pcm) / sample_rate
            if last:
                self._end_open_turn()
            self._warn_if_long()

    def cue(self, cues: Sequence[Cue]) -> None:
        """Tell the face something: before the next sample of the open turn, or else before whatever is drawn next.

        Raises:
            InvalidStateError: The intake is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            if self._open is not None:
                self._tell(self._open, cues)
            else:
                self._waiting += cues

    def take_waiting(self) -> tuple[Feel, list[Cue]]:
        """For a picture between turns: how the face felt before, and what it was told since."""
        with self._lock:
            before = self._feeling
            cues = self._take_waiting()
            self._note_feeling(cues)
            return before, cues

    def flush(self) -> None:
        """End the open turn; nothing if there is none."""
        with self._lock:
            if self._open is not None:
                self._end_open_turn()

    def interrupt(self) -> None:
        """Forget every turn that waits, and make all that were taken stale."""
        with self._lock:
            self._forget()

    def close(self) -> None:
        """Forget everything and take no more."""
        with self._lock:
            self._forget()
            self._closed = True

    def take(self, seconds: float) -> TurnSlice | None:
        """Up to `seconds` of the oldest turn's samples; None if nothing waits."""
        with self._lock:
            if not self._turns:
                return None
            turn = self._turns[0]
            size = 2 * max(1, int(seconds * turn.turn.sample_rate))
            pcm = np.frombuffer(bytes(turn.pcm[:size]), np.int16)
            del turn.pcm[:size]
            self._queued_s -= len(pcm) / turn.turn.sample_rate
            opens, turn.taken = not turn.taken, True
            ends = turn.ended and not turn.pcm
            if ends:
                self._turns.popleft()
            if not (opens or ends or len(pcm)):
                return None
            cues, turn.cues = tuple(turn.cues), []
            return TurnSlice(self._generation, turn.turn, turn.message_id, pcm, opens, ends, turn.feeling, cues)

    def _new_turn(self, sample_rate: int, message_id: Hashable | None) -> _TurnInput:
        if not (isinstance(sample_rate, (int, np.integer)) and LOWEST_RATE <= sample_rate <= HIGHEST_RATE):
            raise AudioFormatError(
                f"The sample rate is {sample_rate!r}. Pass a whole number of Hz from {LOWEST_RATE} to {HIGHEST_RATE}."
            )
        return _TurnInput(Turn(next(self._ids), int(sample_rate)), message_id, PcmCarry(), self._feeling)

    def _tell(self, turn: _TurnInput, cues: Sequence[Cue]) -> None:
        turn.cues += [(turn.samples, cue) for cue in cues]
        self._note_feeling(cues)

    def _take_waiting(self) -> list[Cue]:
        cues, self._waiting = self._waiting, []
        return cues

    def _note_feeling(self, cues: Sequence[Cue]) -> None:
        for cue in cues:
            if isinstance(cue, Feel):
                self._feeling = cue

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise InvalidStateError("The runtime was stopped and takes no more audio. Make a new one by create().")

    def _end_open_turn(self) -> None:
        assert self._open is not None
        if self._open.carry.finish():
            logger.warning(
                "a turn's audio ended in half a sample, which was dropped: 16-bit PCM has two bytes a sample"
            )
        self._open.ended = True
        self._open = None

    def _forget(self) -> None:
        self._generation += 1
        self._note_feeling(self._take_waiting())  # gestures are dropped, a feeling stays
        self._turns.clear()
        self._open = None
        self._queued_s = 0.0

    def _warn_if_long(self) -> None:
        if self._queued_s > LONG_QUEUE_S and not self._warned:
            self._warned = True
            logger.warning(
                "more than %d minutes of speech wait to be drawn: is something iterating over run()?",
                LONG_QUEUE_S // 60,
            )


def _samples(carry: PcmCarry, data: PcmData, sample_rate: int) -> NDArray[np.int16]:
    """The samples that `data` makes whole."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return carry.push(data)
    samples = AudioChunk(data, sample_rate).data
    _drop_half_sample(carry)
    return samples


def _drop_half_sample(carry: PcmCarry) -> None:
    if carry.finish():
        logger.warning("half a sample was dropped at the end of its audio: 16-bit PCM has two bytes for each")
