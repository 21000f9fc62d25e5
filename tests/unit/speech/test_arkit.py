"""Visemes as ARKit's blendshapes: what a mouth must look like, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_bithuman.pose import VISEMES, resting_mouth
from livekit_bithuman.speech.arkit import ARKIT_SHAPES, MATRIX, arkit_shapes
from livekit_bithuman.speech.shape import OPENNESS, WIDTH

#: Of the 52 shapes that Apple documents, those of jaw, mouth and tongue.
APPLES = {
    *(f"jaw{name}" for name in ("Forward", "Left", "Right", "Open")),
    *(f"mouth{name}" for name in ("Close", "Funnel", "Pucker", "Left", "Right")),
    *(f"mouth{name}{lip}" for name in ("Roll", "Shrug") for lip in ("Lower", "Upper")),
    *(
        f"mouth{name}{side}"
        for name in ("Smile", "Frown", "Dimple", "Stretch", "Press", "LowerDown", "UpperUp")
        for side in ("Left", "Right")
    ),
    "tongueOut",
}


def alone(viseme: str) -> dict[str, float]:
    """The shapes of one viseme at full weight."""
    return arkit_shapes(np.eye(15, dtype=np.float32)[VISEMES.index(viseme)])


def test_every_shape_of_jaw_mouth_and_tongue_is_there() -> None:
    assert set(ARKIT_SHAPES) == APPLES
    assert len(ARKIT_SHAPES) == len(APPLES) == 28
    assert tuple(alone("aa")) == ARKIT_SHAPES


def test_rest_moves_nothing() -> None:
    assert set(arkit_shapes(resting_mouth()).values()) == {0.0}


@given(st.lists(st.floats(0, 1, width=32), min_size=15, max_size=15).filter(lambda shares: sum(shares) > 0.01))
def test_any_weights_give_shapes_of_a_mouth(shares: list[float]) -> None:
    weights = (np.array(shares) / sum(shares)).astype(np.float32)
    shapes = arkit_shapes(weights)
    assert all(0.0 <= share <= 1.0 for share in shapes.values())
    assert shapes["mouthClose"] <= shapes["jawOpen"] + 1e-6, "or the lips cross"
    for name, share in shapes.items():
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
            assert share == shapes[name.removesuffix("Left") + "Right"]


def test_the_jaw_and_the_corners_agree_with_openness_and_width() -> None:
    jaw = MATRIX[:, ARKIT_SHAPES.index("jawOpen")]
    assert np.corrcoef(jaw, OPENNESS)[0, 1] > 0.95
    spread = MATRIX[:, [ARKIT_SHAPES.index(name) for name in ("mouthStretchLeft", "mouthSmileLeft")]].sum(axis=1)
    round_ = MATRIX[:, [ARKIT_SHAPES.index(name) for name in ("mouthPucker", "mouthFunnel")]].sum(axis=1)
    assert np.corrcoef(spread - round_, WIDTH)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("viseme", "shape"),
    [
        ("PP", "mouthPressLeft"),
        ("FF", "mouthRollLower"),
        ("TH", "tongueOut"),
        ("CH", "mouthFunnel"),
        ("aa", "jawOpen"),
        ("ih", "mouthStretchRight"),
        ("ou", "mouthPucker"),
    ],
)
def test_a_shape_is_strongest_where_it_makes_the_sound(viseme: str, shape: str) -> None:
    assert alone(viseme)[shape] == max(alone(other)[shape] for other in VISEMES) > 0.2
