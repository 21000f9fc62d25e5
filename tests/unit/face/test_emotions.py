"""Emotions are told apart in the picture, and leave speech alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.face.emotions import LOOKS
from livekit_bithuman.face.features import mouth_corners
from livekit_bithuman.face.pull import MOST_TURN, Pull, pulled, together
from livekit_bithuman.media import Emotion
from livekit_bithuman.pose import Expression, Presentation, resting_mouth

from .test_characters import face, gap_of, green, mouth  # noqa: F401 - `face` is a fixture

FELT = [emotion for emotion in Emotion if emotion is not Emotion.NEUTRAL]
SMILES = (0.14, 0.34, 0.54)  # what the face's own motion goes through


def felt(emotion: Emotion, *, smile: float = 0.34, speaking: float = 0.0, blink: float = 0.0) -> Presentation:
    return pulled(Presentation(smile=smile, blink=blink), LOOKS[emotion], speaking)


@pytest.mark.parametrize("emotion", list(Emotion))
def test_p_b_and_m_close_the_lips_in_every_emotion(face: Face, emotion: Emotion) -> None:  # noqa: F811
    for smile in SMILES:
        for speaking in (0.5, 1.0):
            presentation = felt(emotion, smile=smile, speaking=speaking, blink=1.0)
            for weights in (mouth(PP=1), mouth(PP=0.8), mouth(PP=0.9, aa=0.1)):
                assert gap_of(face, weights, presentation) == 0
        assert gap_of(face, resting_mouth(), felt(emotion, smile=smile, speaking=1.0, blink=1.0)) == 0


@pytest.mark.parametrize("emotion", list(Emotion))
def test_open_vowels_open_as_far_as_they_do_without(face: Face, emotion: Emotion) -> None:  # noqa: F811
    usual = gap_of(face, mouth(aa=1), felt(Emotion.NEUTRAL, speaking=1.0, blink=1.0))
    assert gap_of(face, mouth(aa=1), felt(emotion, speaking=1.0, blink=1.0)) > 0.7 * usual


def test_eyes_open_wide_in_surprise_and_narrow_in_anger_and_close_all_the_same(face: Face) -> None:  # noqa: F811
    def eye(emotion: Emotion, blink: float = 0.0) -> int:
        return green(face.draw(mouth(PP=1), felt(emotion, speaking=1.0, blink=blink)))

    usual = eye(Emotion.NEUTRAL)
    assert eye(Emotion.SURPRISE) > 1.25 * usual
    assert eye(Emotion.FEAR) > 1.15 * usual
    assert eye(Emotion.ANGER) < 0.95 * usual
    assert all(eye(emotion, blink=1.0) == 0 for emotion in Emotion)


def test_every_two_emotions_differ_in_the_picture_and_from_a_resting_face() -> None:
    """In the features, head held still: as much as a third of an open mouth differs from a closed one."""
    drawn = Face(Avatar.load(), (256, 256))

    def features(presentation: Presentation) -> NDArray[np.float64]:
        held = pulled(Presentation(smile=0.34), _face_alone(presentation), 0.0)
        return drawn.draw(resting_mouth(), held)[60:180, 70:190].astype(float)

    pictures = {emotion: features(felt(emotion)) for emotion in Emotion}
    rest = drawn.draw(resting_mouth(), Presentation(smile=0.34))[60:180, 70:190].astype(float)
    speech = drawn.draw(mouth(aa=1), Presentation(smile=0.34))[60:180, 70:190].astype(float)
    much = np.abs(speech - rest).mean()
    assert np.array_equal(pictures[Emotion.NEUTRAL], rest)
    for one, other in itertools.combinations(Emotion, 2):
        assert np.abs(pictures[one] - pictures[other]).mean() > much / 3, (one, other)


def _face_alone(presentation: Presentation) -> Pull:
    expression = presentation.expression
    return Pull(
        brow=presentation.brow,
        smile=presentation.smile - 0.34,
        droop=presentation.blink,
        inner_brows=expression.inner_brows,
        outer_brows=expression.outer_brows,
        lids=expression.lids,
        corners=expression.corners,
        sneer=expression.sneer,
        jaw=expression.jaw,
        grin=expression.grin,
    )


def test_no_expression_changes_no_pixel() -> None:
    drawn = Face(Avatar.load(), (128, 128))
    usual = Presentation(yaw=0.05, brow=0.4, smile=0.3, gaze_x=0.2)
    assert np.array_equal(drawn.draw(mouth(aa=0.5), usual), drawn.draw(mouth(aa=0.5), pulled(usual, Pull(), 0.0)))


def test_the_mouths_corners_are_found_where_the_lips_meet() -> None:
    avatar = Avatar.load()
    left, right = mouth_corners(avatar.bundle)
    x0, y0, x1, y1 = avatar.bundle.manifest.mouth
    assert x0 < left[0] < (x0 + x1) / 2 < right[0] < x1
    assert y0 < left[1] < y1
    assert abs(left[1] - right[1]) < 0.05 * (right[0] - left[0])


def test_pulls_add_up_and_stay_within_what_a_face_can_do() -> None:
    most = together([LOOKS[emotion].scaled(3.0) for emotion in FELT])
    presentation = pulled(Presentation(yaw=0.1, smile=0.5, brow=0.9, gaze_x=0.9), most, 0.0)
    assert max(abs(presentation.yaw), abs(presentation.pitch), abs(presentation.roll)) < MOST_TURN + 0.1
    assert 0 <= presentation.smile <= 1
    assert -1 <= presentation.brow <= 1
    weights = presentation.mouth(resting_mouth())
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("expression", [Expression(jaw=1.0), Expression(grin=1.0), Expression(jaw=1.0, grin=1.0)])
def test_a_silent_mouth_opens_and_one_that_speaks_does_not(expression: Expression) -> None:
    presentation = Presentation(expression=expression)
    assert presentation.mouth(resting_mouth())[0] < 0.1
    assert np.array_equal(presentation.mouth(mouth(PP=1)), mouth(PP=1))
    for weights in (resting_mouth(), mouth(PP=0.5), mouth(aa=0.9)):
        parted = presentation.mouth(weights)
        assert parted.min() >= 0
        assert parted.sum() == pytest.approx(1.0, abs=1e-5)
