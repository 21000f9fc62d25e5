"""One utterance on its way to a remote avatar, and what is known of how much of it was heard.

A remote avatar says when it began and when it ended, if all goes well. In between, and if it says nothing, its playback
is modelled: it plays what it was sent in real time, one utterance after the other, and waits where the voice runs dry.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A pause of the voice: so long, and below this share of its loudest sample.
PAUSE_S, QUIET = 0.2, 0.03
#: Its loudness is looked at in pieces of so long.
BLOCK_S = 0.01


class RemoteSegment:
    """The voice between two flushes. Time is an argument, in seconds of any one clock; the voice is counted in samples.

    The voice is kept until the segment ends, so that somebody else can go on from where the listener was.

    Args:
        rate: Of the voice, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.flushed = False  # all its voice is here
        self.closed = False  # and was handed on to the end
        self.doubted = False  # it should have begun long since, and nobody said so
        self.lost = False  # some of it did not reach the player
        self.started = False  # somebody began to play it
        self.playing = False  # and so did the present player, as far as anybody knows
        self.base = 0  # samples heard before the present player took over
        self.stream: str | None = None  # names what the present player is given of it
        self.confirmed: int | None = None  # samples heard, as the present player said last
        self.sent = 0  # samples handed on so far, those before `base` included
        self.opened_at: float | None = None  # when the present player was given the first of them
        self.begins = 0.0  # when it is thought to begin, and
        self.ends = 0.0  # to have played what it was sent
        self._pcm = bytearray()
        self._peak = 0  # of its samples' sizes

    @property
    def captured(self) -> int:
        """Samples so far."""
        return len(self._pcm) // 2

    def append(self, samples: NDArray[np.int16]) -> None:
        """Take more voice: int16, shape (n,)."""
        self._pcm += samples.tobytes()
        if len(samples):
            self._peak = max(self._peak, int(samples.max()), -int(samples.min()))

    @property
    def unsent(self) -> int:
        """Samples that wait to be handed on."""
        return self.captured - self.sent

    def take(self, most: int, now: float, after: float) -> NDArray[np.int16]:
        """The next samples to hand on, shape (n,), n <= most; they count as sent.

        Args:
            most: Samples.
            now: The time.
            after: When the player will be through with the segments before.
        """
        if self.opened_at is None:
            self.opened_at = now
            self.begins = self.ends = max(now, after)
        count = min(most, self.unsent)
        samples = np.frombuffer(bytes(self._pcm[2 * self.sent : 2 * (self.sent + count)]), np.int16)
        self.sent += count
        self.ends = max(self.ends, now) + count / self.rate
        return samples

    def began(self, now: float) -> None:
        """The present player's first sample is heard now: the rest comes by as much later than it was thought to."""
        if not self.playing:
            self.playing = True
            self.postpone(max(0.0, now - self.begins))

    def postpone(self, seconds: float) -> None:
        """Everything that was not heard yet comes so much later than it was thought to."""
        self.begins += seconds
        self.ends += seconds

    def heard(self, now: float) -> int:
        """Samples that were heard by `now`, as far as it is known."""
        if not self.playing or self.opened_at is None:
            return self.base
        ahead = round(max(0.0, self.ends - now) * self.rate)
        return min(self.sent, max(self.base, self.sent - ahead))

    def pause_after(self, sample: int) -> int | None:
        """Where the next pause begins, at `sample` or later, as far as the voice is here; None: there is none."""
        voice = np.frombuffer(bytes(self._pcm[2 * sample :]), np.int16)
        size = round(BLOCK_S * self.rate)
        blocks = voice[: len(voice) // size * size].reshape(-1, size).astype(np.int32)
        if not len(blocks):
            return None
        quiet = np.abs(blocks).max(axis=1) <= QUIET * self._peak
        edges = np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8))
        begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
        long = begins[(ends - begins) * BLOCK_S >= PAUSE_S - 1e-9]
        return None if not len(long) else sample + int(long[0]) * size

    def confirm(self, samples: int, now: float) -> None:
        """The present player says that so many samples from `base` on were heard by now."""
        heard = min(self.sent, self.base + max(0, samples))
        self.confirmed = max(heard, self.confirmed or 0)
        self.ends = now + (self.sent - self.confirmed) / self.rate

    def can_have_played(self, samples: float, now: float) -> bool:
        """Whether so many samples from `base` on can have been played by now, with half a second's grace."""
        return self.opened_at is not None and samples / self.rate <= now - self.opened_at + 0.5

    def rewind(self, now: float) -> None:
        """Somebody else goes on from what was heard.

        That is by the player's last word, where it gives any, so that nothing is lost.
        """
        self.rewind_to(self.heard(now) if self.confirmed is None else self.confirmed)

    def rewind_to(self, samples: int) -> None:
        """So many samples were heard, and no more of what was handed on is."""
        self.base = self.sent = min(self.sent, max(self.base, samples))
        self.opened_at = self.stream = self.confirmed = None
        self.closed = self.lost = self.doubted = self.playing = False

    def restart(self) -> None:
        """The player is through with what it was sent; what comes now begins anew."""
        self.base = self.sent
        self.opened_at = self.stream = self.confirmed = None
        self.playing = False
