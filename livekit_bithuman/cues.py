"""What a face is told besides speech: how it attends, what it feels, what it does. Small values that go on a log.

`as_entry` and `from_entry` write them down and read them again, for recorded sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from .errors import ActionNotFoundError
from .media import Emotion, EmotionPrediction, VideoControl

#: How long a change of emotion takes, in seconds, unless something else is asked for.
BLEND_S = 0.6
MOST_BLEND_S = 60.0


class Attitude(str, Enum):
    """What an agent is about."""

    IDLE = "idle"  # nobody talks to it
    LISTENING = "listening"  # somebody does, or may at any moment
    THINKING = "thinking"  # it is about to answer
    SPEAKING = "speaking"


class Action(str, Enum):
    """Gestures that every avatar has."""

    NOD = "nod"
    SHAKE = "shake"
    TILT = "tilt"
    BROW_RAISE = "brow_raise"
    LAUGH = "laugh"


#: How long each takes, in seconds at most.
ACTION_S = {Action.NOD: 1.1, Action.SHAKE: 1.35, Action.TILT: 1.7, Action.BROW_RAISE: 1.0, Action.LAUGH: 1.9}


@dataclass(frozen=True)
class Attend:
    """From now on, be about this."""

    attitude: Attitude


@dataclass(frozen=True)
class Paused:
    """Whoever is listened to has paused: a nod may say that they were heard."""


@dataclass(frozen=True)
class Feel:
    """From now on, look like this.

    Attributes:
        mix: Emotions with how strongly they are felt, each 0..1 and 1 together at most; nothing is neutral.
        blend_s: How long the change takes, in seconds; 0: it is there with the next picture.
    """

    mix: tuple[tuple[Emotion, float], ...] = ()
    blend_s: float = BLEND_S


@dataclass(frozen=True)
class Act:
    """Make a gesture, once.

    Attributes:
        action: Which.
        strength: 0..1, of its usual size.
        after_s: Begin so many seconds later.
    """

    action: Action
    strength: float = 1.0
    after_s: float = 0.0


Cue = Attend | Paused | Feel | Act


def emotion_cue(name: str | Emotion, intensity: float = 1.0, blend_s: float = BLEND_S) -> Feel:
    """One emotion.

    Raises:
        ValueError: There is none of that name, or a number is out of range.
    """
    try:
        emotion = Emotion(name)
    except ValueError:
        known = ", ".join(known.value for known in Emotion)
        raise ValueError(f"There is no emotion {name!r}. Use one of: {known}.") from None
    if not 0 <= intensity <= 1:
        raise ValueError(f"The intensity is {intensity}. Use 0 to 1.")
    if not 0 <= blend_s <= MOST_BLEND_S:
        raise ValueError(f"blend_s is {blend_s}. Use 0 to {MOST_BLEND_S:g} seconds.")
    if emotion is Emotion.NEUTRAL or intensity == 0:
        return Feel((), float(blend_s))
    return Feel(((emotion, float(intensity)),), float(blend_s))


def predicted_cue(predictions: list[EmotionPrediction], blend_s: float = BLEND_S) -> Feel:
    """What a list of predictions looks like: each as strong as its score, and all together no stronger than one.

    Raises:
        ValueError: A score is not from 0 to 1.
    """
    scores: dict[Emotion, float] = {}
    for prediction in predictions:
        if not 0 <= prediction.score <= 1:
            raise ValueError(f"The score of {prediction.emotion} is {prediction.score}. Use 0 to 1.")
        emotion = Emotion(prediction.emotion)
        scores[emotion] = scores.get(emotion, 0.0) + float(prediction.score)
    whole = max(1.0, sum(scores.values()))
    felt = {emotion: score / whole for emotion, score in scores.items() if emotion is not Emotion.NEUTRAL and score}
    return Feel(tuple(felt.items()), blend_s)


def action_cue(name: str | Action, strength: float = 1.0) -> Act:
    """One gesture.

    Raises:
        ActionNotFoundError: There is none of that name.
        ValueError: The strength is not from 0 to 1.
    """
    try:
        action = Action(name)
    except ValueError:
        raise ActionNotFoundError(
            str(name),
            f"There is no action {name!r} here. Use one of: {', '.join(known.value for known in Action)}.",
        ) from None
    if not 0 <= strength <= 1:
        raise ValueError(f"The strength is {strength}. Use 0 to 1.")
    return Act(action, float(strength))


def cues_of(control: VideoControl) -> list[Cue]:
    """What a message tells the face. Of several actions each begins when the one before is over.

    Raises:
        ActionNotFoundError: There is none of a name.
        ValueError: A score is not from 0 to 1.
    """
    cues: list[Cue] = []
    if control.emotion_preds:
        cues.append(predicted_cue(control.emotion_preds))
    names = [control.action] if isinstance(control.action, str) else control.action or []
    after_s = 0.0
    for name in names:
        cue = action_cue(name)
        cues.append(replace(cue, after_s=after_s))
        after_s = round(after_s + ACTION_S[cue.action], 6)
    return cues


def as_entry(cue: Cue) -> dict[str, Any]:
    """A cue as JSON has it: `{"act": "nod", "strength": 1.0}`."""
    if isinstance(cue, Attend):
        return {"attend": cue.attitude.value}
    if isinstance(cue, Paused):
        return {"paused": True}
    if isinstance(cue, Feel):
        return {"feel": {emotion.value: share for emotion, share in cue.mix}, "blend_s": cue.blend_s}
    later = {"after_s": cue.after_s} if cue.after_s else {}
    return {"act": cue.action.value, "strength": cue.strength, **later}


def from_entry(entry: dict[str, Any]) -> Cue:
    """The inverse of `as_entry`.

    Raises:
        ValueError: It is no cue.
    """
    try:
        if "attend" in entry:
            return Attend(Attitude(entry["attend"]))
        if "paused" in entry:
            return Paused()
        if "feel" in entry:
            mix = tuple((Emotion(name), _share(share)) for name, share in entry["feel"].items())
            return Feel(mix, _seconds(entry["blend_s"]))
        return Act(Action(entry["act"]), _share(entry["strength"]), _seconds(entry.get("after_s", 0.0)))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ValueError(f"{entry!r:.100} is no cue.") from None


def _share(value: Any) -> float:
    return _number(value, 1.0)


def _seconds(value: Any) -> float:
    return _number(value, MOST_BLEND_S)


def _number(value: Any, most: float) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= most:  # false for NaN too
        raise ValueError(value)
    return float(value)
