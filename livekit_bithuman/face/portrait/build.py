"""From a picture's bytes to a bundle."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...errors import PortraitError
from ...pose import VISEMES
from ..assets import assembled
from ..bundle import Bundle, Manifest
from .crop import CANVAS, FRAME, Sitting, eye_middles, seat
from .eyes import build_eyes
from .head import build_head
from .landmarks import Colours, Detection, Mesh, find_faces, fit_mesh
from .mesh_indices import CHIN, EYES_LOWER, EYES_UPPER, NOSE_TIP, OUTER_CORNERS
from .mouth import build_mouth
from .performer import performer
from .picture import read_cut_out

LEAST_EYE_DISTANCE = 20.0  # pixels of the picture between the eyes' middles
LEAST_PRESENCE = 0.5
#: At TH and FF the performer opens farther than speech asks, for the tongue's tip and teeth of its own face. Of another
#: face it is shown so much that lips open as asked.
LESS = {"FF": 0.5, "TH": 0.6}
FRONTAL = (0.22, 0.78)  # where the nose's tip may be between the eyes' outer corners


def make_portrait(data: bytes, source: str, face: int | None = None) -> Bundle:
    """Make an avatar of a portrait.

    Args:
        data: A picture file's bytes; any bytes at all.
        source: The file's name, for errors and for the avatar's name.
        face: Which face, counted from 1 and from the largest; None: the largest.

    Raises:
        PortraitError: The picture cannot be read, or shows no face that can be animated.
    """
    picture, opacity = read_cut_out(data, source)
    mesh = fit_mesh(picture, _chosen(find_faces(picture), face, source))
    _check(picture, mesh, source)
    return build_bundle(seat(picture, mesh, opacity), Path(source).stem)


def build_bundle(sitting: Sitting, title: str) -> Bundle:
    """The bundle of a face on the canvas."""
    model = performer()
    mouth, eyes, head = build_mouth(sitting, model), build_eyes(sitting), build_head(sitting)
    corner = sitting.canvas[:8, :8].reshape(-1, 3).mean(axis=0).astype(int).tolist()
    manifest = Manifest(
        name=re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:100] or "portrait",
        title=title[:100] or "Portrait",
        author="made from a portrait by livekit-bithuman",
        licences=(
            "Picture: the portrait's own; whoever shows it needs the consent of the person and the picture's rights",
            *(
                f"Inner mouth and poses, from {model.bundle.manifest.title}: {x}"
                for x in model.bundle.manifest.licences
            ),
        ),
        canvas=CANVAS,
        frame=FRAME,
        mouth=mouth.box,
        eyes=eyes.box,
        pivot=head.pivot,
        background=(tuple(corner), tuple(corner)),
        shares=_shares(model.bundle.manifest.shares),
        shade=0.0,  # so is the lids' shade on the eyeballs
        breath=0.0,  # the background is part of the picture: it must not breathe
    )
    opaque = np.full(sitting.canvas.shape[:2], 255, np.uint8)
    return assembled(manifest, np.dstack([sitting.canvas, opaque]), mouth, eyes, head, sitting.outline)


def _chosen(faces: list[Detection], face: int | None, source: str) -> Detection:
    if not faces:
        raise PortraitError(
            source,
            f"No face was found in {source}. Use a picture of one person's face, seen from the front, well lit, and at "
            "least a quarter of the picture high.",
        )
    number = 1 if face is None else face
    if not 1 <= number <= len(faces):
        count = "one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise PortraitError(source, f"There is no face {number}: {source} shows {count}. Choose 1 to {len(faces)}.")
    return faces[number - 1]


def _check(picture: Colours, mesh: Mesh, source: str) -> None:
    points = mesh.points[:, :2]
    eyes = eye_middles(mesh.points)
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    if mesh.presence < LEAST_PRESENCE:
        raise PortraitError(
            source,
            f"The face in {source} cannot be made out. Use a sharp, well-lit picture of a face seen from the front.",
        )
    if distance < LEAST_EYE_DISTANCE:
        raise PortraitError(
            source,
            f"The face in {source} is too small: {distance:.0f} pixels from eye to eye. Use a picture where it is "
            f"{LEAST_EYE_DISTANCE:.0f} or more; 100 look good.",
        )
    height, width = picture.shape[:2]
    needed = points[[CHIN, *(i for eye in EYES_UPPER + EYES_LOWER for i in eye)]]
    if (needed < -0.02 * distance).any() or (needed > np.array([width, height]) + 0.02 * distance).any():
        raise PortraitError(
            source, f"The face in {source} is cut off. Use a picture that shows all of it, with some room around it."
        )
    left, right = points[OUTER_CORNERS[0]], points[OUTER_CORNERS[1]]
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    turned = float((points[NOSE_TIP] - left) @ along / max(float((right - left) @ along), 1e-6))
    if not FRONTAL[0] <= turned <= FRONTAL[1]:
        raise PortraitError(
            source,
            f"The face in {source} is turned too far to the side. Use a picture that shows both eyes, from the front.",
        )


def _shares(performed: tuple[float, ...]) -> tuple[float, ...]:
    """How much of each viseme's pose speech shows."""
    return tuple(LESS.get(viseme, share) for viseme, share in zip(VISEMES, performed, strict=True))
