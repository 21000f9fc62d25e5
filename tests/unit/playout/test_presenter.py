"""Blends of the mouth into and out of speech, and idle motion beneath them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.playout import Presenter
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.testing import StillMotion

FPS = 25
AA = VISEMES.index("aa")


def mouth(viseme: int) -> VisemeWeights:
    weights = np.zeros(len(VISEMES), np.float32)
    weights[viseme] = 1.0
    return weights


def frame(index: int, viseme: int = AA) -> TurnFrame:
    return TurnFrame(0, index, mouth=mouth(viseme))


def openness(presentation: Presentation, weights: VisemeWeights) -> float:
    return float(presentation.mouth(weights)[AA])


def test_rest_is_left_alone() -> None:
    presenter = Presenter(StillMotion(), FPS)
    assert all(presenter.present(tick, None, None) == Presentation() for tick in range(20))


@pytest.mark.parametrize(("cut", "ticks"), [(False, 5), (True, 3)])
def test_the_mouth_closes_smoothly_after_a_turn_and_quickly_after_a_cut(cut: bool, ticks: int) -> None:
    presenter = Presenter(StillMotion(), FPS)
    for tick in range(10):
        presenter.present(tick, frame(tick), 0)
    if cut:
        presenter.cut()
    openings = [openness(presenter.present(10 + tick, None, None), resting_mouth()) for tick in range(8)]
    assert 0.5 < openings[0] < 1.0, "not at once"
    assert all(later <= earlier for earlier, later in itertools.pairwise(openings))
    assert openings[ticks - 1] == 0.0
    assert openings[ticks - 2] > 0.0


def test_a_turn_that_begins_while_the_mouth_still_closes_starts_from_there() -> None:
    presenter = Presenter(StillMotion(), FPS)
    for tick in range(10):
        presenter.present(tick, frame(tick), 0)
    presenter.cut()
    closing = openness(presenter.present(10, None, None), resting_mouth())
    first = presenter.present(11, frame(0, VISEMES.index("PP")), 1)
    assert 0.0 < openness(first, mouth(VISEMES.index("PP"))) < closing
    for tick in range(12, 16):
        last = presenter.present(tick, frame(tick, VISEMES.index("PP")), 1)
    assert openness(last, mouth(VISEMES.index("PP"))) == 0.0


def test_weights_stay_a_mixture() -> None:
    presenter = Presenter(StillMotion(), FPS)
    for tick in range(40):
        speaking = tick % 7 < 4
        weights = mouth(tick % len(VISEMES)) if speaking else resting_mouth()
        shown = TurnFrame(0, tick, mouth=weights) if speaking else None
        mixed = presenter.present(tick, shown, 0 if speaking else None).mouth(weights)
        assert mixed.sum() == pytest.approx(1.0, abs=1e-5)
        assert mixed.min() >= 0.0


def test_motion_is_told_how_much_is_spoken() -> None:
    heard: list[float] = []

    class Listening(StillMotion):
        def at(self, tick: int, speaking: float = 0.0) -> Presentation:
            heard.append(speaking)
            return Presentation()

    presenter = Presenter(Listening(), FPS)
    for tick in range(50):
        presenter.present(tick, frame(tick) if 10 <= tick < 30 else None, 0 if 10 <= tick < 30 else None)
    assert heard[9] == 0.0
    assert heard[29] == 1.0
    assert heard[49] == 0.0
    assert max(abs(b - a) for a, b in itertools.pairwise(heard)) <= 0.17, "eased"


def test_the_same_calls_give_the_same_presentations() -> None:
    def run() -> list[Presentation]:
        presenter = Presenter(StillMotion(), FPS)
        return [presenter.present(tick, frame(tick) if tick % 9 < 5 else None, tick // 9) for tick in range(40)]

    assert run() == run()
