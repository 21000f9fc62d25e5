"""The built-in characters do what they are asked, measured by painting what is inside mouth and eyes green."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth

REST = Presentation()


def mouth(**shares: float) -> VisemeWeights:
    weights = np.zeros(len(VISEMES), np.float32)
    for name, share in shares.items():
        weights[VISEMES.index(name)] = share
    weights[0] += 1 - weights.sum()
    return weights


def green(picture: NDArray[np.uint8]) -> int:
    """Pixels that are more than half green paint, in light or shadow."""
    blue, amount, red = (picture[..., channel].astype(int) for channel in range(3))
    return int((amount > 1.6 * np.maximum(np.maximum(blue, red), 20)).sum())


def painted(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    paint = np.empty(shape, np.uint8)
    paint[:] = (0, 255, 0, 255)
    return paint


@pytest.fixture(scope="module", params=builtin_names())
def face(request: pytest.FixtureRequest) -> Face:
    """Green between the lips, green eyeballs without highlights."""
    bundle = Avatar.load(request.param).bundle
    return Face(
        Avatar(
            replace(
                bundle,
                inner_parts=painted(bundle.inner_parts.shape),
                eyeballs=painted(bundle.eyeballs.shape),
                glint=np.zeros_like(bundle.glint),
            )
        )
    )


def gap(face: Face, weights: VisemeWeights, *, smile: float = 0.0) -> int:
    return gap_of(face, weights, Presentation(blink=1, smile=smile))


def gap_of(face: Face, weights: VisemeWeights, presentation: Presentation) -> int:
    """Pixels between the lips; the eyes must be closed."""
    return green(face.draw(weights, presentation))


def test_silent_and_bilabial_lips_are_closed(face: Face) -> None:
    for smile in (0.0, 0.3, 0.55):
        assert gap(face, resting_mouth(), smile=smile) == 0
        assert gap(face, mouth(PP=1), smile=smile) == 0
        assert gap(face, mouth(PP=0.5), smile=smile) == 0
        assert gap(face, mouth(PP=0.9, aa=0.1), smile=smile) == 0


def test_the_gap_grows_with_an_open_viseme(face: Face) -> None:
    shares = np.linspace(0, 1, 11)
    for viseme in ("aa", "E", "oh"):
        areas = [gap(face, mouth(**{viseme: share})) for share in shares]
        assert areas == sorted(areas)
        assert areas[-1] > 200
        assert np.corrcoef(shares, areas)[0, 1] >= 0.95


def test_visemes_open_in_the_order_of_their_jaws(face: Face) -> None:
    areas = {name: gap(face, mouth(**{name: 1})) for name in VISEMES}
    assert areas["aa"] > areas["E"] > areas["ih"] > areas["PP"]
    assert areas["oh"] > areas["ou"]
    assert all(areas[name] > 0 for name in ("FF", "TH", "SS", "CH", "ou"))


def test_rounded_visemes_are_narrower_than_spread_ones(face: Face) -> None:
    def width(viseme: str) -> int:
        picture = face.draw(mouth(**{viseme: 1}), Presentation(blink=1)).astype(int)
        return int((picture[..., 1] > 1.6 * np.maximum(picture[..., [0, 2]].max(axis=2), 20)).any(axis=0).sum())

    assert width("ou") < 0.8 * width("ih")
    assert width("oh") < width("E")


def test_a_blink_covers_the_eyes(face: Face) -> None:
    areas = [green(face.draw(resting_mouth(), Presentation(blink=share))) for share in np.linspace(0, 1, 13)]
    assert areas[0] > 300
    assert areas[-1] == 0
    assert areas == sorted(areas, reverse=True)


def test_no_gaze_leaves_the_eyeball(face: Face) -> None:
    open_eyes = green(face.draw(resting_mouth(), REST))
    for x, y in ((1, 0), (-1, 0), (0, -1), (0.7, -0.7), (-0.7, -0.7)):
        assert green(face.draw(resting_mouth(), Presentation(gaze_x=x, gaze_y=y))) == pytest.approx(open_eyes, rel=0.02)


def test_nothing_but_its_part_changes_when_the_mouth_opens(face: Face) -> None:
    closed, open_ = face.draw(resting_mouth(), REST), face.draw(mouth(aa=1), REST)
    changed = np.argwhere((closed != open_).any(axis=2))
    manifest = face.avatar.bundle.manifest
    x0, y0, x1, y1 = manifest.mouth
    left, top = manifest.frame[:2]
    assert (changed.min(axis=0) >= (y0 - top - 1, x0 - left - 1)).all()
    assert (changed.max(axis=0) <= (y1 - top, x1 - left)).all()
