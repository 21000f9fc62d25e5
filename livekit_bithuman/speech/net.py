"""The viseme net: a stack of dilated causal convolutions over feature rows, stepped in blocks of a fixed size.

    rows (block, 40) -> 5 x [ 5 taps, dilated -> channels, ReLU, + input ] -> 15 scores -> softmax

It answers `lookahead_rows` later than it is asked, which is all the future it sees. A block has one size for the life
of a stream, because a matrix product of another size may round differently; with it, the posteriors do not depend on
how the sound was chunked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import BANDS, FLOOR, SCALE, START

WEIGHTS = "weights/viseme_net.npz"

#: Silent rows that a fresh stream is taken to have heard: more than the net can remember.
SILENT_ROWS = 80


@dataclass(frozen=True)
class Layer:
    """One dilated convolution."""

    weights: NDArray[np.float32]  # (taps * inputs, outputs), the oldest tap first
    biases: NDArray[np.float32]  # (outputs,)
    dilation: int  # rows between taps
    reach: int  # rows of the past that it needs beside the present one


@dataclass(frozen=True, eq=False)
class VisemeNet:
    """The weights of a trained net."""

    layers: tuple[Layer, ...]
    readout: NDArray[np.float32]  # (channels, 15)
    readout_biases: NDArray[np.float32]  # (15,)
    lookahead_rows: int  # the posterior of row r comes out with row r + lookahead_rows

    @classmethod
    def from_arrays(cls, arrays: Any) -> VisemeNet:
        """The net in the named arrays that `training.speech.train` exports."""
        layers = []
        inputs = BANDS
        for index, dilation in enumerate(arrays["dilations"]):
            weights = np.ascontiguousarray(arrays[f"weights_{index}"], np.float32)
            taps = len(weights) // inputs
            biases = np.asarray(arrays[f"biases_{index}"], np.float32)
            layers.append(Layer(weights, biases, int(dilation), (taps - 1) * int(dilation)))
            inputs = weights.shape[1]
        last = len(layers)
        return cls(
            tuple(layers),
            np.ascontiguousarray(arrays[f"weights_{last}"], np.float32),
            np.asarray(arrays[f"biases_{last}"], np.float32),
            int(arrays["lookahead_rows"]),
        )


@lru_cache(maxsize=1)
def shipped_net() -> VisemeNet:
    """The net that comes with the package, read once."""
    with (files(__package__) / WEIGHTS).open("rb") as stored, np.load(stored) as arrays:
        return VisemeNet.from_arrays(arrays)


class NetStream:
    """Blocks of feature rows in, blocks of viseme posteriors out."""

    def __init__(self, net: VisemeNet, block_rows: int) -> None:
        """Start after silence.

        Args:
            net: The weights; shared, never written.
            block_rows: Rows of every later `step`.
        """
        self._net = net
        self._taps = _tap_indices(net, block_rows)
        self._heard = [past.copy() for past in _after_silence(net, block_rows)]

    def step(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Advance by one block.

        Args:
            rows: float32, shape (block_rows, 40).

        Returns:
            float32, shape (block_rows, 15): the posteriors of the rows `lookahead_rows` before these.
        """
        return _step(self._net, self._heard, self._taps, rows)

    def copy(self) -> NetStream:
        """A stream that goes on from here without changing this one."""
        twin = object.__new__(NetStream)
        twin._net, twin._taps = self._net, self._taps
        twin._heard = [past.copy() for past in self._heard]
        return twin


def _step(
    net: VisemeNet, heard: list[NDArray[np.float32]], taps: list[NDArray[np.intp]], rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """One block through all layers. `heard[i]` holds layer i's last `reach` inputs and, behind them, the block's."""
    count = len(rows)
    hidden = rows
    for index, layer in enumerate(net.layers):
        past = heard[index]
        past[:-count] = past[count:]
        past[-count:] = hidden
        fresh = past.take(taps[index], axis=0).reshape(count, -1) @ layer.weights
        fresh += layer.biases
        np.maximum(fresh, np.float32(0.0), out=fresh)
        hidden = fresh if index == 0 else fresh + hidden
    scores = hidden @ net.readout + net.readout_biases
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def _tap_indices(net: VisemeNet, block_rows: int) -> list[NDArray[np.intp]]:
    """For each layer the rows of its buffer that every row of a block looks at: (block_rows, taps), oldest first."""
    return [
        np.arange(block_rows)[:, None] + np.arange(0, layer.reach + 1, layer.dilation)[None, :] for layer in net.layers
    ]


@lru_cache(maxsize=16)
def _after_silence(net: VisemeNet, block_rows: int) -> tuple[NDArray[np.float32], ...]:
    """The layers' buffers after a long silence, in which every turn begins."""
    inputs = [BANDS, *(layer.weights.shape[1] for layer in net.layers[:-1])]
    heard = [
        np.zeros((layer.reach + block_rows, width), np.float32) for layer, width in zip(net.layers, inputs, strict=True)
    ]
    silence = np.full((block_rows, BANDS), (np.log(FLOOR) - START) / SCALE, np.float32)
    taps = _tap_indices(net, block_rows)
    for _ in range(0, SILENT_ROWS, block_rows):
        _step(net, heard, taps, silence)
    return tuple(heard)
