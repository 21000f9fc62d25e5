"""How each emotion looks: what it pulls a face to when it is felt as strongly as can be.

The parts are those of the Facial Action Coding System (Ekman and Friesen, 1978): joy raises cheeks and lip corners,
sadness the inner brows while the corners sink, anger draws the brows together over narrowed eyes, and so on.
"""

from __future__ import annotations

from ..media import Emotion
from .pull import Pull

LOOKS: dict[Emotion, Pull] = {
    Emotion.NEUTRAL: Pull(),
    Emotion.JOY: Pull(smile=0.12, corners=0.9, lids=-0.4, brow=0.25, outer_brows=0.15, grin=0.75, pitch=-0.03),
    Emotion.SADNESS: Pull(
        smile=-0.5,
        corners=-0.9,
        inner_brows=1.0,
        outer_brows=-0.6,
        droop=0.20,
        gaze_y=0.32,
        pitch=0.075,
        roll=0.05,
        still=0.5,
        steady=0.5,
    ),
    Emotion.ANGER: Pull(
        smile=-0.5,
        corners=-0.5,
        brow=-0.35,
        inner_brows=-1.0,
        outer_brows=0.5,
        lids=-0.45,
        pitch=0.06,
        still=0.3,
        steady=0.8,
    ),
    Emotion.FEAR: Pull(
        smile=-0.5,
        corners=-0.75,
        brow=0.4,
        inner_brows=1.0,
        outer_brows=-0.2,
        lids=0.85,
        grin=0.55,
        pitch=-0.02,
        yaw=-0.05,
        steady=0.4,
    ),
    Emotion.SURPRISE: Pull(
        smile=-0.5, brow=1.0, inner_brows=0.6, outer_brows=0.4, lids=1.0, jaw=0.85, pitch=-0.05, steady=0.8
    ),
    Emotion.DISGUST: Pull(
        smile=-0.5,
        corners=-0.6,
        sneer=1.0,
        brow=-0.3,
        inner_brows=-0.6,
        lids=-0.75,
        yaw=0.10,
        roll=-0.06,
        pitch=-0.06,
        gaze_x=-0.15,
    ),
}
