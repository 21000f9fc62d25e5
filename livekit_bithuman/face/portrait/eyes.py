"""The portrait's eyes: its own lids in seven steps from open to closed, and its own irises beneath them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..assets import EyeAssets
from ..bundle import LID_STEPS, Box
from .crop import Sitting, eye_middles
from .drawn import drawn_contour, drawn_lids, is_flat
from .landmarks import Points
from .mesh_indices import CHEEKS, EYES_LOWER, EYES_UPPER, LIDS

BOX = (0.62, 0.56, 0.46)  # of the eyes' distance: beyond the middles, above, below
SPHERE = 0.60  # an eyeball's radius in eye widths: large enough to reach both corners
IRIS = 0.215  # an iris' radius in eye widths (11.7 mm of 27: Caroline and Andre, 2002)
UPPER_SHARE = 0.84  # of the way that a closing eye's upper lid takes
SKIN_ABOVE, SKIN_BELOW = 0.50, 0.24  # of the eye's width: the skin that stretches with the lids
LASHES = 0.13  # of the eye's width: the lid's margin, which moves and does not stretch
GROWTHS = (1.0, 1.15, 1.3, 1.45, 1.6, 1.8)
SKIN_AT = 0.75  # of the eye's width below it there is skin
LIKE_SKIN = 45.0  # mean difference of colour
LIKE_HUE = 0.035  # mean difference of a colour's shares
RIM = 0.7  # pixels by which the lids' edges lie within the mesh's contour
DARK = 0.5  # of the cheeks' brightness: eyes and lids that nowhere reach it are behind dark glasses
GLINT_EXCESS = 60.0  # how much brighter than the iris a highlight is


@dataclass(frozen=True)
class Eyes(EyeAssets):
    """A bundle's eyes, and where they are."""

    box: Box


@dataclass(frozen=True)
class _Opening:
    """One eye, by column of the box: between which rows it is open."""

    left: float  # corner columns
    right: float
    upper: NDArray[np.float32]  # (width,), rows of the box
    lower: NDArray[np.float32]
    width: float


def build_eyes(sitting: Sitting) -> Eyes:
    """Take the eyes from a portrait. Behind dark glasses they stay as they are."""
    box = _box(sitting)
    x0, y0, x1, y1 = box
    picture = sitting.canvas[y0:y1, x0:x1]
    if wears_dark_glasses(sitting):
        opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        nothing = np.zeros_like(opaque)
        centres = eye_middles(sitting.points) - (x0, y0)
        spheres = np.column_stack([centres, np.full(2, 4.0)]).astype(np.float32)
        return Eyes(np.repeat(opaque[None], LID_STEPS, axis=0), nothing, nothing[..., :3], spheres, box)
    corner = np.array([x0, y0])
    contours = [
        (sitting.points[list(upper), :2] - corner, sitting.points[list(lower), :2] - corner)
        for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True)
    ]
    growth = max(_growth(picture, upper, lower) for upper, lower in contours)
    grown = [_grown(upper, lower, growth) for upper, lower in contours]
    skin = np.median(_colours(sitting.canvas, sitting.points[list(CHEEKS), :2]), axis=0)
    drawn = _drawn(picture, skin, contours)
    openings = [_opening(*contour, x1 - x0) for contour in drawn or grown]
    spheres = np.array([_sphere(opening) for opening in openings], np.float32)
    hole = _hole(openings, picture.shape[:2], 0.0)
    ink = None if drawn is None else skin
    lids = np.stack([_lids(picture, openings, spheres, step / (LID_STEPS - 1), ink) for step in range(LID_STEPS)])
    balls, glint = _eyeballs(picture, openings, hole)
    return Eyes(lids, balls, glint, spheres, box)


def _drawn(
    picture: NDArray[np.uint8], skin: NDArray[np.float64], contours: list[tuple[Points, Points]]
) -> list[tuple[Points, Points]] | None:
    """The lids' edges in a flat drawing; None in other pictures, and where they are not found for both eyes."""
    if not is_flat(picture, skin):
        return None
    found = [drawn_contour(picture, skin, upper, lower) for upper, lower in contours]
    drawn = [contour for contour in found if contour is not None]
    return drawn if len(drawn) == len(contours) else None


def wears_dark_glasses(sitting: Sitting) -> bool:
    """Whether eyes and lids are far darker than the cheeks, and no white is seen."""
    grey = cv2.cvtColor(sitting.canvas, cv2.COLOR_BGR2GRAY)

    def shade(ids: tuple[int, ...], share: float) -> float:
        places = np.clip(sitting.points[list(ids), :2].astype(int), 0, [grey.shape[1] - 1, grey.shape[0] - 1])
        return float(np.percentile([grey[y - 1 : y + 2, x - 1 : x + 2].mean() for x, y in places], share))

    cheeks = shade(CHEEKS, 50)
    eyes = [shade(upper + lower, 90) for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True)]
    lids = [shade(ids, 60) for ids in LIDS]
    return max(eyes) < DARK * cheeks and max(lids) < DARK * cheeks


def _box(sitting: Sitting) -> Box:
    eyes, distance = eye_middles(sitting.points), sitting.eye_distance
    height, width = sitting.canvas.shape[:2]
    beyond, above, below = (share * distance for share in BOX)
    return (
        max(0, int(eyes[:, 0].min() - beyond)),
        max(0, int(eyes[:, 1].min() - above)),
        min(width, int(eyes[:, 0].max() + beyond) + 1),
        min(height, int(eyes[:, 1].max() + below) + 1),
    )


def _growth(picture: NDArray[np.uint8], upper: Points, lower: Points) -> float:
    """How much larger a drawn eye is than the mesh thinks: it has met no eyes that large."""
    width = float(upper[-1, 0] - upper[0, 0])
    skin = lower[2:-2] + np.array([0.0, SKIN_AT * width])
    wanted = np.median(_colours(picture, skin), axis=0)
    for growth in GROWTHS:
        _, below = _grown(upper, lower, growth)
        beneath = _colours(picture, below[2:-2] + np.array([0.0, 0.06 * width]))
        unlike = np.abs(beneath - wanted).mean(axis=1)
        if growth == 1:  # lashes and shade are no reason to begin: they change skin's brightness, not its hue
            hue = np.abs(beneath / beneath.sum(axis=1, keepdims=True).clip(1) - wanted / wanted.sum().clip(1))
            if np.median(unlike) < LIKE_SKIN or np.median(hue.mean(axis=1)) < LIKE_HUE:
                return 1.0
        elif np.percentile(unlike, 80) < LIKE_SKIN:
            return growth
    return 1.0


def _grown(upper: Points, lower: Points, growth: float) -> tuple[Points, Points]:
    middle = (upper.mean(axis=0) + lower.mean(axis=0)) / 2
    return middle + (upper - middle) * growth, middle + (lower - middle) * growth


def _colours(picture: NDArray[np.uint8], places: Points) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    at = np.clip(places.astype(int), 0, [width - 1, height - 1])
    return np.asarray(picture[at[:, 1], at[:, 0]], np.float64)


def _opening(upper: Points, lower: Points, columns: int) -> _Opening:
    x = np.arange(columns) + 0.5
    top = np.interp(x, *_smooth(upper)).astype(np.float32)
    bottom = np.interp(x, *_smooth(lower)).astype(np.float32)
    left, right = float(min(upper[0, 0], lower[0, 0])), float(max(upper[-1, 0], lower[-1, 0]))
    return _Opening(left, right, top, np.maximum(bottom, top), right - left)


def _smooth(line: Points) -> tuple[Points, Points]:
    """A contour of few points with more between them, as columns and rows."""
    at = np.linspace(0, len(line) - 1, 49)
    fine = np.column_stack([np.interp(at, np.arange(len(line)), line[:, axis]) for axis in (0, 1)])
    padded = np.pad(fine, ((3, 3), (0, 0)), mode="reflect", reflect_type="odd")
    fine = np.stack([np.convolve(padded[:, axis], np.ones(7) / 7, mode="valid") for axis in (0, 1)], axis=1)
    order = np.argsort(fine[:, 0])
    return fine[order, 0], fine[order, 1]


def _sphere(opening: _Opening) -> tuple[float, float, float]:
    columns = slice(int(opening.left), int(opening.right) + 1)
    middle = float((opening.upper[columns] + opening.lower[columns]).mean() / 2)
    return (opening.left + opening.right) / 2, middle, SPHERE * opening.width


def _hole(openings: list[_Opening], shape: tuple[int, ...], closed: float) -> NDArray[np.float32]:
    """0..1, how far each pixel is within an open eye."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) + np.float32(0.5)
    found = np.zeros(shape, np.float32)
    for opening in openings:
        gap = opening.lower - opening.upper
        top = opening.upper + closed * UPPER_SHARE * gap
        bottom = opening.lower - closed * (1 - UPPER_SHARE) * gap
        inside = np.minimum(rows - top[None], bottom[None] - rows)
        beside = np.minimum(columns - opening.left, opening.right - columns)
        soft = np.clip(np.minimum(inside - RIM, beside) / 1.2 + 0.25, 0, 1)
        soft *= np.clip((bottom - top)[None] - 0.6, 0, 1)  # an eye narrower than a pixel is closed
        found = np.maximum(found, soft)
    return found if closed < 1 else np.zeros(shape, np.float32)


def _lids(
    picture: NDArray[np.uint8],
    openings: list[_Opening],
    spheres: NDArray[np.float32],
    closed: float,
    flat: NDArray[np.float64] | None,
) -> NDArray[np.uint8]:
    """The box with lids in one position, the eyes' openings left out. `flat`: the skin's colour, in a flat drawing."""
    height, width = picture.shape[:2]
    covered = _hole(openings, (height, width), 0.0) > 0
    if flat is None:
        moved = _stretched(picture, openings, covered, closed)
    elif closed == 0:
        moved = picture.astype(np.float32)
    else:
        edges = [_lid_edge(opening, closed) for opening in openings]
        moved = drawn_lids(picture, flat, covered, edges)
    alpha = 1 - _hole(openings, (height, width), closed)
    rows = np.arange(height, dtype=np.float32) + np.float32(0.5)
    for x, y, radius in spheres:
        across, down = np.arange(width) + 0.5 - x, rows - y
        beyond = np.hypot(across[None], down[:, None]) > radius - 1
        near = np.abs(across)[None] <= radius + 2
        alpha = np.where(beyond & near & (alpha < 1), 1, alpha)
    bgr = np.clip(moved, 0, 255).astype(np.float32) * alpha[..., None]
    return np.rint(np.dstack([bgr, alpha * 255])).astype(np.uint8)


def _lid_edge(opening: _Opening, closed: float) -> Points:
    """The upper lid's edge, from corner to corner, (n, 2)."""
    columns = np.arange(int(opening.left), int(opening.right) + 1)
    edge = opening.upper + closed * UPPER_SHARE * (opening.lower - opening.upper)
    return np.column_stack([columns + 0.5, edge[columns]])


def _stretched(
    picture: NDArray[np.uint8], openings: list[_Opening], covered: NDArray[np.bool_], closed: float
) -> NDArray[np.float32]:
    """The skin above and below the eyes, drawn over them as far as they are closed."""
    height, width = picture.shape[:2]
    rows = np.arange(height, dtype=np.float32) + np.float32(0.5)
    source_x = np.tile(np.arange(width, dtype=np.float32), (height, 1))
    source_y = np.tile((rows - 0.5)[:, None], (1, width))
    # No pixel of the eye may be seen on a lid: the opening is painted over with the lids' skin first.
    painted = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8))
    skin = np.asarray(cv2.inpaint(picture, painted, 3, cv2.INPAINT_TELEA))
    seam = np.zeros((height, width), np.float32)
    for opening in openings:
        _stretch(source_y, seam, rows, opening, closed)
    moved = cv2.remap(skin, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(moved, (0, 0), 1.0)
    evened = moved + (soft.astype(np.float32) - moved) * cv2.GaussianBlur(seam, (0, 0), 0.8)[..., None] * closed
    return np.asarray(evened, np.float32)


def _stretch(
    source_y: NDArray[np.float32],
    seam_at: NDArray[np.float32],
    rows: NDArray[np.float32],
    opening: _Opening,
    closed: float,
) -> None:
    """Rows that a closing eye's pixels come from, column by column; `seam_at` gets 1 around where the lids meet."""
    fade_over = 0.30 * opening.width
    for column in range(len(opening.upper)):
        outside = max(opening.left - column - 0.5, column + 0.5 - opening.right, 0.0)
        fade = max(0.0, 1 - outside / fade_over)
        upper, lower = float(opening.upper[column]), float(opening.lower[column])
        gap = lower - upper
        if fade <= 0 or gap <= 0:
            continue
        down, up = closed * UPPER_SHARE * gap, closed * (1 - UPPER_SHARE) * gap
        lash = LASHES * opening.width * fade
        top = upper - SKIN_ABOVE * opening.width
        bottom = lower + SKIN_BELOW * opening.width
        seam = upper + down
        goes = np.array([top, upper - lash + down, seam, max(seam + 0.5, lower - up), bottom])
        comes = np.array([top, upper - lash, upper - 0.5, lower + 1.5, bottom])
        goes = np.maximum.accumulate(goes + np.arange(5) * 1e-3)
        inside = (rows > top) & (rows < bottom)
        seam_at[np.abs(rows - seam) < 1.5, column] = 1
        source_y[inside, column] = np.interp(rows[inside], goes, comes) - 0.5


def _eyeballs(
    picture: NDArray[np.uint8], openings: list[_Opening], hole: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Whole eyeballs guessed from what the lids leave free, and the highlights on them."""
    height, width = hole.shape
    bare = picture.astype(np.float32)
    balls = np.zeros((height, width, 4), np.float32)
    glint = np.zeros((height, width, 3), np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
    plain = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32)
    grey = np.asarray(cv2.GaussianBlur(plain, (0, 0), 0.8), np.float32)
    for opening in openings:
        mine = (hole > 0.9) & (columns > opening.left) & (columns < opening.right)
        if not mine.any():
            continue
        radius = IRIS * opening.width
        x, y = _iris(grey, mine, radius, opening)
        distance = np.hypot(columns - x, rows - y)
        white = bare[mine & (distance > 1.15 * radius)]
        sclera = np.percentile(white, 45, axis=0) * 0.93 if len(white) > 8 else np.percentile(bare[mine], 85, axis=0)
        whole = np.empty_like(bare)
        whole[:] = sclera
        profile = _profile(bare, mine, distance, radius)
        iris = np.stack([np.interp(distance, np.arange(len(profile)), profile[:, c]) for c in range(3)], axis=-1)
        share = np.clip((radius - distance) / 1.5 + 0.5, 0, 1)[..., None]
        whole = whole * (1 - share) + iris * share
        # What is seen stays as it is; the guess takes over where the lids' edge and shadow begin.
        seen = cv2.dilate(np.where(mine, 1, 0).astype(np.float32), np.ones((5, 5), np.uint8))
        seen = cv2.GaussianBlur(seen, (0, 0), 0.7)[..., None]
        bright = ((bare - iris).mean(axis=2) > GLINT_EXCESS) & mine & (distance < 0.75 * radius)
        spot = cv2.dilate(bright.astype(np.float32), np.ones((3, 3), np.uint8))
        spot = cv2.GaussianBlur(spot, (0, 0), 0.5)[..., None] * share
        glint += np.maximum(bare - iris, 0) * spot
        shown = np.where(mine[..., None], bare, np.minimum(bare, sclera))  # skin is no part of an eyeball
        whole = whole * (1 - seen) + (shown * (1 - spot) + iris * spot) * seen
        side = (columns > opening.left - 0.15 * opening.width) & (columns < opening.right + 0.15 * opening.width)
        balls[side, :3] = whole[side]
        balls[side, 3] = 255
    to_bytes = [np.rint(np.clip(image, 0, 255)).astype(np.uint8) for image in (balls, glint)]
    return to_bytes[0], to_bytes[1]


def _iris(grey: NDArray[np.float32], mine: NDArray[np.bool_], radius: float, opening: _Opening) -> tuple[float, float]:
    """The centre of the darkest disc in an opening, which may reach beneath the lids."""
    height, width = grey.shape
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    middle_x, middle_y, _ = _sphere(opening)
    weight = mine.astype(np.float64)
    best, found = np.inf, (middle_x, middle_y)
    for dx in np.linspace(-0.24, 0.24, 25) * opening.width:
        for dy in np.linspace(-0.06, 0.06, 5) * opening.width:
            disc = weight * (np.hypot(columns - middle_x - dx, rows - middle_y - dy) < radius)
            rest = weight - disc
            contrast = (grey * disc).sum() / max(disc.sum(), 1) - (grey * rest).sum() / max(rest.sum(), 1)
            contrast += 40 * (abs(dx) + 2 * abs(dy)) / opening.width
            if contrast < best:
                best, found = float(contrast), (middle_x + dx, middle_y + dy)
    return found


def _profile(
    bare: NDArray[np.float32], mine: NDArray[np.bool_], distance: NDArray[np.float32], radius: float
) -> NDArray[np.float32]:
    """The iris' colour by distance from its centre, a pixel at a time."""
    rings: list[NDArray[Any]] = []
    for k in range(int(radius) + 2):
        ring = bare[mine & (np.abs(distance - k) < 1.0)]
        rings.append(np.median(ring, axis=0) if len(ring) else (rings[-1] if rings else np.zeros(3)))
    return np.asarray(rings, np.float32)
