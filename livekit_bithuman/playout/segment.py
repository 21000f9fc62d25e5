"""One segment of the agent's voice: its samples, and when each of them leaves the source."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.protocol import TurnFrame
from .loudness import loudness_of


@dataclass(frozen=True)
class Run:
    """A stretch of a segment that leaves the source without a gap."""

    first: int  # sample
    tick: int  # when that sample leaves


class Segment:
    """Everything that playout knows of one utterance.

    Samples are counted from the segment's start at the source's rate. Of them, in this order,
    `heard <= sent <= captured`: what left the source, what was handed to it, what the agent gave.
    """

    def __init__(self, id: int, *, rate: int, fps: int, block: int) -> None:
        self.id = id
        self.captured = 0  # samples that the agent gave
        self.sent = 0  # samples handed to the source; set back by a pause
        self.fed = 0  # samples pushed into the engine
        self.fed_from = 0  # the slot that the engine's turn began with: not 0 after the engine was replaced
        self.ended = False  # the agent gave all
        self.started = False  # Started was reported
        self.finished = False  # Finished was reported
        self.next_slot = 0  # the first slot whose picture was not shown
        self.frames: dict[int, TurnFrame] = {}  # the engine's frames that are not past yet, by slot
        self._rate = rate
        self._fps = fps
        self._block = block
        self._audio: deque[NDArray[np.int16]] = deque()  # captured samples from `_base` on
        self._base = 0
        self._runs: deque[Run] = deque(maxlen=4)  # the newest last; older ones only date pictures
        self._reported = 0  # samples covered by Progressed
        self._cut = 0  # where the last pause fell

    # samples

    def append(self, pcm: NDArray[np.int16]) -> None:
        """Take samples of the agent's voice, shape (n,)."""
        if len(pcm):
            self._audio.append(pcm)
            self.captured += len(pcm)

    def samples(self, start: int, stop: int) -> NDArray[np.int16]:
        """A copy of the captured samples [start, stop); `start` must not have been released."""
        parts = []
        position = self._base
        for block in self._audio:
            end = position + len(block)
            if end > start and position < stop:
                parts.append(block[max(0, start - position) : stop - position])
            if end >= stop:
                break
            position = end
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def release(self, sample: int) -> None:
        """Forget the samples before `sample`: they were heard, and the engine has them."""
        while self._audio and self._base + len(self._audio[0]) <= sample:
            self._base += len(self._audio.popleft())

    # time

    def begin_run(self, tick: int) -> None:
        """Note that the next sample to be sent leaves at `tick`, unless that only continues the present run."""
        if self._runs:
            run = self._runs[-1]
            if run.tick + self._ticks(self.sent - run.first) == tick and (self.sent - run.first) % self._block == 0:
                return
        self._runs.append(Run(self.sent, tick))

    def heard(self, tick: int) -> int:
        """Samples that have left the source once `tick` has fired; never fewer than were reported."""
        if not self._runs:
            return 0
        run = self._runs[-1]
        return max(self._reported, min(self.sent, run.first + max(0, tick - run.tick + 1) * self._block))

    def rewind(self, tick: int) -> int:
        """Take back what was sent and not heard; returns the samples heard."""
        self.sent = self.heard(tick)
        while self._runs and self._runs[-1].first >= self.sent:
            self._runs.pop()
        return self.sent

    def leaves(self, sample: int) -> int | None:
        """The tick at which a sample leaves or left; None while it was not sent."""
        moment = self._moment(sample)
        return None if moment is None else math.floor(moment)

    @property
    def first_tick(self) -> int | None:
        """When the segment's first sample leaves; None while that is not known."""
        return self.leaves(0)

    @property
    def end_tick(self) -> int | None:
        """The tick at which the last sample sent so far has been played in full."""
        if not self._runs:
            return None
        run = self._runs[-1]
        return run.tick + self._ticks(self.sent - run.first)

    def take_progress(self, tick: int) -> tuple[int, int] | None:
        """The samples [offset, offset + count) heard since the last call; None if there are none."""
        heard = self.heard(tick)
        if heard <= self._reported:
            return None
        progress = (self._reported, heard - self._reported)
        self._reported = heard
        return progress

    # slots

    def show_from(self, sample: int) -> None:
        """After a pause at `sample`: the next picture is that of its slot, dated by this sample."""
        self._cut = sample
        self.next_slot = ((sample + 1) * self._fps - 1) // self._rate

    def feed_again(self) -> None:
        """Another engine takes over, from the slot that is shown next or the first whose samples are all kept."""
        first_kept = -(-self._base * self._fps // self._rate)
        if self.slot_start(first_kept) < self._base:
            first_kept += 1  # slots begin at whole samples, rounded down
        self.fed_from = max(self.next_slot, first_kept)
        self.fed = self.slot_start(self.fed_from)  # which may be still to come
        self.frames.clear()

    def slot_start(self, slot: int) -> int:
        """The first sample of a slot."""
        return slot * self._rate // self._fps

    def slot_leaves(self, slot: int) -> float | None:
        """When a slot's first sample that is still to be heard leaves, in ticks; None while it was not sent.

        A sample inside a block leaves with the block, but is heard as much later as it lies in it: so slots that do not
        begin on a tick are as evenly spaced as their voice.
        """
        return self._moment(max(self._cut, self.slot_start(slot)))

    def loudness(self, slot: int) -> tuple[int, ...]:
        """Of a slot's voice per tick, as `loudness_of` says, rounded. Empty if the samples were released."""
        start, stop = self.slot_start(slot), min(self.captured, self.slot_start(slot + 1))
        if start < self._base or stop <= start:
            return ()
        voice = self.samples(start, stop) / 32768.0
        power = np.add.reduceat(voice**2, range(0, len(voice), self._block)) / self._block
        return tuple(np.rint(loudness_of(power)).astype(int).tolist())

    def _moment(self, sample: int) -> float | None:
        """When a sample is heard, in ticks; None while it was not sent."""
        if sample >= self.sent:
            return None
        run = next((run for run in reversed(self._runs) if run.first <= sample), self._runs[0])
        return run.tick + max(0, sample - run.first) / self._block

    def _ticks(self, samples: int) -> int:
        return -(-samples // self._block)
