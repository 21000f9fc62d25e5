"""What the face mesh sees in an avatar's frames, beside what they were asked to show.

Openness is the distance between the inner lips and width that between the lips' corners, both in distances between the
eyes' outer corners; the lids' is the mean opening of both eyes in eye widths. What a mouth is asked to do is told by
`mouth_shape`.

The mesh is noisy: of the same frame it says something else when the square that it sees is turned or scaled a little.
So openness is the mean of several such looks, and what single looks correlate with is told beside it. What the avatar
does itself is told by the gap between its lips, in a copy whose inner mouth has one known colour.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face, IdleMotion
from livekit_bithuman.face.portrait.landmarks import Mesh, find_faces, fit_mesh, refit_mesh
from livekit_bithuman.face.portrait.mesh_indices import EYES_LOWER, EYES_UPPER, MOUTH_CORNERS, OUTER_CORNERS
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.speech.path import SpeechPath
from livekit_bithuman.speech.shape import mouth_shape

FPS = 25
STEPS = (0.25, 0.5, 0.75, 1.0)  # weights in which each viseme is shown
SECONDS = 60  # of idle motion, whose blinks are looked for
AWAKE_AROUND = (-12, -8, 12, 16)  # ticks beside a blink where eyes are open, unless another blink is near
SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech.wav"
#: By how much the square that the mesh sees is turned, in radians, and scaled.
CROPS = ((0.0, 1.0), (0.04, 1.05), (-0.04, 0.95), (-0.06, 1.08), (0.06, 0.92))
GREEN_BGR = (0, 255, 0)
_LIPS = ((82, 87), (13, 14), (312, 317))


@dataclass(frozen=True)
class Seen:
    """One face, as the mesh finds it."""

    openness: float  # mean of the looks
    width: float
    lids: float
    looks: tuple[float, ...]  # openness by crop


@dataclass(frozen=True)
class Agreement:
    """One avatar's frames against what they were asked to show."""

    openness_r: float  # over all visemes in four weights, head still
    single_r: tuple[float, ...]  # the same by single crops
    gap_r: float  # area of the gap between the lips, over the same frames
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
    seen = [look(face, mouth, Presentation(), CROPS) for mouth in mouths]
    openness, width = mouth_shape(np.stack(mouths))
    idle = IdleMotion(7, FPS)
    spoken = spoken_mouths()
    heard = [look(face, mouth, idle.at(tick, 1.0), CROPS).openness for tick, mouth in enumerate(spoken)]
    return Agreement(
        _r([one.openness for one in seen], openness),
        tuple(_r(list(by_crop), openness) for by_crop in zip(*(one.looks for one in seen), strict=True)),
        _r(_gaps(avatar, mouths), openness),
        _r([one.width for one in seen], width),
        _r(heard, mouth_shape(np.stack(spoken))[0]),
        *_blinks(face, idle),
    )


def look(
    face: Face,
    mouth: VisemeWeights,
    presentation: Presentation,
    crops: tuple[tuple[float, float], ...] = CROPS[:1],
) -> Seen:
    """Draw a frame and find the face in it."""
    picture = face.draw(mouth, presentation)
    found = find_faces(picture)
    if not found:
        return Seen(np.nan, np.nan, np.nan, (np.nan,) * len(crops))
    mesh = fit_mesh(picture, found[0])
    looks = tuple(_openness(mesh if crop == CROPS[0] else refit_mesh(picture, mesh, *crop)) for crop in crops)
    lids = [
        np.mean([_apart(mesh, up, low) for up, low in zip(upper[2:-2], lower[2:-2], strict=True)])
        / _apart(mesh, upper[0], upper[-1])
        for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True)
    ]
    width = _apart(mesh, *MOUTH_CORNERS) / _apart(mesh, *OUTER_CORNERS)
    return Seen(float(np.mean(looks)), width, float(np.mean(lids)), looks)


def _openness(mesh: Mesh) -> float:
    return float(np.mean([_apart(mesh, *lips) for lips in _LIPS])) / _apart(mesh, *OUTER_CORNERS)


def _apart(mesh: Mesh, one: int, other: int) -> float:
    return float(np.linalg.norm(mesh.points[one, :2] - mesh.points[other, :2]))


def _gaps(avatar: Avatar, mouths: list[VisemeWeights]) -> list[float]:
    """Pixels between the lips: those that a green inner mouth shows in."""
    green = np.empty_like(avatar.bundle.inner_parts)
    green[:] = (*GREEN_BGR, 255)
    marked, plain = Face(Avatar(replace(avatar.bundle, inner_parts=green))), Face(avatar)
    frames = [(marked.draw(mouth, Presentation()), plain.draw(mouth, Presentation())) for mouth in mouths]
    return [float((np.abs(one.astype(int) - other).max(axis=2) > 40).sum()) for one, other in frames]


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
