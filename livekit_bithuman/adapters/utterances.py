"""Which slot of which turn a runtime's frame belongs to. Pure: neither clock nor threads.

A runtime is a stream: audio goes in, and frames come out at its own pace, those of turns between fillers. It names
neither the turn nor the slot. Both follow from the audio: a turn's samples are cut into slots before they are given to
the runtime, and each frame of speech brings its slot's audio along.

    turn's samples ── resampled ── slots ──> runtime ──> frame with audio ── the next slot given that it can be
                                                    ──> frame without, or silent where the slot is loud: a filler

Silence at the head of a turn is not given at all, since its frames could not be told from fillers.

A runtime that is late stays late, for it paces itself. So where frames come after their slots were due, as many of the
slots still to be given are left out: the frames behind the gap are in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..engine.protocol import Turn, TurnFrame
from ..errors import InvalidStateError
from ..pose import Picture
from ..speech.resample import StreamResampler
from .runtime import RuntimeFrame

#: A slot with a sample beyond this (-60 dB of full scale) cannot come back as silence.
LOUD = 32
#: Frames of a dropped turn that may still come: as many as a runtime's output holds.
STRAGGLERS = 6
#: So many frames in a row have to be so many slots late before slots are left out. One slot later is hardly seen.
LATE_FRAMES, LATE_SLOTS = 5, 2
#: Of a turn, this much may be left out, in seconds.
MOST_LEFT_OUT_S = 1.0


class Utterance:
    """One turn between its samples and its frames."""

    def __init__(self, turn: Turn, *, fps: int, rate: int, leave_out: int = 0) -> None:
        self.turn = turn
        self.dropped = False  # by an interruption
        self.reached = False  # the runtime has been given something of it
        self.ended = False  # no more samples come
        self.seen = 0  # samples of it that came back
        self.given: list[int] = []  # the slots given to the runtime, in order
        self._loud: list[bool] = []  # whether each of them is
        self._fps = fps
        self._rate = rate
        self._resampler = StreamResampler(turn.sample_rate, rate)
        self._held = np.zeros(0, np.int16)  # not yet a slot
        self._next = 0  # the slot that `_held` begins
        self._leave_out = leave_out  # of the slots to come

    def push(self, pcm: NDArray[np.int16]) -> list[bytes]:
        """Append samples of the turn; returns what the runtime is given, slot by slot."""
        self._held = np.concatenate([self._held, self._resampler.push(pcm)])
        return list(self._slots())

    def end(self) -> list[bytes]:
        """The turn has all its samples; returns the rest of what the runtime is given."""
        self.ended = True
        self._held = np.concatenate([self._held, self._resampler.finish()])
        slots = list(self._slots())
        if len(self._held):
            slots += self._slot(self._held)
        return slots

    def leave_out(self, slots: int) -> int:
        """Leave out the next slots; returns the first that is given after them."""
        self._leave_out += slots
        return self._next + self._leave_out

    def returned(self, sound: NDArray[np.int16] | None) -> int | None:
        """The slot whose frame came with `sound`; None: it is none of the turn's."""
        if sound is None or not len(sound) or not self.reached:
            return None
        position = self.seen * self._fps // self._rate
        quiet = not sound.any()
        if position >= len(self.given) or (quiet and (self._loud[position] or not self.seen)):
            return None
        self.seen += len(sound)
        return self.given[position]

    @property
    def exhausted(self) -> bool:
        """Every slot that the runtime was given came back, and no more will be given."""
        return self.ended and self.seen * self._fps // self._rate >= len(self.given)

    def _slots(self) -> Iterator[bytes]:
        while len(self._held) >= (length := self._length(self._next)):
            slot, self._held = self._held[:length], self._held[length:]
            yield from self._slot(slot)

    def _slot(self, samples: NDArray[np.int16]) -> list[bytes]:
        slot, self._next = self._next, self._next + 1
        loud = bool((np.abs(samples.astype(np.int32)) > LOUD).any())
        if self._leave_out:
            self._leave_out -= 1
            return []
        if not loud and not self.given:
            return []
        self.given.append(slot)
        self._loud.append(loud)
        return [samples.tobytes()]

    def _length(self, slot: int) -> int:
        return (slot + 1) * self._rate // self._fps - slot * self._rate // self._fps


class Utterances:
    """The turns whose frames are still to come, the oldest first.

    Args:
        fps: Of the runtime.
        rate: Hz, of the audio that it works with.
    """

    def __init__(self, *, fps: int, rate: int) -> None:
        self._fps = fps
        self._rate = rate
        self._turns: deque[Utterance] = deque()
        self._open: Utterance | None = None  # the turn that takes samples
        self._newest_index: int | None = None  # frame_index of the newest frame of the present turn
        self._dropped_index: int | None = None  # the same of the turn that was dropped last
        self._stragglers = 0  # frames of dropped turns that may still come
        self._missed: int | None = None  # the newest slot of the open turn that was due before its frame came
        self._lateness: list[int] = []  # in slots, of the frames since slots were last left out
        self._judge_from = 0  # the first slot behind those that were left out last
        self._hoped = 0  # slots that were left out last in the open turn
        self._left_out = 0  # slots of the open turn left out in all
        self._lead = 0  # slots to leave out at the head of the next turn: as late as this one turned out to be
        self._mendable = True  # leaving slots out has helped, or was not tried

    def open(self, turn: Turn) -> Utterance:
        """Begin a turn.

        Raises:
            InvalidStateError: One is open.
        """
        if self._open is not None:
            raise InvalidStateError("A turn is open already. End or interrupt it before the next.")
        self._open = Utterance(turn, fps=self._fps, rate=self._rate, leave_out=self._lead)
        self._turns.append(self._open)
        self._left_out, self._lead = self._lead, max(0, self._lead - 1)
        self._missed, self._lateness, self._judge_from, self._hoped = None, [], 0, 0
        return self._open

    @property
    def opened(self) -> Utterance:
        """The turn that takes samples.

        Raises:
            InvalidStateError: None is open.
        """
        if self._open is None:
            raise InvalidStateError("No turn is open. Call open_turn first.")
        return self._open

    def close(self) -> None:
        """The open turn has ended; if the runtime was given nothing of it, no frame of it will come."""
        if not self.opened.given:
            self._turns.remove(self.opened)
        self._open = None

    def interrupt(self) -> None:
        """Drop every turn. Frames of them that still come are told apart from those of the next turn."""
        for utterance in self._turns:
            utterance.dropped = True
        if any(utterance.reached for utterance in self._turns):
            self._dropped_index, self._stragglers = self._newest_index, STRAGGLERS
        self._newest_index = None
        self._turns.clear()
        self._open = None

    def missed(self, slot: int) -> None:
        """A slot of the open turn is due, and its frame has not come."""
        self._missed = slot if self._missed is None else max(self._missed, slot)

    def place(self, frame: RuntimeFrame, image: Picture | None) -> tuple[list[TurnFrame], bool]:
        """What a runtime's frame is, with its picture: frames of a turn; and whether it shows the avatar at rest."""
        sound = None if frame.audio_chunk is None else frame.audio_chunk.data
        speech = sound is not None and bool(sound.any())
        if self._is_straggler(frame, speech):
            return [], False
        if len(self._turns) > 1 and self._turns[0].exhausted and speech:
            self._finish()  # its end was never told, and this is speech again
        if not self._turns:
            return [], not speech
        utterance = self._turns[0]
        slot = utterance.returned(sound)
        frames = []
        if slot is not None:
            self._newest_index = frame.frame_index
            self._judge(utterance, slot)
            if image is not None:
                frames.append(TurnFrame(utterance.turn.id, slot, image=image))
        if frame.end_of_speech and utterance.ended and utterance.reached:
            self._finish()
            frames.append(TurnFrame(utterance.turn.id, utterance.given[-1] + 1, last=True))
        return frames, slot is None and not speech

    def _finish(self) -> None:
        self._turns.popleft()
        self._newest_index = None

    def _is_straggler(self, frame: RuntimeFrame, speech: bool) -> bool:
        """Whether a frame belongs to a turn that was dropped.

        It does if nothing of another was given to the runtime, and if it counts on from there.
        """
        if not self._stragglers:
            return False
        awaited = self._turns[0] if self._turns and self._turns[0].reached else None
        index, dropped = frame.frame_index, self._dropped_index
        counts_on = index is not None and dropped is not None and index > dropped
        if (awaited is not None and awaited.seen) or not (speech or counts_on or frame.end_of_speech):
            self._stragglers = 0  # the new turn, or a filler: whatever was on its way has come
            return False
        self._stragglers -= 1
        return awaited is None or counts_on or frame.end_of_speech

    def _judge(self, utterance: Utterance, slot: int) -> None:
        """Leave slots out if frames keep coming after they were due."""
        if utterance is not self._open or slot < self._judge_from:
            return
        self._lateness.append(0 if self._missed is None else max(0, self._missed - slot))
        if len(self._lateness) < LATE_FRAMES:
            return
        steady = min(self._lateness[-LATE_FRAMES:])
        if steady < LATE_SLOTS or not self._mendable:
            return
        if steady > self._hoped // 2 and self._hoped:
            self._mendable, self._lead = False, 0  # the voice itself comes too late for so slow a runtime
            return
        if self._left_out + steady > MOST_LEFT_OUT_S * self._fps:
            return
        self._hoped = steady
        self._left_out += steady
        self._lead = self._left_out
        self._judge_from = utterance.leave_out(steady)
        self._lateness.clear()
