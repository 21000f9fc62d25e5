"""What the face mesh sees in an avatar's frames, beside what they were asked to show.

Openness is the distance between the inner lips and width that between the lips' corners, both in distances between the
eyes' outer corners; the lids' is the mean opening of both eyes in eye widths. What a mouth is asked to do is told by
`mouth_shape`.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.face.portrait.landmarks import find_faces, fit_mesh
from livekit_bithuman.face.portrait.mesh_indices import EYES_LOWER, EYES_UPPER, MOUTH_CORNERS, OUTER_CORNERS
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.speech.path import SpeechPath
from livekit_bithuman.speech.shape import mouth_shape

FPS = 25
STEPS = (0.25, 0.5, 0.75, 1.0)  # weights in which each viseme is shown
SECONDS = 60  # of idle motion, whose blinks are looked for
AWAKE_AROUND = (-12, -8, 12, 16)  # ticks beside a blink where eyes are open, unless another blink is near
SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech.wav"
_LIPS = ((82, 87), (13, 14), (312, 317))


@dataclass(frozen=True)
class Seen:
    """One face, as the mesh finds it."""

    openness: float
    width: float
    lids: float


@dataclass(frozen=True)
class Agreement:
    """One avatar's frames against what they were asked to show."""

    openness_r: float  # over all visemes in four weights, head still
    width_r: float
    speech_r: float  # openness, over spoken frames with all of idle motion
    blinks: int  # that were asked for
    found: int  # of them
    false: int  # frames between blinks that look like one
    awake: int  # of so many


def agreement(avatar: Avatar) -> Agreement:
    """Speak and blink, and look at it."""
    face = Face(avatar)
    mouths = [_partly(viseme, weight) for viseme in VISEMES for weight in STEPS]
    seen = [look(face, mouth, Presentation()) for mouth in mouths]
    openness, width = mouth_shape(np.stack(mouths))
    idle = IdleMotion(7, FPS)
    spoken = spoken_mouths()
    heard = [look(face, mouth, idle.at(tick, 1.0)).openness for tick, mouth in enumerate(spoken)]
    return Agreement(
        _r([one.openness for one in seen], openness),
        _r([one.width for one in seen], width),
        _r(heard, mouth_shape(np.stack(spoken))[0]),
        *_blinks(face, idle),
    )


def look(face: Face, mouth: VisemeWeights, presentation: Presentation) -> Seen:
    """Draw a frame and find the face in it."""
    picture = face.draw(mouth, presentation)
    found = find_faces(picture)
    if not found:
        return Seen(np.nan, np.nan, np.nan)
    points = fit_mesh(picture, found[0]).points[:, :2]

    def apart(one: int, other: int) -> float:
        return float(np.linalg.norm(points[one] - points[other]))

    lids = [
        np.mean([apart(up, low) for up, low in zip(upper[2:-2], lower[2:-2], strict=True)]) / apart(upper[0], upper[-1])
        for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True)
    ]
    unit = apart(*OUTER_CORNERS)
    openness = float(np.mean([apart(*lips) for lips in _LIPS]))
    return Seen(openness / unit, apart(*MOUTH_CORNERS) / unit, float(np.mean(lids)))


def spoken_mouths() -> list[VisemeWeights]:
    """The test sentence, frame by frame."""
    with wave.open(str(SPEECH)) as file:
        rate, pcm = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    path = SpeechPath(rate, FPS)
    path.push(pcm)
    path.finish(-(-len(pcm) * FPS // rate))
    return list(path.poll())


def _partly(viseme: str, weight: float) -> VisemeWeights:
    weights = resting_mouth() * np.float32(1 - weight)
    weights[VISEMES.index(viseme)] += np.float32(weight)
    return np.asarray(weights, np.float32)


def _r(seen: list[float], asked: NDArray[np.float32]) -> float:
    return float(np.corrcoef(seen, asked)[0, 1])


def _blinks(face: Face, idle: IdleMotion) -> tuple[int, int, int, int]:
    """Blinks asked for, those found, frames between them taken for one, and how many of those there are.

    A frame shows a blink where the lids are nearer to how this face's look closed than to how they look open.
    """
    looks = [idle.at(tick) for tick in range(SECONDS * FPS)]
    shut = [k for k in range(1, len(looks)) if looks[k].blink == 1.0 and looks[k - 1].blink < 1.0]
    around = {k + offset for k in shut for offset in AWAKE_AROUND}
    awake = sorted(k for k in around if 0 <= k < len(looks) and looks[k].blink == 0.0)
    mouth = resting_mouth()
    still = [look(face, mouth, Presentation(blink=blink)).lids for blink in (0.0, 1.0)]
    limit = sum(still) / 2
    found = sum(look(face, mouth, looks[k]).lids < limit for k in shut)
    false = sum(look(face, mouth, looks[k]).lids < limit for k in awake)
    return len(shut), found, false, len(awake)
