"""Turns as property tests draw them: any rate, any length, any cuts, and something to hear."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

RATES = st.one_of(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000, 192_000]),
    st.integers(8_000, 192_000),
)


@dataclass(frozen=True)
class DrawnTurn:
    """A turn, and where it is cut into pushes."""

    rate: int  # Hz
    pcm: NDArray[np.int16]  # mono, shape (n,), n >= 0
    cuts: tuple[int, ...]  # positions in bytes, odd ones too, in order

    def __repr__(self) -> str:
        return f"<{len(self.pcm)} samples at {self.rate} Hz, cut at the bytes {list(self.cuts)}>"

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / self.rate

    def chunks(self) -> list[bytes]:
        """The PCM in pieces, of half samples too."""
        data = self.pcm.tobytes()
        edges = [0, *self.cuts, len(data)]
        return [data[start:end] for start, end in pairwise(edges)]

    def pieces(self) -> list[NDArray[np.int16]]:
        """The samples in pieces, some of them empty."""
        edges = [0, *(cut // 2 for cut in self.cuts), len(self.pcm)]
        return [self.pcm[start:end] for start, end in pairwise(edges)]

    def whole(self) -> DrawnTurn:
        """The same turn in one piece."""
        return DrawnTurn(self.rate, self.pcm, ())

    def frames(self, fps: int) -> int:
        """Frames that an engine makes of it."""
        return max(1, -(-len(self.pcm) * fps // self.rate))


@st.composite
def turns(
    draw: st.DrawFn, longest_ms: int = 400, rates: st.SearchStrategy[int] = RATES, shortest_ms: int = 0
) -> DrawnTurn:
    """A turn of `shortest_ms` to `longest_ms` of babble: tones and noise that come and go as syllables do."""
    rate = draw(rates)
    samples = draw(st.integers(rate * shortest_ms // 1000, rate * longest_ms // 1000))
    seed = draw(st.integers(0, 2**16))
    cuts = draw(st.lists(st.integers(0, 2 * samples), max_size=6).map(sorted))
    return DrawnTurn(rate, babble(samples, rate, seed), tuple(cuts))


def babble(samples: int, rate: int, seed: int) -> NDArray[np.int16]:
    """int16, shape (samples,): a voice-like buzz and hiss in syllables, up to full scale."""
    chance = np.random.default_rng(seed)
    time = np.arange(samples) / rate
    pitch = chance.uniform(90, 250)
    buzz = np.sum([np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 8)], axis=0)
    hiss = chance.standard_normal(samples)
    syllables = np.sin(2 * np.pi * chance.uniform(2, 6) * time)
    sound = np.where(syllables > 0, buzz, hiss) * np.abs(syllables) * chance.uniform(0, 1)
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)
