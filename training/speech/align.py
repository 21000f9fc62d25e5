"""Mends the phoneme times of neural voices.

A neural voice's durations come from a model that is some 50 ms late against its own sound, and on a grid of 25 ms. A
net that learnt from the exact voices finds the boundaries again: the order of the visemes stays, each boundary moves to
where the sound agrees most, and not far from where the voice said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.speech.features import BANDS, features
from livekit_bithuman.speech.net import NetStream, VisemeNet

from .corpus import Voice
from .voices import Utterance

#: A boundary moves by at most this many rows from where the voice said, less its usual delay.
REACH = 6

#: What moving a boundary costs, in log probability per squared row; and the shortest segment in rows.
STIFFNESS, SHORTEST = 0.05, 2

#: Delays in rows that are tried for a source.
DELAYS = range(-3, 10)

#: Rows per step of the net; any number would do.
_BLOCK = 50

Scores = NDArray[np.float64]  # (rows, 15) log probabilities


def log_posteriors(net: VisemeNet, pcm: NDArray[np.int16]) -> Scores:
    """The net's opinion on every row, its look-ahead compensated."""
    rows = features(pcm)
    count = len(rows)
    padding = -(count + net.lookahead_rows) % _BLOCK + net.lookahead_rows
    rows = np.concatenate([rows, np.repeat(rows[-1:], padding, axis=0)]) if count else np.zeros((0, BANDS), np.float32)
    stream = NetStream(net, _BLOCK)
    told = [stream.step(rows[first : first + _BLOCK]) for first in range(0, len(rows), _BLOCK)]
    posteriors = np.concatenate(told)[net.lookahead_rows :][:count]
    return np.asarray(np.log(posteriors.astype(np.float64) + 1e-4))


def _segments(labels: NDArray[np.int8]) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
    """Boundaries (first row of every segment but the first) and the segments' visemes."""
    boundaries = np.flatnonzero(np.diff(labels)) + 1
    return boundaries, labels[np.concatenate([[0], boundaries])]


def usual_delay(scores: Sequence[Scores], labels: Sequence[NDArray[np.int8]]) -> int:
    """Rows by which labels are late against the sound: the shift at which they are most probable."""

    def agreement(delay: int) -> float:
        total = 0.0
        for row_scores, row_labels in zip(scores, labels, strict=True):
            shifted = np.roll(row_labels, -delay)
            total += float(row_scores[np.arange(len(shifted)), shifted].sum())
        return total

    return max(DELAYS, key=agreement)


def moved(scores: Scores, labels: NDArray[np.int8], delay: int) -> NDArray[np.int8]:
    """The labels with every boundary where the scores agree most: dynamic programming over the boundaries."""
    boundaries, visemes = _segments(labels)
    if len(boundaries) == 0:
        return labels
    count = len(labels)
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0)])
    offsets = np.arange(-REACH, REACH + 1)
    places = np.clip(boundaries[:, None] - delay + offsets, 0, count)  # candidates of every boundary
    costs = -STIFFNESS * offsets.astype(float) ** 2
    best = sums[places[0], visemes[0]] + costs
    origins = np.zeros(places.shape, np.intp)
    for index in range(1, len(boundaries)):
        starts, stops, viseme = places[index - 1][:, None], places[index][None, :], visemes[index]
        gain = best[:, None] + sums[stops, viseme] - sums[starts, viseme]
        gain = np.where(stops - starts >= SHORTEST, gain, gain - 1e3)
        origins[index] = gain.argmax(axis=0)
        best = gain.max(axis=0) + costs
    best = best + sums[count, visemes[-1]] - sums[places[-1], visemes[-1]]
    chosen = np.empty(len(boundaries), np.intp)
    state = int(best.argmax())
    for index in range(len(boundaries) - 1, -1, -1):
        chosen[index] = places[index][state]
        state = int(origins[index][state])
    aligned = np.empty_like(labels)
    edges = np.concatenate([[0], np.maximum.accumulate(chosen), [count]])
    for viseme, start, stop in zip(visemes, edges[:-1], edges[1:], strict=True):
        aligned[start:stop] = viseme
    return aligned


def aligned(voice: Voice, net: VisemeNet) -> tuple[Voice, int]:
    """The voice with its boundaries mended, and the delay in rows that its labels had."""
    scores = [log_posteriors(net, utterance.pcm) for utterance in voice.utterances]
    labels = [utterance.labels for utterance in voice.utterances]
    delay = usual_delay(scores, labels)
    mended = [
        Utterance(utterance.pcm, moved(row_scores, utterance.labels, delay))
        for utterance, row_scores in zip(voice.utterances, scores, strict=True)
    ]
    return replace(voice, utterances=tuple(mended)), delay
