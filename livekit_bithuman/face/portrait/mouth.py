"""The portrait's mouth: the performer's poses, brought over to another face.

The portrait itself is the atlas. A first displacement closes its lips and takes some of a broad smile away; from there
a thin-plate spline through the mesh's points says which point of the performer's resting face each point is, and
what that point does in a pose is done here, scaled to this mouth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..assets import MouthAssets
from ..bundle import INNER_PARTS, MOUTH_STEP, POSES, Box, grid_shape
from .crop import Sitting
from .landmarks import Points
from .mesh_indices import (
    CHEEKS,
    CHIN,
    CHIN_PAD,
    EYES_LOWER,
    EYES_UPPER,
    LOWER_INNER,
    LOWER_MIDDLE,
    LOWER_OUTER,
    MOUTH_CORNERS,
    NOSE_BASE,
    OVAL,
    UPPER_INNER,
    UPPER_MIDDLE,
    UPPER_OUTER,
)
from .performer import Performer
from .rims import dark_line, dense, open_rims
from .splines import ThinPlate
from .teeth import own_teeth

BOX = (0.98, 0.66, 1.12)  # of the eyes' distance: the mouth box' half width, height above the lips, below them
OPEN = 0.045  # a gap between the lips, in mouth widths, from which on they are open
CLOSING_POINT = 0.58  # the lower lip's share of the way on which open lips meet
# Closing lips take their outer contours along, by these shares of their rims' way.
UPPER_RINGS = ((UPPER_INNER, 1.0), (UPPER_MIDDLE, 0.97), (UPPER_OUTER, 0.78))
LOWER_RINGS = ((LOWER_INNER, 1.0), (LOWER_MIDDLE, 0.97), (LOWER_OUTER, 0.78))
NATURAL_WIDTH = 0.80  # of a mouth at rest, in distances between the eyes' middles
UNSMILED = 0.40  # of what a smile adds to that, this share is taken away at rest ..
ROUNDED = {"ou": 1.0, "oh": 0.85, "CH": 0.7, "RR": 0.65, "PP": 0.55}  # .. and these in rounded poses
OVERLAP = 1.6  # pixels that the lower lip reaches beneath the upper one
RIM_SOFTNESS = 1.3  # pixels
INPAINTED = 1.5  # pixels beyond open lips' rims whose colours have teeth and darkness in them
EDGE = 14.0  # pixels towards the box' edge over which all motion ends
LEVELLING = 0.15  # of the mouth's width: what is finer in a lip's motion is the performer's own lips
JOINING = 0.14  # of the mouth's width around its corners, over which two lips become one skin
TEETH_GAIN = 1.28  # the performer's were rendered in the shade of her lips
THROAT_BGR = (34.0, 26.0, 66.0)  # behind the tongue, in even light
TINT = 0.7  # how far the inner mouth takes on the light of the face
TINT_RANGE = (0.45, 1.15)
WHITES = 85.0  # percentile of brightness between the lids
_UPPER_TEETH, _LOWER_TEETH = (INNER_PARTS.index(name) for name in ("teeth_upper", "teeth_lower"))


@dataclass(frozen=True)
class Mouth(MouthAssets):
    """A bundle's mouth, and where it is."""

    box: Box


@dataclass(frozen=True)
class _Lips:
    """The portrait's lips, and how they come to rest."""

    upper: Points  # (n, 2): the upper lip's inner rim, from left to right
    lower: Points  # the lower lip's
    rest: Points  # (n, 2): where both meet at rest
    open: bool
    closing: Points  # (468, 2): what closes them, by mesh point
    unsmiling: Points  # (468, 2): what takes a smile away entirely


def build_mouth(sitting: Sitting, performer: Performer) -> Mouth:
    """Give a portrait the performer's mouth."""
    box = _box(sitting)
    lips = _lips(sitting)
    rows, columns = grid_shape(box[2] - box[0], box[3] - box[1], MOUTH_STEP)
    y, x = np.mgrid[0:rows, 0:columns].reshape(2, -1) * float(MOUTH_STEP)
    nodes = np.column_stack([x + box[0], y + box[1]])
    flow = _flow(sitting, lips, performer, nodes, _fading(nodes, box), columns)
    masks, filled = _layers(sitting, lips, box)
    texture = np.dstack([filled, np.full(filled.shape[:2], 255, np.uint8)])
    inner, shifts = _inner(sitting, lips, performer, box)
    return Mouth(
        box=box,
        textures=texture[None],
        masks=masks,
        flow=flow.reshape(len(POSES), 2, rows, columns, 3).astype(np.float16),
        inner_parts=inner,
        inner_shifts=shifts,
    )


def _box(sitting: Sitting) -> Box:
    points, distance = sitting.points, sitting.eye_distance
    middle = points[list(UPPER_INNER + LOWER_INNER), :2].mean(axis=0)
    chin = points[CHIN, 1] + 0.30 * distance
    height, width = sitting.canvas.shape[:2]
    half, above, below = (share * distance for share in BOX)
    return (
        max(0, int(middle[0] - half)),
        max(0, int(middle[1] - above)),
        min(width, int(middle[0] + half) + 1),
        min(height, int(max(middle[1] + below, chin)) + 1),
    )


def _lips(sitting: Sitting) -> _Lips:
    points = sitting.points[:, :2]
    upper, lower = points[list(UPPER_INNER)], points[list(LOWER_INNER)]
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    gap = float(((lower - upper) @ sitting.down).max())
    is_open = gap > OPEN * width
    if is_open:
        upper_rim, lower_rim = open_rims(sitting)
    else:
        # Beneath a closed mouth's line the mesh's two rims are noise: the picture's own dark line is better.
        upper_rim = lower_rim = dense(dark_line((upper + lower) / 2, sitting, width))
    rest = upper_rim + (lower_rim - upper_rim) * CLOSING_POINT
    closing = _closing(sitting, (upper_rim, lower_rim), rest, gap) if is_open else np.zeros((468, 2))
    unsmiling = np.zeros((468, 2))
    ids = [index for ring, _ in UPPER_RINGS + LOWER_RINGS for index in ring]
    unsmiling[ids] = _unsmiled(sitting, points[ids])
    middle, excess = _smile(sitting)
    for index in CHEEKS:
        across = (points[index] - middle) @ sitting.along
        unsmiling[index] = -0.25 * excess * np.clip(across, -width, width) * sitting.along
    return _Lips(upper_rim, lower_rim, rest, is_open, closing, unsmiling)


def _closing(sitting: Sitting, rims: tuple[Points, Points], rest: Points, gap: float) -> Points:
    """How far the mesh's points go, (468, 2), where lips that are a gap of some pixels apart come to rest."""
    points = sitting.points[:, :2]
    closing = np.zeros((468, 2))
    across = (rims[0] + rims[1]) / 2 @ sitting.along
    for rings, rim in ((UPPER_RINGS, rims[0]), (LOWER_RINGS, rims[1])):
        for ring, share in rings:
            way = np.interp(points[list(ring)] @ sitting.along, across, (rest - rim) @ sitting.down)
            closing[list(ring)] = share * way[:, None] * sitting.down
    # A jaw that hangs comes up, the chin with it.
    width = float(np.linalg.norm(np.subtract(*points[list(MOUTH_CORNERS)])))
    jaw = max(0.0, gap - 0.2 * width) * 0.6
    for index in (*OVAL, *CHIN_PAD):
        depth = (points[index] - points[NOSE_BASE]) @ sitting.down
        reach = (points[CHIN] - points[NOSE_BASE]) @ sitting.down
        closing[index] -= sitting.down * jaw * np.clip(depth / reach, 0, 1) ** 1.2
    return closing


def _smile(sitting: Sitting) -> tuple[Points, float]:
    """The middle of the mouth, and how much wider than natural it is, as a share."""
    corners = sitting.points[list(MOUTH_CORNERS), :2]
    width = float(np.linalg.norm(corners[1] - corners[0]))
    return corners.mean(axis=0), max(0.0, 1 - NATURAL_WIDTH * sitting.eye_distance / width)


def _unsmiled(sitting: Sitting, points: Points) -> Points:
    """How far points of the lips go where a smile is taken away entirely: inwards, and the corners down."""
    middle, excess = _smile(sitting)
    width = float(np.linalg.norm(np.subtract(*sitting.points[list(MOUTH_CORNERS), :2])))
    across = (points - middle) @ sitting.along
    raised = excess * 0.35 * width * (np.abs(across) / (width / 2)) ** 1.5
    return np.asarray(raised[:, None] * sitting.down - excess * across[:, None] * sitting.along)


def _fading(nodes: Points, box: Box) -> NDArray[np.float64]:
    """1 inside the box, 0 at its edge."""
    low, high = np.array(box[:2]), np.array(box[2:])
    inside = np.minimum(nodes - low, high - nodes).min(axis=1) / EDGE
    return _eased(inside)


def _flow(
    sitting: Sitting, lips: _Lips, performer: Performer, nodes: Points, fading: NDArray[np.float64], columns: int
) -> NDArray[np.float64]:
    """(poses, 2, nodes, 3): where each node goes, by pose and layer."""
    points = sitting.points[:, :2]
    inner = {*UPPER_INNER, *LOWER_INNER, *UPPER_MIDDLE, *LOWER_MIDDLE}
    eyes = {index for eye in EYES_UPPER + EYES_LOWER for index in eye}
    # The rim of the face is held: what is beside it is hair and background.
    held = np.concatenate([_ring(sitting, 1.25), _ring(sitting, 1.6)])
    uppers = [*UPPER_INNER, *UPPER_MIDDLE, *UPPER_OUTER]
    lowers = [*LOWER_INNER, *LOWER_MIDDLE, *LOWER_OUTER]
    others = [i for i in (*OVAL, *CHEEKS, *sorted(eyes), 1, 2, 98, 327, *CHIN_PAD) if i not in uppers + lowers]
    fixed = [i for i in (*others, *UPPER_OUTER, *LOWER_OUTER) if i not in inner]
    motion = np.stack([lips.closing, lips.unsmiling], axis=1)  # (468, 2, 2)
    rest_points = points + lips.closing + UNSMILED * lips.unsmiling
    line = lips.rest + _unsmiled(sitting, lips.rest) * UNSMILED
    theirs = performer.lip_line[np.linspace(0, len(performer.lip_line) - 1, 31).round().astype(int)]
    ours = line[np.linspace(0, len(line) - 1, 31).round().astype(int)]
    to_performer = ThinPlate(
        np.concatenate([rest_points[fixed], ours]), np.concatenate([performer.points[fixed, :2], theirs]), 3e-4
    )
    turn, scale = _scale(sitting, performer, rest_points, ours)
    flow = np.zeros((len(POSES), 2, len(nodes), 3))
    for layer, (own, rim) in enumerate(((uppers, lips.upper), (lowers, lips.lower))):
        ids = list(dict.fromkeys(own + others))
        rim_motion = np.stack([lips.rest - rim, _unsmiled(sitting, lips.rest)], axis=1)
        if not lips.open:
            ids = [i for i in ids if i not in inner]
        else:
            ids = [i for i in ids if i not in UPPER_INNER and i not in LOWER_INNER]
        where = np.concatenate([points[ids], rim[::4], held])
        what = np.concatenate([motion[ids], rim_motion[::4], np.zeros((len(held), 2, 2))])
        found = ThinPlate(where, what.reshape(len(where), 4), 1e-5)(nodes).reshape(-1, 2, 2)
        found *= fading[:, None, None]
        closed, unsmiled = found[:, 0], found[:, 1]
        at_rest = nodes + closed + UNSMILED * unsmiled
        moved = performer.motion(layer, to_performer(at_rest))
        moved = _levelled(moved, nodes, line, sitting, columns)
        for k, name in enumerate(POSES):
            share = max(UNSMILED, ROUNDED.get(name, 0.0))
            flow[k, layer, :, :2] = closed + share * unsmiled + (moved[k, :, :2] * scale) @ turn * fading[:, None]
            flow[k, layer, :, 2] = moved[k, :, 2] * scale.mean() * fading
    return _joined(flow, nodes, lips, sitting)


def _levelled(
    moved: NDArray[np.float64], nodes: Points, line: Points, sitting: Sitting, columns: int
) -> NDArray[np.float64]:
    """Motions without the shape of the performer's own lips: her upper lip dips in the middle, and not all do."""
    width = float(np.linalg.norm(line[-1] - line[0]))
    across = np.abs((nodes - line[len(line) // 2]) @ sitting.along) / width
    share = _eased(1.6 - across / 0.22)[:, None]
    levelled = np.empty_like(moved)
    for k, pose in enumerate(moved):
        grid = pose.reshape(-1, columns, 3)
        levelled[k] = cv2.GaussianBlur(grid, (0, 0), sigmaX=LEVELLING * width / MOUTH_STEP, sigmaY=0.01).reshape(-1, 3)
    return np.asarray(moved + (levelled - moved) * share)


def _joined(flow: NDArray[np.float64], nodes: Points, lips: _Lips, sitting: Sitting) -> NDArray[np.float64]:
    """Both layers, alike beyond the lips' corners: there they are one skin, the upper's above and the lower's below."""
    across = nodes @ sitting.along
    left, right = lips.upper[0] @ sitting.along, lips.upper[-1] @ sitting.along
    width = float(right - left)
    share = _eased(np.maximum(left - across, across - right) / (JOINING * width) + 0.6)[:, None]
    middle = (lips.upper + lips.lower) / 2
    below = nodes @ sitting.down - np.interp(across, middle @ sitting.along, middle @ sitting.down)
    lower = _eased(below / (0.5 * width) + 0.5)[:, None]
    both = flow[:, :1] * (1 - lower) + flow[:, 1:] * lower
    return np.asarray(flow + (both - flow) * share)


def _eased(share: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _ring(sitting: Sitting, factor: float) -> Points:
    oval = sitting.points[list(OVAL), :2]
    middle = oval.mean(axis=0)
    return np.asarray(middle + (oval - middle) * factor)


def _scale(
    sitting: Sitting, performer: Performer, rest_points: Points, ours: Points
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How motions of the performer become motions here: the axes to turn to, and factors across and down."""
    turn = np.stack([sitting.along, sitting.down])
    wide = float(np.linalg.norm(ours[-1] - ours[0]) / np.linalg.norm(performer.lip_line[-1] - performer.lip_line[0]))
    ours_high = float((rest_points[CHIN] - rest_points[NOSE_BASE]) @ sitting.down)
    theirs_high = float(performer.points[CHIN, 1] - performer.points[NOSE_BASE, 1])
    return turn, np.array([wide, float(np.sqrt(wide * ours_high / theirs_high))])


def _layers(sitting: Sitting, lips: _Lips, box: Box) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The two lips' masks, and the picture with what is between open lips painted over in lip colour."""
    x0, y0, x1, y1 = box
    picture = sitting.canvas[y0:y1, x0:x1]
    rows, columns = np.mgrid[0 : y1 - y0, 0 : x1 - x0] + 0.5
    position = np.stack([columns + x0, rows + y0], axis=-1)
    across, down = position @ sitting.along, position @ sitting.down
    corner_left, corner_right = lips.upper[0] @ sitting.along, lips.upper[-1] @ sitting.along
    below_upper, below_rest, below_lower = (
        down - np.interp(across, line @ sitting.along, line @ sitting.down)
        for line in (lips.upper, lips.rest, lips.lower)
    )
    beyond = np.maximum(corner_left - across, across - corner_right)  # > 0 outside the corners
    outside = np.clip(beyond / 2 + 0.5, 0, 1)
    overlap = OVERLAP * np.clip(-beyond / 4, 0, 1)
    # Towards the corners both layers become one: what is between them there is skin.
    joined = _eased(1 + beyond / (0.6 * JOINING * (corner_right - corner_left)))
    upper = np.clip(0.5 - (below_upper + (below_rest - below_upper) * joined) / RIM_SOFTNESS, 0, 1)
    lower = np.clip(0.5 + (below_lower + (below_rest - below_lower) * joined + overlap) / RIM_SOFTNESS, 0, 1)
    masks = np.stack([np.maximum(upper, outside), np.maximum(lower, outside)])
    filled = picture.copy()
    if lips.open:
        hole = ((below_upper > -INPAINTED) & (below_lower < INPAINTED) & (beyond < INPAINTED)).astype(np.uint8)
        filled = np.asarray(cv2.inpaint(filled, hole, 3, cv2.INPAINT_TELEA), np.uint8)
    soft = np.stack([cv2.GaussianBlur(mask, (0, 0), 0.6) for mask in masks])
    return np.rint(soft * 255).astype(np.uint8), filled


def _inner(
    sitting: Sitting, lips: _Lips, performer: Performer, box: Box
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The performer's teeth and tongue at this mouth's place, size and light."""
    bundle = performer.bundle
    theirs, ours = performer.lip_line, lips.rest + UNSMILED * _unsmiled(sitting, lips.rest)
    scale = float(np.linalg.norm(ours[-1] - ours[0]) / np.linalg.norm(theirs[-1] - theirs[0]))
    turn = np.stack([sitting.along, sitting.down], axis=1) * scale
    their_middle, our_middle = theirs[len(theirs) // 2], ours[len(ours) // 2]
    origin = np.array(bundle.manifest.mouth[:2], np.float64)
    offset = our_middle - np.array(box[:2]) - turn @ (their_middle - origin)
    placing = np.column_stack([turn, offset + (turn @ np.full(2, 0.5)) - 0.5])
    size = box[2] - box[0], box[3] - box[1]
    light = _light(sitting, performer)
    parts = []
    for name, part in zip(INNER_PARTS, bundle.inner_parts, strict=True):
        placed = cv2.warpAffine(part, placing, size, flags=cv2.INTER_CUBIC).astype(np.float32)
        alpha = np.clip(placed[..., 3:], 0, 255)
        colour = placed[..., :3] * light * (TEETH_GAIN if name.startswith("teeth") else 1.0)
        if name == "tongue":
            colour += np.array(THROAT_BGR, np.float32) * light * (1 - alpha / 255)
            alpha = np.full_like(alpha, 255)
        parts.append(np.dstack([np.minimum(np.clip(colour, 0, 255), alpha), alpha]))
    if lips.open:
        _with_own_teeth(parts, own_teeth(sitting, (lips.upper, lips.lower), np.array(box[:2]), parts[_UPPER_TEETH]))
    shifts = bundle.inner_shifts.astype(np.float64) @ turn.T
    return np.rint(np.stack(parts)).astype(np.uint8), shifts.astype(np.float32)


def _with_own_teeth(parts: list[NDArray[np.float32]], own: NDArray[np.float32] | None) -> None:
    """Replace the upper teeth by the portrait's, and give the lower ones their colour."""
    if own is None:
        return
    ratio = _colour(own) / np.maximum(_colour(parts[_UPPER_TEETH]), 1)
    lower = parts[_LOWER_TEETH]
    parts[_UPPER_TEETH] = own
    parts[_LOWER_TEETH] = np.dstack([np.minimum(lower[..., :3] * ratio, lower[..., 3:]), lower[..., 3:]])


def _colour(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of what is solid."""
    return np.asarray(part[part[..., 3] > 250][:, :3].mean(axis=0), np.float32)


def _light(sitting: Sitting, performer: Performer) -> NDArray[np.float32]:
    """BGR factors from the performer's light to this face's, told by the cheeks and the whites of the eyes.

    Cheeks are dark where the light is low, or the skin: then the eyes know that it is not.
    """
    their_points = performer.points[:, :2] - performer.bundle.manifest.frame[:2]
    cheeks = _cheeks(sitting.canvas, sitting.points[:, :2]) / np.maximum(_cheeks(performer.picture, their_points), 1)
    whites = _whites(sitting.canvas, sitting.points[:, :2]) / np.maximum(_whites(performer.picture, their_points), 1)
    whites /= max(1.0, whites.mean())  # drawn ones may be whiter than any light
    ratio = whites if whites.mean() > cheeks.mean() else cheeks
    level = ratio.mean()
    colour = ratio / level
    # Skin differs in tone as well as in light: its colour counts little, the brightness more.
    factor = (1 + TINT * (level - 1)) * (1 + 0.35 * (colour - 1))
    return np.asarray(np.clip(factor, *TINT_RANGE), np.float32)


def _whites(picture: NDArray[np.uint8], points: Points) -> NDArray[np.float64]:
    """The colour of the eyes' whites: what is brightest between the lids, but for highlights."""
    opening = np.zeros(picture.shape[:2], np.uint8)
    for upper, lower in zip(EYES_UPPER, EYES_LOWER, strict=True):
        outline = np.concatenate([points[list(upper)], points[list(lower)[::-1]]])
        cv2.fillPoly(opening, [np.rint(outline - 0.5).astype(np.int32)], 1)
    return np.asarray(np.percentile(picture[opening > 0].astype(np.float64), WHITES, axis=0))


def _cheeks(picture: NDArray[np.uint8], points: Points) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    places = np.clip(points[list(CHEEKS)].astype(int), 0, [width - 1, height - 1])
    return np.asarray(np.percentile(picture[places[:, 1], places[:, 0]].astype(np.float64), 70, axis=0))
