"""The built-in characters do what they are asked, measured by painting what is inside mouth and eyes green."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, builtin_names
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.speech.shape import OPENNESS

REST = Presentation()
HALF_INCISOR = 6  # pixels: of the width of a built-in character's upper one


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


@pytest.fixture(scope="module", params=builtin_names())
def rows_of_colours(request: pytest.FixtureRequest) -> Face:
    """Upper teeth blue, lower ones cyan, the tongue green."""
    bundle = Avatar.load(request.param).bundle
    colours = np.array([(255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 0)], np.float32)  # of INNER_PARTS
    alpha = bundle.inner_parts[..., 3:]
    parts = np.concatenate([colours[:, None, None] * (alpha / 255), alpha], axis=-1)
    return Face(Avatar(replace(bundle, inner_parts=np.rint(parts).astype(np.uint8))))


def parts_at_the_incisors(face: Face, weights: VisemeWeights) -> list[NDArray[np.intp]]:
    """Rows in which upper teeth, tongue and lower teeth are seen down the middle of the upper left incisor."""
    x0, y0, x1, y1 = face.avatar.bundle.manifest.mouth
    left, top = face.avatar.bundle.manifest.frame[:2]
    column = face.draw(weights, REST)[y0 - top : y1 - top, (x0 + x1) // 2 - left + HALF_INCISOR].astype(int)
    blue, amount, red = np.maximum(column, 20).T
    seen = (
        blue > 1.6 * np.maximum(amount, red),
        amount > 1.6 * np.maximum(blue, red),
        np.minimum(blue, amount) > 1.6 * red,
    )
    return [np.flatnonzero(rows) for rows in (seen[0], seen[1], seen[2])]


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


def test_the_gap_is_as_open_as_the_viseme(face: Face) -> None:
    areas = [gap(face, mouth(**{name: 1 if name != "sil" else 0})) for name in VISEMES]
    assert np.corrcoef(areas, OPENNESS)[0, 1] >= 0.95


def test_rounded_visemes_are_narrower_than_spread_ones(face: Face) -> None:
    def width(viseme: str) -> int:
        picture = face.draw(mouth(**{viseme: 1}), Presentation(blink=1)).astype(int)
        return int((picture[..., 1] > 1.6 * np.maximum(picture[..., [0, 2]].max(axis=2), 20)).any(axis=0).sum())

    assert width("ou") < 0.8 * width("ih")
    assert width("oh") < width("E")


def test_the_tongue_is_between_both_rows_of_teeth_at_th(rows_of_colours: Face) -> None:
    upper, tongue, lower = parts_at_the_incisors(rows_of_colours, mouth(TH=1))
    assert min(len(upper), len(tongue)) >= 2
    assert upper.max() < tongue.min()
    assert tongue.max() <= lower.max()  # where they touch, a row is some of both


def test_the_lower_lip_meets_the_upper_teeth_at_ff(rows_of_colours: Face) -> None:
    upper, tongue, lower = parts_at_the_incisors(rows_of_colours, mouth(FF=1))
    assert len(upper) >= 3
    assert len(tongue) == len(lower) == 0


def test_no_tongue_hides_the_upper_teeth_on_the_way_to_th(rows_of_colours: Face) -> None:
    for share in (0.3, 0.5, 0.8):
        for other in ("aa", "E"):
            upper, _, _ = parts_at_the_incisors(rows_of_colours, mouth(TH=share, **{other: 1 - share}))
            assert len(upper) >= 3, (share, other)


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
