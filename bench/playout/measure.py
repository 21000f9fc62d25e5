"""Estimates from a recording: where the voice is, when it begins and ends, how pictures follow it. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.testing import VoiceLocator
from livekit_bithuman.testing.marker import FIELDS

from .recording import Recording, Times
from .voices import RATE, SLOT

SLOTS = 1 << FIELDS["slot"]  # that a picture can tell apart

#: Length of a stretch that is located at once, in samples: 60 ms.
WINDOW = RATE * 60 // 1000
#: How far from where it should be a stretch is looked for, in samples: 30 ms.
REACH = RATE * 30 // 1000
#: Correlation above which a stretch counts as found.
FOUND = 0.5
#: Where a lost voice is looked for around its last place, in samples: 5 s.
LOST = 5 * RATE
#: RMS above which a stretch is loud; the noise that is said has 0.15, full scale is 1.
SILENT = 0.01
#: Resolution of loudness, in samples: 2.5 ms.
GRAIN = RATE // 400
#: Above this a steady low voice has nothing, in Hz.
CLICK_HZ = 1500.0


@dataclass(frozen=True)
class Track:
    """Where a voice was heard: stretches, in order.

    Attributes:
        at: When each was heard, in seconds, shape (n,).
        sample: The sample of the voice that it begins with, shape (n,).
        index: The sample of the recording's sound that it begins with, shape (n,).
    """

    at: Times
    sample: NDArray[np.int64]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    def starts_at(self, part: slice = slice(None)) -> float:
        """When the voice's sample 0 was heard, or would have been, by the median of some stretches."""
        return float(np.median(self.at[part] - self.sample[part] / RATE))


def follow(recording: Recording, voice: NDArray[np.int16], hop_s: float = 0.020) -> Track:
    """Locate a voice, int16 at RATE, shape (n,), in what was heard."""
    sound = recording.sound.astype(np.float64)
    said = voice.astype(np.float64)
    hop = round(hop_s * RATE)
    found: list[tuple[int, int]] = []  # (index, sample)
    for index in range(0, len(sound) - WINDOW, hop):
        needle = sound[index : index + WINDOW]
        if np.sqrt(np.mean(needle**2)) < SILENT * 32768:
            continue
        sample = _near(said, needle, found[-1][1] + index - found[-1][0]) if found else None
        if sample is None:
            origin = max(0, found[-1][1] - LOST) if found else 0
            place = VoiceLocator({0: voice[origin : origin + 2 * LOST]}).locate(recording.sound[index : index + WINDOW])
            sample = None if place is None else origin + place[1]
        if sample is not None and sample >= 0:
            found.append((index, sample))
    index_array = np.array([index for index, _ in found], np.int64)
    return Track(recording.when(index_array), np.array([sample for _, sample in found], np.int64), index_array)


def _near(said: NDArray[np.float64], needle: NDArray[np.float64], expected: int) -> int | None:
    """The sample that a stretch begins with, if it is close to the expected one."""
    begin = max(0, expected - REACH)
    hay = said[begin : expected + REACH + len(needle)]
    if len(hay) < len(needle):
        return None
    products = np.correlate(hay, needle, "valid")
    squares = np.concatenate([[0.0], np.cumsum(hay**2)])
    norms = np.sqrt(np.maximum(squares[len(needle) :] - squares[: -len(needle)], 1.0) * (needle**2).sum())
    scores = products / norms
    best = int(np.argmax(scores))
    return begin + best if scores[best] >= FOUND else None


def loudness(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    """RMS of every 2.5 ms; full scale is 1."""
    whole = sound[: len(sound) // GRAIN * GRAIN].astype(np.float64).reshape(-1, GRAIN) / 32768
    levels: NDArray[np.float64] = np.sqrt((whole**2).mean(axis=1))
    return levels


def loud_samples(recording: Recording) -> NDArray[np.int64]:
    """The first samples of the stretches of 2.5 ms that are loud."""
    return np.flatnonzero(loudness(recording.sound) > SILENT).astype(np.int64) * GRAIN


def voice_end(recording: Recording) -> float | None:
    """When the last loud stretch ended; None if none was loud."""
    loud = loud_samples(recording)
    return float(recording.when(int(loud[-1]))) + GRAIN / RATE if len(loud) else None


def spoken(recording: Recording) -> tuple[Times, NDArray[np.int64]]:
    """Arrivals and slots of the pictures of turns."""
    places, slots = [], []
    turn, before, rounds = -1, 0, 0
    for place, mark in enumerate(recording.marks):
        if mark is None or mark.rest:
            continue
        if mark.turn != turn:
            turn, rounds = mark.turn, 0
        elif mark.slot < before - SLOTS // 2:  # a turn of 22 minutes has more slots than a picture can number
            rounds += SLOTS
        before = mark.slot
        places.append(place)
        slots.append(mark.slot + rounds)
    return recording.seen[places], np.array(slots, np.int64)


def av_offsets(recording: Recording, track: Track) -> tuple[Times, Times]:
    """Picture against voice: (when, by how many seconds the picture was late) of every slot within the voice."""
    at, slots = spoken(recording)
    if len(track) < 2:
        return at[:0], at[:0]
    inside = (slots * SLOT >= track.sample[0]) & (slots * SLOT <= track.sample[-1])
    at, slots = at[inside], slots[inside]
    offsets: Times = at - np.interp(slots * SLOT, track.sample, track.at)
    return at, offsets


def rate_of(times: Times) -> float:
    """Arrivals per second."""
    return (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 2 else float("nan")


def never_shown(numbers: NDArray[np.int64], modulus: int) -> tuple[int, int]:
    """(pictures missing, pictures drawn), by the numbers modulo `modulus` of those that were seen."""
    good = numbers[numbers >= 0]
    steps = np.diff(good) % modulus
    steps = steps[(steps > 0) & (steps < modulus // 2)]
    return int((steps - 1).sum()), int(steps.sum())


def closed_at(recording: Recording, since: float) -> float | None:
    """When the mouth was closed for good after `since`: the first picture after the last that shows it open."""
    openness = recording.openness()
    after = np.flatnonzero((recording.seen > since) & (openness >= 0))
    moving = after[openness[after] > 0]
    closed = after if len(moving) == 0 else after[after > moving[-1]]
    return float(recording.seen[closed[0]]) if len(closed) else None


def first_of_next_generation(recording: Recording, since: float) -> tuple[float | None, int]:
    """(when the first picture without the old turn came, how many of the old turn came after it)."""
    later = [(at, mark) for at, mark in zip(recording.seen, recording.marks, strict=True) if at > since and mark]
    first = next((at for at, mark in later if mark.rest), None)
    stale = 0 if first is None else sum(1 for at, mark in later if at > first and not mark.rest)
    return (None if first is None else float(first)), stale


def seam(recording: Recording, track: Track, paused: float, resumed: float) -> float | None:
    """Seconds of voice lost in a pause, negative if heard twice; None if one side of it cannot be located."""
    before, after = track.at < paused, track.at > resumed
    if not before.any() or not after.any():
        return None
    loud = loud_samples(recording)
    when = recording.when(loud)
    ends, begins = loud[when < resumed], loud[when >= resumed]
    if not len(ends) or not len(begins):
        return None
    last = ends[-1] + GRAIN + (track.sample - track.index)[before][-1]
    first = begins[0] + (track.sample - track.index)[after][0]
    return float(first - last) / RATE


def click_db(recording: Recording, moment: float, length_s: float = 0.15) -> float | None:
    """Energy above 1.5 kHz in the loudest 10 ms from `moment` on, against what the steady tone before it has.

    Both are the loudest of equally many stretches, so that a steady tone gives 0 dB. None without a steady tone.
    """
    spectrum = np.fft.rfft(recording.sound.astype(np.float64))
    spectrum[np.fft.rfftfreq(len(recording.sound), 1 / RATE) < CLICK_HZ] = 0
    block = RATE // 100
    high = np.fft.irfft(spectrum, len(recording.sound))
    levels = np.sqrt((high[: len(high) // block * block].reshape(-1, block) ** 2).mean(axis=1)) + 1e-9
    when = recording.when(np.arange(len(levels)) * block)
    count = round(length_s * 100)
    loud = loud_samples(recording)
    if not len(loud):
        return None
    begin = recording.when(int(loud[0])) + 0.3
    steady = levels[(when > begin) & (when < moment - 0.05)]
    steady = steady[: len(steady) // count * count].reshape(-1, count)
    around = levels[(when >= moment) & (when < moment + length_s)]
    if not len(steady) or not len(around):
        return None
    return float(20 * np.log10(around.max() / np.median(steady.max(axis=1))))


def trend(times: Times, values: Times) -> float:
    """The change of `values` from the first to the last of `times`, by a robust straight line through medians."""
    pieces = np.array_split(np.arange(len(times)), min(30, max(2, len(times) // 20)))
    x = np.array([np.median(times[piece]) for piece in pieces])
    y = np.array([np.median(values[piece]) for piece in pieces])
    slope = np.polyfit(x - x[0], y, 1)[0]
    return float(slope * (times[-1] - times[0]))


def back_in_band(times: Times, offsets: Times, fault_ended: float, middle: float, band_s: float) -> float:
    """Seconds from the end of a fault until the offsets stay within `band_s` of `middle`.

    One picture outside it does not count, two in a row do. Infinite if they do not come back.
    """
    later = times >= fault_ended
    times, outside = times[later], np.abs(offsets[later] - middle) > band_s
    pairs = np.flatnonzero(outside[1:] & outside[:-1])
    if not len(times):
        return float("inf")
    if not len(pairs):
        return 0.0
    last = pairs[-1] + 1
    return float(times[last + 1] - fault_ended) if last + 1 < len(times) else float("inf")
