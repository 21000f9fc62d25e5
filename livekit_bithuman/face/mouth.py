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
from .flow import Field, grid_nodes, inverse_field, sampled, spread

Plane = NDArray[np.float32]  # (height, width)
Pixels = NDArray[np.uint8]  # (height, width, 4), BGRA, premultiplied
PoseWeights = NDArray[np.float32]  # (16,) in the order of POSES, summing to 1; the smile's share is taken from `sil`

INVERSE_ROUNDS = 5  # the jaw's field is steep: 5 rounds leave less than a tenth of a pixel
LEAST_WEIGHT = 1e-3  # a weight below it moves nothing by a tenth of a pixel
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
        textures = bundle.mouth_textures
        self._texture = textures[0] if len(textures) == 1 else None  # the one of all poses
        self._textures = textures.reshape(len(textures), -1).astype(np.float32)
        self._flow_shape = bundle.mouth_flow.shape[1:]
        self._flow = bundle.mouth_flow.reshape(len(POSES), -1).astype(np.float32)
        self._nodes = grid_nodes(*self._flow_shape[1:3])
        self._pixels = grid_nodes(self._height, self._width)
        self._masks = bundle.mouth_masks
        self._parts = dict(zip(INNER_PARTS, bundle.inner_parts, strict=True))
        self._shifts = bundle.inner_shifts.reshape(len(POSES), -1).astype(np.float32)
        self._shadow_sigma = LIP_SHADOW * self._width
        self._seam = self._rows_of_both()

    def draw(self, pose: PoseWeights) -> Pixels:
        """The mouth box in a pose."""
        texture = self._texture
        if texture is None:
            texture = _to_bytes(_mixed(self._textures, pose)).reshape(self._height, self._width, 4)
        flow = _mixed(self._flow, pose).reshape(self._flow_shape)
        first, last = self._seam
        upper, upper_mask, upper_depth = self._layer(texture, 0, flow[0], slice(0, last))
        lower, lower_mask, lower_depth = self._layer(texture, 1, flow[1], slice(first, self._height))
        upper_share, lower_share = self._shares(
            upper_mask[first:], lower_mask[: last - first], lower_depth - upper_depth
        )
        # blendLinear divides by the sum of the shares: at the rim, skin keeps its full colour beneath the hole.
        seam = cv2.blendLinear(upper[first:], lower[: last - first], upper_share, lower_share)
        skin = np.concatenate([upper[:first], np.asarray(seam, np.uint8), lower[last - first :]])
        self._open(skin[first:last], first, 1 - upper_share - lower_share, pose)
        return skin

    def _rows_of_both(self) -> tuple[int, int]:
        """First and last + 1 of the rows that may show both lips or a gap; the others show one layer alone."""
        down = self._flow.reshape(len(POSES), *self._flow_shape)[..., 1]
        smile = float(np.abs(down[_SMILE] - down[_SIL]).max())  # it comes on top of a whole mouth
        upper, lower = self._masks
        not_upper_alone = np.flatnonzero(((lower > 0) | (upper < 255)).any(axis=1))
        not_lower_alone = np.flatnonzero(((upper > 0) | (lower < 255)).any(axis=1))
        first = not_upper_alone.min(initial=self._height) + min(float(down.min()), 0.0) - smile - 2
        last = not_lower_alone.max(initial=0) + max(float(down.max()), 0.0) + smile + 2
        first = int(np.clip(first, 0, self._height - 2)) // MOUTH_STEP * MOUTH_STEP  # a row of the grid
        return first, int(np.clip(last, first + 2, self._height))

    def _layer(self, texture: Pixels, layer: int, flow: Field, rows: slice) -> tuple[Pixels, Plane, Plane]:
        """One lip's layer where the flow takes it: its skin and its mask (0..1) in `rows`, its depth on the grid."""
        inverse = inverse_field(np.ascontiguousarray(flow[..., :2]), self._nodes, MOUTH_STEP, INVERSE_ROUNDS)
        source = self._nodes - inverse * np.float32(1 / MOUTH_STEP)
        depth = sampled(np.ascontiguousarray(flow[..., 2]), source)
        source = self._pixels[rows] - self._spread(inverse, rows)
        return sampled(texture, source), sampled(self._masks[layer], source) * np.float32(1 / 255), depth

    def _spread(self, field: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        """A field on the grid at the pixels of some rows, which begin at a row of the grid."""
        some = field[rows.start // MOUTH_STEP : -(-rows.stop // MOUTH_STEP) + 1]
        return spread(some, self._width, rows.stop - rows.start, MOUTH_STEP)

    def _shares(self, upper: Plane, lower: Plane, lower_behind: Plane) -> tuple[Plane, Plane]:
        """How much of each pixel is either lip's. Where both are, the nearer hides the other, softly."""
        nearer = np.clip(lower_behind * np.float32(NEARER_GAIN) + np.float32(NEARER_BIAS), 0, 1)
        hidden: Plane = 1 - self._spread(nearer, slice(*self._seam))
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
        inner[..., :3] *= np.clip(surroundings * SHADOW_GAIN + SHADOW_DARKEST, SHADOW_DARKEST, 1)[..., None]
        share = opening[..., None]
        seen = skin[rect].astype(np.float32)
        seen += (inner - seen) * share
        skin[rect] = _to_bytes(seen)

    def _inner(self, left: int, top: int, width: int, height: int, pose: PoseWeights) -> NDArray[np.float32]:
        """Teeth, tongue and throat in a rectangle of the box, opaque BGRA, evenly lit."""
        upper, lower, tongue = _mixed(self._shifts, pose).reshape(3, 2)
        tip = float(np.clip(TONGUE_RISE * pose[_TH], 0, 1))
        seen = np.empty((height, width, 4), np.float32)
        seen[:] = (*CAVITY_BGR, 255)
        for name, shift, share in (
            ("tongue", tongue if tip == 0 else lower, 1 - tip),  # it must not follow the tip out
            ("teeth_lower", lower, 1.0),
            ("teeth_upper", upper, 1.0),
            ("tongue_TH", (0.0, 0.0), tip),
        ):
            if share > 0:
                placing = np.array([[1, 0, shift[0] - left], [0, 1, shift[1] - top]], np.float32)
                part = cv2.warpAffine(self._parts[name], placing, (width, height), flags=cv2.INTER_LINEAR)
                seen *= 1 - part[..., 3:] * np.float32(share / 255)
                seen += part * np.float32(share)
        return seen


def _mixed(stack: NDArray[np.float32], pose: PoseWeights) -> NDArray[np.float32]:
    """sum(pose[k] * stack[k]), one row after the other: the same bytes whatever the machine's threads."""
    used = np.flatnonzero(np.abs(pose) > LEAST_WEIGHT)
    total = stack[used[0]] * pose[used[0]]
    for k in used[1:]:
        cv2.scaleAdd(stack[k], float(pose[k]), total, dst=total)
    return np.asarray(total, np.float32)


def _to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Rounded and saturated; what is below zero by rounding is zero within half a step."""
    return np.asarray(cv2.convertScaleAbs(image), np.uint8)
