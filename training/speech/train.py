"""Train the viseme net: a stack of dilated causal convolutions over log-mel rows (JAX and optax, CPU)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from livekit_bithuman.pose import VISEMES
from livekit_bithuman.speech.features import BANDS
from livekit_bithuman.speech.shape import OPENNESS, WIDTH

from .dataset import Dataset

Parameters = list[dict[str, jax.Array]]


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out, beside the data."""

    channels: int = 128
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 1, 2, 4, 4)
    lookahead_rows: int = 8  # a row's posterior is told this many rows later
    steps: int = 4000
    batch: int = 24
    chunk_rows: int = 320
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.08
    label_smoothing: float = 0.05
    shape_weight: float = 4.0  # of the squared error of openness and width beside the cross entropy
    average: float = 0.998  # decay of the running mean of the weights that is kept
    seed: int = 0


def initial(recipe: Recipe, key: jax.Array) -> Parameters:
    """He-initialised convolutions and a small linear read-out."""
    parameters: Parameters = []
    width = BANDS
    for _ in recipe.dilations:
        key, draw = jax.random.split(key)
        fan_in = recipe.kernel * width
        weights = jax.random.normal(draw, (fan_in, recipe.channels)) * np.sqrt(2.0 / fan_in)
        parameters.append({"w": weights, "b": jnp.zeros(recipe.channels)})
        width = recipe.channels
    parameters.append({"w": jax.random.normal(key, (width, len(VISEMES))) * 0.05, "b": jnp.zeros(len(VISEMES))})
    return parameters


def logits(recipe: Recipe, parameters: Parameters, rows: jax.Array, key: jax.Array | None = None) -> jax.Array:
    """Scores (batch, t, 15) of feature rows (batch, t, 40); row t of the output is about input row t - look-ahead."""
    hidden = rows
    for index, dilation in enumerate(recipe.dilations):
        reach = (recipe.kernel - 1) * dilation
        padded = jnp.pad(hidden, ((0, 0), (reach, 0), (0, 0)))
        length = hidden.shape[1]
        taps = [padded[:, tap * dilation : tap * dilation + length] for tap in range(recipe.kernel)]
        fresh = jax.nn.relu(jnp.concatenate(taps, axis=-1) @ parameters[index]["w"] + parameters[index]["b"])
        hidden = fresh if index == 0 else hidden + fresh
        if key is not None and recipe.dropout > 0.0:
            key, draw = jax.random.split(key)
            kept = jax.random.bernoulli(draw, 1.0 - recipe.dropout, (hidden.shape[0], 1, hidden.shape[2]))
            hidden = hidden * kept / (1.0 - recipe.dropout)
    return hidden @ parameters[-1]["w"] + parameters[-1]["b"]


def _shapes(weights: jax.Array) -> jax.Array:
    """Openness and width of viseme weights (..., 15), smoothed as a mouth moves: (..., 2)."""
    return weights @ jnp.stack([jnp.asarray(OPENNESS), jnp.asarray(WIDTH)], axis=1)


def _blurred(tracks: jax.Array) -> jax.Array:
    """Tracks (batch, t, 2) under a Gaussian of 25 ms, the pace of lips."""
    offsets = np.arange(-7, 8)
    taps = np.exp(-(offsets**2) / (2 * 2.5**2))
    taps /= taps.sum()
    padded = jnp.pad(tracks, ((0, 0), (7, 7), (0, 0)), mode="edge")
    return sum(tap * padded[:, k : k + tracks.shape[1]] for k, tap in enumerate(taps))


def loss(recipe: Recipe, parameters: Parameters, rows: jax.Array, labels: jax.Array, key: jax.Array) -> jax.Array:
    """Cross entropy of the rows, plus the error of the mouth shape they mean."""
    warm = 30  # rows whose past is cut off by the chunk's edge
    scores = logits(recipe, parameters, rows, key)[:, recipe.lookahead_rows :]
    told = labels[:, : scores.shape[1]]
    targets = jax.nn.one_hot(told, len(VISEMES))
    soft = targets * (1.0 - recipe.label_smoothing) + recipe.label_smoothing / len(VISEMES)
    crossed = -(soft * jax.nn.log_softmax(scores)).sum(-1)
    missed = (_shapes(jax.nn.softmax(scores)) - _blurred(_shapes(targets))) ** 2
    return crossed[:, warm:].mean() + recipe.shape_weight * missed[:, warm:].sum(-1).mean()


def _mel_warp(rng: np.random.Generator, batch: int) -> NDArray[np.float32]:
    """Matrices (batch, 40, 40) that stretch the mel axis a little: vocal tracts of other lengths."""
    bands = np.arange(BANDS)
    stretch = 1.0 + rng.normal(0.0, 0.05, (batch, 1))
    source = np.clip(bands[None] * stretch + rng.normal(0.0, 0.4, (batch, 1)), 0, BANDS - 1.001)
    low = source.astype(int)
    share = (source - low).astype(np.float32)
    matrices = np.zeros((batch, BANDS, BANDS), np.float32)
    item = np.arange(batch)[:, None]
    matrices[item, low, bands[None]] += 1.0 - share
    matrices[item, low + 1, bands[None]] += share
    return matrices


def _batch(data: Dataset, recipe: Recipe, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Random chunks, each with its own spectral tilt, level and vocal tract, some with a band of rows missing."""
    starts = rng.integers(0, len(data.labels) - recipe.chunk_rows, recipe.batch)
    index = starts[:, None] + np.arange(recipe.chunk_rows)
    rows = data.rows[index].astype(np.float32) @ _mel_warp(rng, recipe.batch)
    tilt = rng.normal(0.0, 0.12, (recipe.batch, 1, 1)) * np.linspace(-1.0, 1.0, BANDS)
    rows += (tilt + rng.normal(0.0, 0.1, (recipe.batch, 1, 1))).astype(np.float32)
    for item in range(recipe.batch):
        if rng.random() < 0.3:
            band, width = int(rng.integers(0, BANDS - 6)), int(rng.integers(1, 7))
            rows[item, :, band : band + width] = rows[item, :, band : band + width].mean()
    return rows, data.labels[index].astype(np.int32)


def train(
    data: Dataset, recipe: Recipe, say: Callable[[str], None] = print, check: Callable[[Any], str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Weights by name, as `livekit_bithuman.speech.net` loads them."""
    rng = np.random.default_rng(recipe.seed)
    key = jax.random.PRNGKey(recipe.seed)
    parameters = initial(recipe, key)
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, recipe.learning_rate, max(1, recipe.steps // 20), recipe.steps, 1e-5
    )
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=recipe.weight_decay))
    state = optimiser.init(parameters)
    objective = partial(loss, recipe)

    @jax.jit
    def advance(
        parameters: Parameters,
        mean: Parameters,
        state: Any,
        rows: jax.Array,
        labels: jax.Array,
        key: jax.Array,
        share: float,
    ) -> tuple[Parameters, Parameters, Any, jax.Array]:
        value, gradients = jax.value_and_grad(objective)(parameters, rows, labels, key)
        updates, state = optimiser.update(gradients, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        mean = optax.incremental_update(parameters, mean, share)
        return parameters, mean, state, value

    mean = parameters
    began, seen = time.monotonic(), []
    for step in range(recipe.steps):
        rows, labels = _batch(data, recipe, rng)
        key, draw = jax.random.split(key)
        share = max(1.0 - recipe.average, 1.0 / (step + 1))  # a plain mean until there is enough to forget
        parameters, mean, state, value = advance(parameters, mean, state, rows, labels, draw, share)
        seen.append(float(value))
        if step % 250 == 249:
            note = check(exported(recipe, mean)) if check is not None else ""
            took = time.monotonic() - began
            say(f"step {step + 1}: loss {np.mean(seen[-250:]):.4f}, {took:.0f} s {note}")
    return exported(recipe, mean)


def exported(recipe: Recipe, parameters: Parameters) -> dict[str, NDArray[Any]]:
    """The arrays of the weights file; matrices in half precision, which the scores do not feel."""
    arrays: dict[str, NDArray[Any]] = {
        "dilations": np.array(recipe.dilations, np.int32),
        "lookahead_rows": np.array(recipe.lookahead_rows, np.int32),
    }
    for index, layer in enumerate(parameters):
        arrays[f"weights_{index}"] = np.asarray(layer["w"], np.float16)
        arrays[f"biases_{index}"] = np.asarray(layer["b"], np.float32)
    return arrays
