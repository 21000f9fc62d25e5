"""What `bench.soak` makes of its rows."""

from __future__ import annotations

import numpy as np
import pytest

from bench.soak import Row, doubt, growth


def rows(memory: np.ndarray) -> list[Row]:
    return [Row(number + 1, float(taken), 20, 30, 1) for number, taken in enumerate(memory)]


def test_a_straight_line_is_beyond_doubt() -> None:
    straight = rows(400 + 0.5 * np.arange(20))
    assert growth(straight)["memory_mb"] == pytest.approx(50)
    assert doubt(straight)["memory_mb"] == pytest.approx(0, abs=1e-6)
    assert doubt(straight)["threads"] == pytest.approx(0, abs=1e-6)


def test_doubt_is_how_far_the_growth_of_like_soaks_differs() -> None:
    random = np.random.default_rng(9)
    soaks = [rows(500 + random.normal(0, 4, 20)) for _ in range(400)]
    differs = np.std([growth(soak)["memory_mb"] for soak in soaks])
    said = np.mean([doubt(soak)["memory_mb"] for soak in soaks])
    assert differs == pytest.approx(said, rel=0.15)
    assert said == pytest.approx(15.5, rel=0.1)  # as the module says
