"""The mouth of a bundle: flow fields from the renderer's exact geometry, textures aligned to the atlas pose.

In the atlas pose every point of the lips that is ever seen is seen. A pose's field says where those points go; its
texture is its own picture read back along that field, so that mixing fields and textures with the same weights gives
the mixture of the poses.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.spatial import cKDTree

from livekit_bithuman.face.assets import MouthAssets
from livekit_bithuman.face.bundle import INNER_PARTS, MOUTH_STEP, POSES, Bundle, grid_shape
from livekit_bithuman.face.flow import sampled, spread

from .keyframes import Keyframes, shrunk, to_bytes

Plane = NDArray[np.float32]
ATLAS = "atlas"
EDGE_RAMP = 0.15  # eye distances over which motion fades out at the box' edges
BACK_WALL_DM = 0.25  # behind the lips, seen through the mouth: the cavity, no part of the lips
NECK_DM = 0.19  # behind the lips: the chin's underside and the neck, which follow the chin, not their own geometry
CHIN_DM = 0.16  # how far above the chin's lowest point the neck may begin
SEEN = 0.05  # of `visible`: less is noise of the ray casts
FULLY_SEEN = 0.25  # of `visible`: the skin's own pixels are used from here on
NEAR_MOUTH = 0.3  # eye distances around the hole where hidden skin is filled in
SEAM_WIDEST = 8  # pixels; the layers' rows are drawn twice where they overlap
RIM_INSET = 0.75  # pixels from a lip's rim into the lip, where its motion is read
RIM_SMOOTHING = 1.5  # nodes along the rim
REST_SLACK = 2.5  # pixels by which closed lips overlap at most
SLACK = {"PP": 4.0}  # lips that are pressed stay closed although a neighbouring vowel pulls at them
LOOSENED = 0.14  # eye distances from the rim over which skin follows it
LEAST_SLOPE = 0.3  # to which skin may be compressed down a column before it pushes its neighbours
SEAM_SLOPE = 0.8  # pixels per pixel by which the layers overlap more and more beyond the mouth's corners


@dataclass(frozen=True)
class Opening:
    """The hole between the lips in the atlas pose, in pixels of the mouth box.

    Attributes:
        hole: bool (h, w).
        columns: Indices of the columns that have some of it.
        top: Its upper edge per such column.
        bottom: Its lower edge per such column.
        middle: The line between the layers, for every column of the box.
    """

    hole: NDArray[np.bool_]
    columns: NDArray[np.intp]
    top: NDArray[np.float32]
    bottom: NDArray[np.float32]
    middle: NDArray[np.float32]


def build_mouth(keys: Keyframes, old: Bundle | None = None) -> MouthAssets:
    """Everything of the mouth; what the keyframes have no pictures of is taken from an old bundle."""
    return _Builder(keys, old).build()


class _Builder:
    def __init__(self, keys: Keyframes, old: Bundle | None) -> None:
        self._keys, self._old = keys, old
        self._box = keys.meta.boxes["mouth"]
        x0, y0, x1, y1 = self._box
        self._corner = np.array([x0, y0], np.float32)
        self._width, self._height = x1 - x0, y1 - y0
        self._unit = keys.meta.eye_distance
        self._atlas = keys.picture(f"mouth_{ATLAS}", self._box)
        self._opening = _opening(self._atlas[..., 3], keys.meta.mouth[0] - x0, keys.meta.mouth[1] - y0)

    def build(self) -> MouthAssets:
        keys = self._keys
        fields = [self._fields(layer) for layer in (0, 1)]  # each (poses, rows, columns, 4): x, y, depth, visible
        self._loosen(*fields)
        for field in fields:
            self._unfold(field)
        textures = self._textures(fields)
        flow = np.stack([field[..., :3] for field in fields], axis=1)
        shifts = np.stack([keys.inner(pose) - keys.inner("aa") for pose in POSES])
        return MouthAssets(
            textures=to_bytes(textures),
            masks=to_bytes(self._masks() * 255),
            flow=flow.astype(np.float16),
            inner_parts=to_bytes(np.stack([self._inner_part(name) for name in INNER_PARTS])),
            inner_shifts=shifts.astype(np.float32),
        )

    def _inner_part(self, name: str) -> NDArray[np.float32]:
        if self._old and not self._keys.has(name):
            return self._old.inner_parts[INNER_PARTS.index(name)].astype(np.float32)
        return self._keys.picture(name, self._box)

    def _resting(self) -> NDArray[np.float32]:
        """The base's part in the box."""
        if self._old and not self._keys.has("base"):
            x0, y0, x1, y1 = self._box
            return self._old.base[y0:y1, x0:x1].astype(np.float32)
        return self._keys.picture("base", self._box)

    def _fields(self, layer: int) -> NDArray[np.float32]:
        """Where the grid's nodes go in every pose when they belong to a lip's layer."""
        points = self._keys.points(ATLAS)
        used = self._skin_of(layer)
        anchors = self._anchors()
        known = np.concatenate([points[used, :2] - self._corner, anchors])
        values = []
        for pose in POSES:
            there = self._keys.points(pose)[used]
            behind = (there[:, 2:] - self._keys.meta.mouth[2]) * self._keys.meta.pixels_per_decimetre
            moved = np.concatenate(
                [there[:, :2] - points[used, :2], behind, self._keys.visible(pose)[used, None]], axis=1
            )
            still = np.tile(np.array([0, 0, behind.max(), 1], np.float32), (len(anchors), 1))
            values.append(np.concatenate([moved, still]))
        rows, columns = grid_shape(self._width, self._height, MOUTH_STEP)
        nodes = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) * float(MOUTH_STEP)
        stacked = np.concatenate(values, axis=1)
        found = LinearNDInterpolator(known, stacked)(nodes)
        outside = np.isnan(found[:, 0])
        found[outside] = NearestNDInterpolator(known, stacked)(nodes[outside])
        fields = found.reshape(rows, columns, len(POSES), 4).transpose(2, 0, 1, 3).astype(np.float32)
        self._carry_on(fields, layer)
        fields[..., :2] *= self._edge_ramp(rows, columns)[..., None]
        return np.ascontiguousarray(fields)

    def _skin_of(self, layer: int) -> NDArray[np.bool_]:
        """Vertices that are the layer's: seen in the atlas, on its side of the lips, neither throat nor neck."""
        points = self._keys.points(ATLAS)
        x, y = (points[:, :2] - self._corner).T
        behind = points[:, 2] - self._keys.meta.mouth[2]
        reach = 0.08 * self._unit
        used = (x > -reach) & (x < self._width + reach) & (y > -reach) & (y < self._height + reach)
        used &= self._keys.visible(ATLAS) > SEEN
        column = np.clip(x.astype(int), 0, self._width - 1)
        row = np.clip(y.astype(int), 0, self._height - 1)
        used &= ~(_grown(self._opening.hole, 2)[row, column] & (behind > BACK_WALL_DM))
        beside = np.abs(x + self._corner[0] - self._keys.meta.mouth[0])
        chin = y[used & (behind < NECK_DM) & (beside < 0.2 * self._unit)].max()
        used &= ~((y > chin - CHIN_DM * self._keys.meta.pixels_per_decimetre) & (behind > NECK_DM))
        below = y - self._opening.middle[column]
        beyond = (column < self._opening.columns[0]) | (column > self._opening.columns[-1])
        return used & (beyond | ((below < 1) if layer == 0 else (below > -1)))

    def _anchors(self) -> NDArray[np.float32]:
        """Points below the box that never move: collar and chest."""
        x = np.linspace(-6, self._width + 6, 14)
        return np.array([(u, v) for u in x for v in (self._height + 2, self._height + 10)], np.float32)

    def _carry_on(self, fields: NDArray[np.float32], layer: int) -> None:
        """Let a lip's rim carry its motion straight on into the hole and the other lip, in place.

        Beyond the rim there is nothing of the layer to be seen, but pixels at the rim are interpolated with it.
        """
        opening = self._opening
        rows, columns = fields.shape[1:3]
        x = np.arange(columns) * float(MOUTH_STEP)
        edge = opening.top - RIM_INSET if layer == 0 else opening.bottom + RIM_INSET
        rim = cv2.GaussianBlur(np.interp(x, opening.columns, edge)[None], (0, 0), RIM_SMOOTHING)[0]
        across = np.arange(columns, dtype=np.float32)[None]
        down = (rim / MOUTH_STEP).astype(np.float32)[None]
        in_hole = (x >= opening.columns[0] - 1) & (x <= opening.columns[-1] + 1)
        y = np.arange(rows)[:, None] * float(MOUTH_STEP)
        beyond = ((y > rim) if layer == 0 else (y < rim)) & in_hole
        for field in fields:
            at_rim = sampled(np.ascontiguousarray(field[..., :3]), np.dstack([across, down]))
            at_rim = cv2.GaussianBlur(at_rim, (0, 0), RIM_SMOOTHING, borderType=cv2.BORDER_REPLICATE)
            field[..., :3] = np.where(beyond[..., None], at_rim, field[..., :3])

    def _loosen(self, upper: NDArray[np.float32], lower: NDArray[np.float32]) -> None:
        """Let closed lips overlap by no more than their slack, in place.

        The renderer's lips are pressed so far into each other at rest that a vowel at half its weight would not part
        them. The pose itself looks the same whatever the overlap: its texture is read along the same field.
        """
        opening = self._opening
        rows, columns = upper.shape[1:3]
        x = np.arange(columns) * float(MOUTH_STEP)
        top, bottom = (np.interp(x, opening.columns, edge).astype(np.float32) for edge in (opening.top, opening.bottom))
        within = (x >= opening.columns[0]) & (x <= opening.columns[-1])
        y = np.arange(rows, dtype=np.float32)[:, None] * MOUTH_STEP
        reach = LOOSENED * self._unit
        near = [np.clip(1 - away / reach, 0, 1) for away in (np.maximum(top - y, 0), np.maximum(y - bottom, 0))]
        across = np.arange(columns, dtype=np.float32)[None]
        for pose, above, below in zip(POSES, upper, lower, strict=True):
            rim_above = (
                top + sampled(np.ascontiguousarray(above[..., 1]), np.dstack([across, top[None] / MOUTH_STEP]))[0]
            )
            rim_below = (
                bottom + sampled(np.ascontiguousarray(below[..., 1]), np.dstack([across, bottom[None] / MOUTH_STEP]))[0]
            )
            overlap = np.where(within, rim_above - rim_below, 0)
            slack = SLACK.get(pose, REST_SLACK)
            excess = np.maximum(overlap - slack, 0).astype(np.float32)
            excess = np.minimum(cv2.GaussianBlur(excess[None], (0, 0), 2)[0], np.maximum(overlap - slack / 2, 0))
            above[..., 1] -= excess / 2 * near[0]
            below[..., 1] += excess / 2 * near[1]

    def _unfold(self, fields: NDArray[np.float32]) -> None:
        """Keep the order of points down each column, in place.

        Pouting lips fold over the skin beside them. A field that folds has no inverse; one that compresses has.
        """
        rows, columns = fields.shape[1:3]
        y = np.arange(rows, dtype=np.float32)[None, :, None] * MOUTH_STEP
        row_of_middle = np.interp(np.arange(columns) * MOUTH_STEP, np.arange(self._width), self._opening.middle)
        below = np.arange(rows)[:, None] > row_of_middle / MOUTH_STEP
        there = y + fields[..., 1]
        least = LEAST_SLOPE * MOUTH_STEP
        for row in range(1, rows):
            there[:, row] = np.where(below[row], np.maximum(there[:, row], there[:, row - 1] + least), there[:, row])
        for row in range(rows - 2, -1, -1):
            there[:, row] = np.where(~below[row], np.minimum(there[:, row], there[:, row + 1] - least), there[:, row])
        fields[..., 1] = there - y

    def _edge_ramp(self, rows: int, columns: int) -> Plane:
        """0 at the box' edges, 1 inside."""
        x, y = np.arange(columns) * MOUTH_STEP, np.arange(rows)[:, None] * MOUTH_STEP
        inward = np.minimum(np.minimum(x, self._width - x), np.minimum(y, self._height - y))
        return _smooth(np.clip(inward / (EDGE_RAMP * self._unit), 0, 1)).astype(np.float32)

    def _textures(self, fields: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Every pose's skin in the atlas pose, (poses, h, w, 4)."""
        down, across = np.mgrid[0 : self._height, 0 : self._width].astype(np.float32)
        is_lower = down > self._opening.middle[None]
        around = _grown(self._opening.hole, round(NEAR_MOUTH * self._unit))
        inward = np.minimum(np.minimum(across, self._width - 1 - across), np.minimum(down, self._height - 1 - down))
        rest = self._resting()
        is_box = _smooth(np.clip((inward - 1) / (EDGE_RAMP * self._unit), 0, 1))[..., None]
        unknown = self._beyond_skin(fields) * is_lower
        textures = []
        for index, pose in enumerate(POSES):
            name = "base" if pose == "sil" else f"mouth_{pose}"
            if self._old and not self._keys.has(name):
                textures.append(self._old.mouth_textures[index].astype(np.float32))
                continue
            x, y, visible = (
                np.where(is_lower, *(self._pixels(f[index], plane) for f in fields[::-1])) for plane in (0, 1, 3)
            )
            texture = self._aligned(name, np.dstack([x, y]))
            texture = self._completed(texture, visible, around)
            if textures:  # the neck, whose own motion the fields do not know, keeps its resting look
                texture += (textures[0] - texture) * unknown[..., None]
            textures.append(texture)
        whole = np.stack(textures)
        # At the box' edges the picture must be the base itself, hole or not.
        return rest + (whole - rest) * is_box

    def _pixels(self, field: NDArray[np.float32], plane: int) -> Plane:
        """One plane of a field, at every pixel."""
        return spread(np.ascontiguousarray(field[..., plane]), self._width, self._height, MOUTH_STEP)

    def _aligned(self, name: str, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """A pose's picture read along its field, filtered from its own resolution."""
        scale = self._keys.meta.scale
        fine = cv2.resize(np.ascontiguousarray(field), (self._width * scale, self._height * scale)) * scale
        image = self._keys.fine(name, self._box)
        y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
        moved = cv2.remap(image, x + fine[..., 0], y + fine[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.clip(shrunk(moved, scale), 0, 255)

    def _completed(
        self, texture: NDArray[np.float32], visible: Plane, around: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Fill in, around the mouth, what this pose hides, from the atlas at this pose's exposure; then the hole."""
        alpha = texture[..., 3] / 255
        shown = np.clip(visible / FULLY_SEEN, 0, 1) * np.clip((alpha - 0.5) / 0.35, 0, 1)
        shown = cv2.GaussianBlur(np.where(around, shown, 1).astype(np.float32), (0, 0), 0.8)
        colour = texture[..., :3] / np.maximum(alpha, 0.1)[..., None]
        atlas_alpha = self._atlas[..., 3] / 255
        spare = self._atlas[..., :3] / np.maximum(atlas_alpha, 0.1)[..., None]
        common = shown * np.clip((atlas_alpha - 0.5) / 0.35, 0, 1)
        sigma = 0.06 * self._unit
        exposure = _local_mean(colour, common, sigma) / np.maximum(_local_mean(spare, common, sigma), 1)
        colour = colour * shown[..., None] + spare * np.clip(exposure, 0.6, 1.5) * (1 - shown[..., None])
        colour = _diffused(colour, ~_grown(self._opening.hole | (self._atlas[..., 3] < 250) & around, 1))
        filled = np.dstack([np.clip(colour, 0, 255), np.full(alpha.shape, 255, np.float32)])
        return np.where(around[..., None], filled, texture).astype(np.float32)

    def _beyond_skin(self, fields: list[NDArray[np.float32]]) -> Plane:
        """1 where no vertex of the moving skin is near, 0 on it."""
        points = self._keys.points(ATLAS)[self._skin_of(1), :2] - self._corner
        y, x = np.mgrid[0 : self._height, 0 : self._width]
        distance = cKDTree(points).query(np.c_[x.ravel() + 0.5, y.ravel() + 0.5])[0].reshape(self._height, self._width)
        return np.clip((distance - 0.05 * self._unit) / (0.08 * self._unit), 0, 1).astype(np.float32)

    def _masks(self) -> NDArray[np.float32]:
        """What is the upper lip's layer, what the lower's. Beyond the corners, where both move alike, they overlap."""
        opening = self._opening
        x = np.arange(self._width)
        beyond = np.maximum(np.maximum(opening.columns[0] - x, x - opening.columns[-1]) - 1, 0) * SEAM_SLOPE
        beyond = np.minimum(beyond, SEAM_WIDEST)
        below = np.arange(self._height)[:, None] + 0.5 - opening.middle[None]
        skin = np.where(_grown(opening.hole, 2), self._atlas[..., 3] / 255, 1)
        upper = skin * np.clip(0.5 - (below - beyond) / 1.5, 0, 1)
        lower = skin * np.clip((below + beyond + 2) / 1.5 + 0.5, 0, 1)
        return np.stack([upper, lower]).astype(np.float32)


def _opening(alpha: Plane, mouth_x: float, mouth_y: float) -> Opening:
    """Find the hole between the lips: the one next to the mouth's middle."""
    holes = alpha < 128
    _, labels = cv2.connectedComponents(holes.astype(np.uint8), connectivity=4)
    rows, columns = np.nonzero(holes)
    nearest = np.argmin((columns - mouth_x) ** 2 + (rows - mouth_y - 2) ** 2)
    hole = labels == labels[rows[nearest], columns[nearest]]
    used = np.flatnonzero(hole.any(axis=0))
    top = hole.argmax(axis=0)[used].astype(np.float32)
    bottom = (hole.shape[0] - hole[::-1].argmax(axis=0))[used].astype(np.float32)
    middle = np.interp(np.arange(hole.shape[1]), used, (top + bottom) / 2).astype(np.float32)
    return Opening(hole, used, top, bottom, cv2.GaussianBlur(middle[None], (0, 0), 3)[0])


def _local_mean(image: NDArray[np.float32], weight: Plane, sigma: float) -> NDArray[np.float32]:
    total = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma)
    return np.asarray(total / np.maximum(cv2.GaussianBlur(weight, (0, 0), sigma), 1e-3)[..., None], np.float32)


def _diffused(image: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Colours of the known pixels pulled into the unknown, from narrow surroundings to wide ones."""
    filled, have = image.copy(), known.astype(np.float32)
    for sigma in (1.2, 2.5, 5.0, 12.0, 30.0):
        weight = cv2.GaussianBlur(have, (0, 0), sigma)
        mean = cv2.GaussianBlur(filled * have[..., None], (0, 0), sigma) / np.maximum(weight, 1e-4)[..., None]
        new = (have == 0) & (weight > 0.02)
        filled[new] = mean[new]
        have[new] = 1
    return filled


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)


def _smooth(share: NDArray[np.floating]) -> NDArray[np.floating]:
    return share * share * (3 - 2 * share)
