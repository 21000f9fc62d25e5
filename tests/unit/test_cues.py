"""Cues are made from names, refused with one clear error, and survive being written down."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_bithuman.cues import (
    Act,
    Action,
    Attend,
    Attitude,
    Cue,
    Feel,
    Paused,
    action_cue,
    as_entry,
    emotion_cue,
    from_entry,
    predicted_cue,
)
from livekit_bithuman.errors import ActionNotFoundError
from livekit_bithuman.media import Emotion, EmotionPrediction

shares = st.floats(0, 1)
cues = st.one_of(
    st.builds(Attend, st.sampled_from(Attitude)),
    st.just(Paused()),
    st.builds(Act, st.sampled_from(Action), shares),
    st.builds(Feel, st.dictionaries(st.sampled_from(Emotion), shares).map(lambda mix: tuple(mix.items())), shares),
)


@given(cue=cues)
def test_what_is_written_down_is_read_again(cue: Cue) -> None:
    assert from_entry(json.loads(json.dumps(as_entry(cue)))) == cue


@pytest.mark.parametrize(
    "entry",
    [{}, {"act": "wave", "strength": 1}, {"act": "nod"}, {"act": "nod", "strength": 2}, {"feel": [], "blend_s": 1},
     {"feel": {"joy": float("nan")}, "blend_s": 1}, {"feel": {"joy": 1}, "blend_s": -1}, {"attend": 3}],
)  # fmt: skip
def test_what_is_no_cue_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is no cue"):
        from_entry(entry)


def test_an_unknown_action_is_one_error_that_names_those_there_are() -> None:
    with pytest.raises(ActionNotFoundError, match=r"no action 'wave'.*nod, shake, tilt, brow_raise, laugh") as raised:
        action_cue("wave")
    assert raised.value.action == "wave"


@pytest.mark.parametrize(("arguments", "says"), [
    (("bored",), "no emotion 'bored'.*joy"), (("joy", 1.5), "intensity is 1.5"), (("joy", 1.0, -1), "blend_s is -1"),
])  # fmt: skip
def test_an_emotion_out_of_range_is_refused(arguments: tuple[object, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        emotion_cue(*arguments)  # type: ignore[arg-type]


def test_neutral_and_nothing_are_the_same() -> None:
    assert emotion_cue("neutral") == emotion_cue(Emotion.JOY, 0.0) == Feel()


def test_predictions_are_felt_as_strongly_as_they_score_and_never_more_than_one_together() -> None:
    joy, fear = EmotionPrediction(Emotion.JOY, 0.3), EmotionPrediction(Emotion.FEAR, 0.1)
    assert predicted_cue([joy, fear]).mix == ((Emotion.JOY, 0.3), (Emotion.FEAR, 0.1))
    strong = predicted_cue([EmotionPrediction(emotion, 1.0) for emotion in (Emotion.JOY, Emotion.NEUTRAL)])
    assert strong.mix == ((Emotion.JOY, 0.5),)
    with pytest.raises(ValueError, match=r"score of .* is 1\.2"):
        predicted_cue([EmotionPrediction(Emotion.JOY, 1.2)])
