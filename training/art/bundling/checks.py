"""How close a bundle's mixtures come to true renders of the same mixtures."""

from __future__ import annotations

import cv2
import numpy as np

from bench.lipsync.rendered import painted, seen_lips
from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.face.bundle import Bundle
from livekit_bithuman.face.framing import backdrop
from livekit_bithuman.face.raster import Face
from livekit_bithuman.pose import VISEMES, Presentation
from livekit_bithuman.speech.shape import OPENNESS

from .keyframes import Keyframes, to_bytes

MOUTH_REGION = (0.62, 0.30, 0.40)  # half width, above, below the mouth, in eye distances: lips and what is between them


def report(keys: Keyframes, bundle: Bundle) -> list[str]:
    """A line per true render: decibels over the mouth box and over the mouth alone."""
    face = Face(Avatar(bundle))
    lines = []
    names = [*VISEMES, *(f"{a}_{b}" for a in VISEMES for b in VISEMES)]
    for name in names:
        parts = name.split("_")
        picture = f"mix_{name}" if len(parts) == 2 else f"true_{name}"
        if keys.has(picture):
            weights = np.zeros(len(VISEMES), np.float32)
            for part in parts:
                weights[VISEMES.index(part)] += 1 / len(parts)
            region, mouth = _decibels(keys, face, picture, face.draw(weights, Presentation()))
            lines.append(f"{picture:14} region {region:5.1f} dB   mouth {mouth:5.1f} dB")
    return lines


def openness_kept(bundle: Bundle) -> float:
    """Correlation, over the visemes, of the gap between the lips in pictures with the openness that is asked for."""
    face = Face(Avatar(painted(bundle)))
    shut = Presentation(blink=1)  # eyes have no part in it
    gaps = [seen_lips(face.draw(weights, shut)).gap for weights in np.eye(len(VISEMES), dtype=np.float32)]
    return float(np.corrcoef(gaps, OPENNESS)[0, 1])


def _decibels(keys: Keyframes, face: Face, name: str, drawn: np.ndarray) -> tuple[float, float]:
    meta = keys.meta
    fx, fy = meta.frame[:2]
    x0, y0, x1, y1 = meta.boxes["mouth"]
    true = keys.picture(name, meta.boxes["mouth"])
    behind = backdrop(face.avatar.bundle.manifest, *face.size)[y0 - fy : y1 - fy, x0 - fx : x1 - fx]
    true_bgr = true[..., :3] + behind * (1 - true[..., 3:] / 255)
    error = (drawn[y0 - fy : y1 - fy, x0 - fx : x1 - fx] - true_bgr) ** 2
    half, above, below = (round(side * meta.eye_distance) for side in MOUTH_REGION)
    cx, cy = round(meta.mouth[0]) - x0, round(meta.mouth[1]) - y0
    inner = error[max(0, cy - above) : cy + below, max(0, cx - half) : cx + half]
    return _psnr(error), _psnr(inner)


def _psnr(squared_error: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(float(squared_error.mean()), 1e-6)))


def sheet(bundle: Bundle, zoom: float = 1.5) -> np.ndarray:
    """A contact sheet: every viseme, mixtures, smile, blink, gaze, brows, turns, cropped to the face."""
    face = Face(Avatar(bundle))
    tiles = [_tile(face, {name: 1.0}, Presentation(), name, zoom) for name in VISEMES]
    for mixture in (
        {"aa": 0.5, "sil": 0.5},
        {"PP": 0.5, "aa": 0.5},
        {"ou": 0.5, "E": 0.5},
        {"oh": 0.3, "SS": 0.3, "sil": 0.4},
    ):
        label = " ".join(f"{share:.1f}{name}" for name, share in mixture.items())
        tiles.append(_tile(face, mixture, Presentation(), label, zoom))
    poses = {
        "smile": Presentation(smile=1),
        "smile .5": Presentation(smile=0.5),
        "blink .3": Presentation(blink=0.3),
        "blink .6": Presentation(blink=0.6),
        "blink 1": Presentation(blink=1),
        "gaze right": Presentation(gaze_x=1),
        "gaze left up": Presentation(gaze_x=-0.7, gaze_y=-0.7),
        "gaze down": Presentation(gaze_y=1),
        "brow up": Presentation(brow=1),
        "brow down": Presentation(brow=-1),
        "yaw 8": Presentation(yaw=0.14),
        "yaw -8": Presentation(yaw=-0.14),
        "pitch 8": Presentation(pitch=0.14),
        "pitch -8": Presentation(pitch=-0.14),
        "roll 6": Presentation(roll=0.1),
        "smile+aa": Presentation(smile=0.6),
    }
    for label, presentation in poses.items():
        mouth = {"aa": 0.6, "sil": 0.4} if "aa" in label or "yaw" in label else {"sil": 1.0}
        tiles.append(_tile(face, mouth, presentation, label, zoom))
    columns = 5
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _tile(face: Face, mouth: dict[str, float], presentation: Presentation, label: str, zoom: float) -> np.ndarray:
    weights = np.zeros(len(VISEMES), np.float32)
    for name, share in mouth.items():
        weights[VISEMES.index(name)] = share
    picture = face.draw(weights, presentation)
    manifest = face.avatar.bundle.manifest
    fx, fy = manifest.frame[:2]
    left, right = manifest.mouth[0] - fx - 10, manifest.mouth[2] - fx + 10
    top, bottom = manifest.eyes[1] - fy - 30, manifest.mouth[3] - fy + 10
    tile = cv2.resize(
        picture[max(0, top) : bottom, max(0, left) : right], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC
    )
    cv2.putText(tile, label, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return to_bytes(tile.astype(np.float32))
