"""The mouth: lips, cheeks and chin as two layers of skin that part, teeth and tongue beneath.

Every pose has a flow field per layer (where the points of the atlas pose go) and a texture (its skin, brought into the
atlas pose). Both are linear in the pose weights, as the underlying face units are, so a mixture of poses has one lip
contour and one chin, not two that fade into each other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .bundle import INNER_PARTS, MOUTH_STEP, POSES, Bundle
from .flow import Field, Plane, four_planes, grid_nodes, inverse_field, planes, sampled, spread, x_and_y

Pixels = NDArray[np.uint8]  # (height, width, 4), BGRA, premultiplied
PoseWeights = NDArray[np.float32]  # (16,) in the order of POSES, summing to 1; the smile's share is taken from `sil`

INVERSE_ROUNDS = 5  # the jaw's field is steep: 5 rounds leave less than a tenth of a pixel
LEAST_WEIGHT = 4e-3  # a weight below it moves nothing by a tenth of a pixel, and changes no colour by a step of 255
SAME_WAY = 0.01  # pixels by which both layers' flows may differ where they count as one
CAVITY_BGR = (16, 10, 26)  # the throat, as the renders show it
HOLE_FLOOR = 0.02  # what is less open than this shows nothing
LIP_SHADOW = 0.0225  # sigma of the lips' shadow on what is behind them, in widths of the mouth box
SHADOW_DARKEST = 0.60  # light on the inner mouth right behind a lip ..
SHADOW_GAIN = 0.48  # .. and what the open surroundings of a point add to it
NEARER_GAIN, NEARER_BIAS = 0.44, 1.6  # where both lips are: 0 the lower is seen .. 1 the upper, by pixels of depth
TONGUE_RISE = 2.0  # the tongue's tip is between the teeth once half the pose is TH
_SIL, _TH, _SMILE = (POSES.index(name) for name in ("sil", "TH", "smile"))


class MouthRig:
    """A bundle's mouth, unpacked for drawing. Immutable after construction, so faces share it."""

    def __init__(self, bundle: Bundle) -> None:
        x0, y0, x1, y1 = bundle.manifest.mouth
        self.box = bundle.manifest.mouth
        self._width, self._height = x1 - x0, y1 - y0
        self._textures = bundle.mouth_textures
        self._flow = four_planes(bundle.mouth_flow)
        self._nodes = grid_nodes(*self._flow.shape[2:4])
        self._places = self._nodes * np.float32(MOUTH_STEP) - np.float32(0.5)  # as pixel indices
        self._masks = bundle.mouth_masks
        self._parts = dict(zip(INNER_PARTS, bundle.inner_parts, strict=True))
        self._shifts = bundle.inner_shifts.reshape(len(POSES), -1).astype(np.float32)
        self._bite = self._shifts[_TH, :4].reshape(2, 2).mean(axis=0)  # the middle of both rows' shifts at TH
        self._shadow_sigma = LIP_SHADOW * self._width
        self._tops, self._bottoms = self._edges()

    def draw(self, pose: PoseWeights) -> Pixels:
        """The mouth box in a pose."""
        texture = self._textures[0] if len(self._textures) == 1 else _mixed_pictures(self._textures, pose)
        flow = _mixed(self._flow, pose)
        seam = first, last = self._seam_of(flow)
        upper, upper_mask, upper_depth = self._layer(texture, 0, flow[0], slice(0, last), seam)
        lower, lower_mask, lower_depth = self._layer(texture, 1, flow[1], slice(first, self._height), seam)
        upper_share, lower_share = self._shares(upper_mask, lower_mask, lower_depth - upper_depth)
        # blendLinear divides by the sum of the shares: at the rim, skin keeps its full colour beneath the hole.
        both = cv2.blendLinear(upper[first:], lower[: last - first], upper_share, lower_share)
        skin = np.concatenate([upper[:first], np.asarray(both, np.uint8), lower[last - first :]])
        self._open(skin[first:last], first, 1 - upper_share - lower_share, pose)
        return skin

    def _seam_of(self, flow: NDArray[np.float32]) -> tuple[int, int]:
        """First and last + 1 of the rows that may show both lips or a gap; above is the upper's layer alone, below the
        lower's. Lips hardly meet outside a few rows.
        """
        down = [cv2.extractChannel(layer, 1) for layer in flow]
        first = min(float((down[layer] + top).min()) for layer, top in enumerate(self._tops))
        last = max(float((down[layer] + bottom).max()) for layer, bottom in enumerate(self._bottoms))
        start = int(np.clip(first - MOUTH_STEP, 0, self._height - 2)) // MOUTH_STEP * MOUTH_STEP  # a row of the grid
        return start, int(np.clip(last + MOUTH_STEP + 1, start + 2, self._height))

    def _edges(self) -> tuple[list[Plane], list[Plane]]:
        """For each layer the rows of the nodes where the upper's does not hide all, or the lower's is seen; beyond all
        others. Then those where the upper's is seen, or the lower's does not hide all; before all others.

        Where both layers go the same way in every pose, as beyond the corners, it does not matter which is seen.
        """
        upper, lower = self._masks
        rows = self._nodes[..., 1] * np.float32(MOUTH_STEP)
        apart = np.abs(self._flow[:, 0] - self._flow[:, 1])[..., :2].max(axis=(0, 3)) > SAME_WAY
        parted = cv2.dilate(apart.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        tops = (self._near(upper < 255), self._near(lower > 0) & parted)
        bottoms = (self._near(upper > 0) & parted, self._near(lower < 255))
        height = np.float32(self._height)
        return [np.where(each, rows, height) for each in tops], [np.where(each, rows, -height) for each in bottoms]

    def _near(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Nodes with some of a mask's pixels in the cells around them."""
        rows, columns = self._nodes.shape[:2]
        cells = np.zeros(((rows + 1) * MOUTH_STEP, (columns + 1) * MOUTH_STEP), bool)
        cells[MOUTH_STEP : MOUTH_STEP + self._height, MOUTH_STEP : MOUTH_STEP + self._width] = mask
        some = np.asarray(cells.reshape(rows + 1, MOUTH_STEP, columns + 1, MOUTH_STEP).any(axis=(1, 3)))
        return np.asarray(some[1:, 1:] | some[:-1, 1:] | some[1:, :-1] | some[:-1, :-1])

    def _layer(
        self, texture: Pixels, layer: int, flow: Field, rows: slice, seam: tuple[int, int]
    ) -> tuple[Pixels, Plane, Plane]:
        """One lip's layer where the flow takes it: its skin in `rows`; in the seam, its mask (0..1) and its depth."""
        nodes = _nodes(rows)
        back = inverse_field(flow, self._nodes, MOUTH_STEP, INVERSE_ROUNDS, nodes)
        origins = self._places[nodes] - x_and_y(back)
        x, y = (spread(plane, self._width, rows.stop - rows.start, MOUTH_STEP) for plane in planes(origins))
        first, last = (row - rows.start for row in seam)
        mask = sampled(self._masks[layer], (x[first:last], y[first:last])) * np.float32(1 / 255)
        return sampled(texture, (x, y)), mask, back[_nodes(slice(first, last)), :, 2]

    def _shares(self, upper: Plane, lower: Plane, lower_behind: Plane) -> tuple[Plane, Plane]:
        """How much of each of the seam's pixels is either lip's. Where both are, the nearer hides the other, softly."""
        nearer = np.clip(lower_behind * np.float32(NEARER_GAIN) + np.float32(NEARER_BIAS), 0, 1)
        hidden: Plane = 1 - spread(nearer, self._width, len(upper), MOUTH_STEP)
        upper_share = np.asarray(upper - np.minimum(upper, lower) * hidden, np.float32)
        return upper_share, lower * (1 - upper_share)

    def _open(self, skin: Pixels, first: int, hole: Plane, pose: PoseWeights) -> None:
        """Show the inner mouth where neither lip is, in rows of the box from `first` on."""
        left, top, width, height = cv2.boundingRect((hole > HOLE_FLOOR).astype(np.uint8))
        if width == 0:
            return
        rect = slice(top, top + height), slice(left, left + width)
        opening = np.ascontiguousarray(hole[rect])
        inner = self._inner(left, first + top, width, height, pose)
        surroundings = cv2.GaussianBlur(opening, (0, 0), self._shadow_sigma, borderType=cv2.BORDER_CONSTANT)
        light = np.clip(surroundings * SHADOW_GAIN + SHADOW_DARKEST, SHADOW_DARKEST, 1) * opening
        lit = cv2.multiply(inner, cv2.merge((light, light, light, opening)), dtype=cv2.CV_32F)
        kept = cv2.multiply(skin[rect], cv2.merge((1 - opening,) * 4), dtype=cv2.CV_32F)
        skin[rect] = cv2.add(kept, lit, dtype=cv2.CV_8U)

    def _inner(self, left: int, top: int, width: int, height: int, pose: PoseWeights) -> Pixels:
        """Teeth, tongue and throat in a rectangle of the box, opaque, evenly lit."""
        upper, lower, tongue = _mixed(self._shifts, pose).reshape(3, 2)
        tip = float(np.clip(TONGUE_RISE * pose[_TH], 0, 1))
        seen: Pixels = np.empty((height, width, 4), np.uint8)
        seen[:] = (*CAVITY_BGR, 255)
        for name, shift, share in (
            ("tongue", tongue if tip == 0 else lower, 1 - tip),  # it must not follow the tip out
            ("tongue_TH", (upper + lower) / 2 - self._bite, tip),  # it stays between the rows
            ("teeth_lower", lower, 1.0),
            ("teeth_upper", upper, 1.0),
        ):
            if share > 0:
                placing = np.array([[1, 0, shift[0] - left], [0, 1, shift[1] - top]], np.float32)
                part = cv2.warpAffine(self._parts[name], placing, (width, height), flags=cv2.INTER_LINEAR)
                if share < 1:
                    part = cv2.convertScaleAbs(part, alpha=share)
                through = cv2.bitwise_not(cv2.extractChannel(part, 3))
                behind = cv2.multiply(seen, cv2.merge((through,) * 4), scale=1 / 255)
                seen = np.asarray(cv2.add(part, behind), np.uint8)
        return seen


def _nodes(rows: slice) -> slice:
    """The rows of the grid between which some rows of pixels are; these begin at one of the grid."""
    return slice(rows.start // MOUTH_STEP, -(-rows.stop // MOUTH_STEP) + 1)


def _mixed(stack: NDArray[np.float32], pose: PoseWeights) -> NDArray[np.float32]:
    """sum(pose[k] * stack[k]), one after the other: the same bytes whatever the machine's threads."""
    used = np.flatnonzero(np.abs(pose) > LEAST_WEIGHT)
    total = stack[used[0]] * pose[used[0]]
    flat = total.reshape(1, -1)
    for k in used[1:]:
        cv2.scaleAdd(stack[k].reshape(1, -1), float(pose[k]), flat, dst=flat)
    return np.asarray(total, np.float32)


def _mixed_pictures(stack: NDArray[np.uint8], pose: PoseWeights) -> Pixels:
    """The mean of pictures, weighted by the pose, the heaviest first: so the sum of weights so far is never near 0."""
    used = np.flatnonzero(np.abs(pose) > LEAST_WEIGHT)
    first, *others = used[np.argsort(-pose[used], kind="stable")].tolist()
    mean, weight = stack[first].astype(np.float32), float(pose[first])
    for k in others:
        weight += float(pose[k])
        cv2.accumulateWeighted(stack[k], mean, float(pose[k]) / weight)
    return _to_bytes(mean)


def _to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded and saturated; what is below zero by rounding is zero within half a step."""
    return np.asarray(cv2.convertScaleAbs(image), np.uint8)
