"""Randomness without a state: the same seed and place give the same number, in whatever order they are asked for."""

from __future__ import annotations

import math
from functools import lru_cache

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # splitmix64's increment (Steele, Lea, Flood: Fast Splittable PRNGs, 2014)


@lru_cache(1024)  # motion asks for the same numbers again in every picture of some seconds
def chance(seed: int, stream: int, index: int) -> float:
    """A number in 0 .. 1, uniform over `index`, independent between streams: two rounds of splitmix64."""
    return _mixed(_mixed(seed * _GOLDEN + stream) + index * _GOLDEN) / 2.0**64


def signed(seed: int, stream: int, index: int) -> float:
    """`chance` in -1 .. 1."""
    return 2.0 * chance(seed, stream, index) - 1.0


def wander(seed: int, stream: int, position: float) -> float:
    """Smooth noise in about -1 .. 1 that changes once per unit of position: gradient noise in one dimension."""
    cell = math.floor(position)
    within = position - cell
    left = signed(seed, stream, cell) * within
    right = signed(seed, stream, cell + 1) * (within - 1.0)
    return 2.0 * (left + (right - left) * ease(within))


def ease(share: float) -> float:
    """0 .. 1 to 0 .. 1, at rest at both ends (also in acceleration)."""
    return share * share * share * (share * (share * 6.0 - 15.0) + 10.0)


def _mixed(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
