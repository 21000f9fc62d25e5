"""The eyes: eyeballs that turn as spheres beneath lids drawn in seven steps from open to closed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .bundle import LID_STEPS, Bundle
from .flow import Plane, grid_nodes, sampled
from .mouth import Pixels

GAZE_YAW = math.radians(24)  # at gaze_x = 1: what one turns the eyes before turning the head
GAZE_PITCH = math.radians(17)
LID_FOLLOWS = 0.28  # how far the lids close when the gaze is all the way down
# The highlight on the cornea, which bulges, goes half as far as the iris; one on the white of the eye stays. In radii
# of the eyeball: how far from its middle the cornea reaches, and in what width one becomes the other.
GLINT_FOLLOWS, CORNEA, LIMBUS = 0.5, 0.56, 0.12
LID_SHADOW = 0.028  # sigma of the lids' shadow on the eyeballs, in heights of the eye box
# How far upper and lower lids move at their edges, in distances from the eye's middle: opened wide, and narrowed.
WIDE, NARROW = (0.42, 0.18), (0.30, 0.42)
LID_ACROSS, LID_DOWN = 0.34, 0.22  # reach of that motion from the eye's middle, in distances between the eyes
LID_RIM = 0.15  # of the box' height, in which it fades
SHADOW_DARKEST, SHADOW_GAIN = 0.25, 1.25
SOCKET_BGR = (70, 70, 90)  # beneath the eyeballs, where a lid's edge is thinner than a pixel


class EyeRig:
    """A bundle's eyes, unpacked for drawing. Immutable after construction, so faces share it."""

    def __init__(self, bundle: Bundle) -> None:
        x0, y0, x1, y1 = bundle.manifest.eyes
        self.box = bundle.manifest.eyes
        self._width, self._height = x1 - x0, y1 - y0
        self._lids = bundle.lids
        self._balls = _in_sockets(bundle.eyeballs)
        glint = np.ascontiguousarray(np.dstack([bundle.glint, np.zeros_like(bundle.glint[..., 0])]))
        self._spheres = [_Sphere(x, y, radius, self._width, self._height) for x, y, radius in bundle.spheres.tolist()]
        cornea = np.zeros((self._height, self._width, 1), np.float32)
        for sphere in self._spheres:
            cornea[sphere.rect] = np.maximum(cornea[sphere.rect], sphere.cornea[..., None])
        self._wet = cv2.convertScaleAbs(glint * cornea)  # the highlight that follows the gaze,
        self._still = cv2.subtract(glint, self._wet)  # and the rest of it
        self._shade = bundle.manifest.shade
        self._shadow_sigma = LID_SHADOW * self._height
        self._pixels = grid_nodes(self._height, self._width)
        self._wide, self._narrow = self._lid_fields(bundle.spheres.tolist())

    def draw(self, blink: float, gaze_x: float, gaze_y: float, lids: float = 0.0) -> Pixels:
        """The eye box.

        Args:
            blink: 0 open .. 1 closed.
            gaze_x: -1 .. 1, positive to the viewer's right.
            gaze_y: -1 .. 1, positive down.
            lids: -1 narrowed .. 1 wide, while the eye is not closed.
        """
        blink = min(max(blink, 0.0), 1.0)
        gaze_x = min(max(gaze_x, -1.0), 1.0)
        gaze_y = min(max(gaze_y, -1.0), 1.0)
        seen = self._lid(blink + (1 - blink) * LID_FOLLOWS * max(gaze_y, 0.0))
        if lids:
            seen = self._parted(seen, min(max(lids, -1.0), 1.0) * (1.0 - blink))
        for sphere in self._spheres:
            self._see_through(seen[sphere.rect], sphere, gaze_x * GAZE_YAW, gaze_y * GAZE_PITCH)
        return seen

    def _parted(self, lid: Pixels, lids: float) -> Pixels:
        """Lids drawn farther apart, or nearer together."""
        moved = self._wide if lids > 0 else self._narrow
        source = self._pixels.copy()
        source[..., 1] -= np.float32(lids) * moved
        return np.asarray(sampled(lid, source), np.uint8)

    def _see_through(self, lid: Pixels, sphere: _Sphere, yaw: float, pitch: float) -> None:
        """Show an eyeball where the lids leave it free, in its part of the box."""
        hole = (255 - lid[..., 3]) * sphere.inside
        if not hole.any():
            return
        light = hole
        if self._shade > 0:
            around = cv2.GaussianBlur(hole, (0, 0), self._shadow_sigma, borderType=cv2.BORDER_CONSTANT)
            light = np.clip(around * SHADOW_GAIN + SHADOW_DARKEST, 0, 1) * hole
            if self._shade < 1:
                light = hole + (light - hole) * np.float32(self._shade)
        ball = cv2.multiply(self._eyeball(sphere, yaw, pitch), cv2.merge((light, light, light, hole)), dtype=cv2.CV_8U)
        cv2.add(lid, ball, dst=lid)

    def _lid_fields(self, spheres: list[list[float]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """How far each pixel of the lids goes down where the eyes are opened wide, and goes up where narrowed.

        Upper lids do most of the first, lower lids much of the second. Both fade towards the brows and the box' edge.
        """
        apart = abs(spheres[1][0] - spheres[0][0])
        wide = np.zeros((self._height, self._width), np.float32)
        narrow = np.zeros_like(wide)
        for x, y, _ in spheres:
            across = (self._pixels[..., 0] + 0.5 - x) / (LID_ACROSS * apart)
            down = (self._pixels[..., 1] + 0.5 - y) / apart
            for field, (upper, lower) in ((wide, WIDE), (narrow, NARROW)):
                slope = np.where(down < 0, np.float32(upper), np.float32(lower))
                reach = np.exp(-(across**4) - (down / LID_DOWN) ** 4)
                field += (slope * down * reach * apart).astype(np.float32)
        rim = np.minimum(self._pixels[..., 1], self._height - 1 - self._pixels[..., 1])
        fade = np.clip(rim / np.float32(LID_RIM * self._height), 0, 1).astype(np.float32)
        return np.asarray(wide * fade, np.float32), np.asarray(narrow * fade, np.float32)

    def _lid(self, closed: float) -> Pixels:
        """Between two of the drawn steps."""
        position = closed * (LID_STEPS - 1)
        step = min(int(position), LID_STEPS - 2)
        share = position - step
        return np.asarray(cv2.addWeighted(self._lids[step], 1 - share, self._lids[step + 1], share, 0), np.uint8)

    def _eyeball(self, sphere: _Sphere, yaw: float, pitch: float) -> Pixels:
        """An eyeball turned, its highlight on top, opaque."""
        turned = sampled(self._balls, sphere.source(yaw, pitch))
        follow = sphere.radius * GLINT_FOLLOWS
        rows, columns = sphere.rect
        moved = [[1, 0, follow * math.sin(yaw) - columns.start], [0, 1, follow * math.sin(pitch) - rows.start]]
        size = columns.stop - columns.start, rows.stop - rows.start
        glint = cv2.warpAffine(self._wet, np.array(moved, np.float32), size, flags=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(cv2.add(turned, glint), self._still[sphere.rect]), np.uint8)


def _in_sockets(balls: Pixels) -> Pixels:
    """The eyeballs over what is beneath them, opaque."""
    beneath = np.array((*SOCKET_BGR, 255), np.float32) * (1 - balls[..., 3:] * np.float32(1 / 255))
    return np.asarray(cv2.convertScaleAbs(balls + beneath), np.uint8)


class _Sphere:
    """One eyeball in the eye box: which pixel shows which point of it."""

    def __init__(self, x: float, y: float, radius: float, width: int, height: int) -> None:
        self.radius = radius
        self._x, self._y = x, y
        left, top = max(0, math.floor(x - radius)), max(0, math.floor(y - radius))
        right, bottom = min(width, math.ceil(x + radius)), min(height, math.ceil(y + radius))
        self.rect = slice(top, max(top, bottom)), slice(left, max(left, right))
        rows, columns = np.mgrid[self.rect].astype(np.float32)
        self._across = (columns + 0.5 - x) / radius
        self._down = (rows + 0.5 - y) / radius
        beyond = self._across**2 + self._down**2
        self.inside = (beyond <= 1) * np.float32(1 / 255)  # 1/255 where there is eyeball: to multiply an alpha by
        self._toward = np.sqrt(np.maximum(1 - beyond, 0))
        # 1 where a highlight is on the cornea, 0 elsewhere
        self.cornea = np.clip((CORNEA - np.sqrt(beyond)) / LIMBUS + 0.5, 0, 1)

    def source(self, yaw: float, pitch: float) -> tuple[Plane, Plane]:
        """For each pixel of `rect`, where the eyeball that looks ahead has what is seen there, as pixel indices."""
        level = self._down * np.float32(math.cos(pitch)) - self._toward * np.float32(math.sin(pitch))
        depth = self._down * np.float32(math.sin(pitch)) + self._toward * np.float32(math.cos(pitch))
        across = self._across * np.float32(math.cos(yaw)) - depth * np.float32(math.sin(yaw))
        x, y = np.float32(self._x - 0.5), np.float32(self._y - 0.5)
        return across * np.float32(self.radius) + x, level * np.float32(self.radius) + y
