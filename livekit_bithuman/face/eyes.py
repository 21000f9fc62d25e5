"""The eyes: eyeballs that turn as spheres beneath lids drawn in seven steps from open to closed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .bundle import LID_STEPS, Bundle
from .flow import sampled
from .mouth import Pixels

GAZE_YAW = math.radians(24)  # at gaze_x = 1: what one turns the eyes before turning the head
GAZE_PITCH = math.radians(17)
LID_FOLLOWS = 0.28  # how far the lids close when the gaze is all the way down
GLINT_FOLLOWS = 0.25  # a highlight's motion in iris motions: the cornea bulges, so it moves, but little
LID_SHADOW = 0.028  # sigma of the lids' shadow on the eyeballs, in heights of the eye box
SHADOW_DARKEST, SHADOW_GAIN = 0.25, 1.25
SOCKET_BGR = (70, 70, 90)  # beneath the eyeballs, where a lid's edge is thinner than a pixel


class EyeRig:
    """A bundle's eyes, unpacked for drawing. Immutable after construction, so faces share it."""

    def __init__(self, bundle: Bundle) -> None:
        x0, y0, x1, y1 = bundle.manifest.eyes
        self.box = bundle.manifest.eyes
        self._width, self._height = x1 - x0, y1 - y0
        self._lids = bundle.lids
        self._balls = bundle.eyeballs
        self._glint = bundle.glint
        self._spheres = [_Sphere(x, y, radius, self._width, self._height) for x, y, radius in bundle.spheres.tolist()]
        self._shade = bundle.manifest.shade
        self._shadow_sigma = LID_SHADOW * self._height

    def draw(self, blink: float, gaze_x: float, gaze_y: float) -> Pixels:
        """The eye box.

        Args:
            blink: 0 open .. 1 closed.
            gaze_x: -1 .. 1, positive to the viewer's right.
            gaze_y: -1 .. 1, positive down.
        """
        blink = min(max(blink, 0.0), 1.0)
        gaze_x = min(max(gaze_x, -1.0), 1.0)
        gaze_y = min(max(gaze_y, -1.0), 1.0)
        seen = self._lid(blink + (1 - blink) * LID_FOLLOWS * max(gaze_y, 0.0))
        for sphere in self._spheres:
            self._see_through(seen[sphere.rect], sphere, gaze_x * GAZE_YAW, gaze_y * GAZE_PITCH)
        return seen

    def _see_through(self, lid: Pixels, sphere: _Sphere, yaw: float, pitch: float) -> None:
        """Show an eyeball where the lids leave it free, in its part of the box."""
        hole = (255 - lid[..., 3]) * sphere.inside
        if not hole.any():
            return
        hole *= np.float32(1 / 255)
        ball = self._eyeball(sphere, yaw, pitch)
        light = hole
        if self._shade > 0:
            around = cv2.GaussianBlur(hole, (0, 0), self._shadow_sigma, borderType=cv2.BORDER_CONSTANT)
            light = np.clip(around * SHADOW_GAIN + SHADOW_DARKEST, 0, 1) * hole
            if self._shade < 1:
                light = hole + (light - hole) * np.float32(self._shade)
        seen = lid.astype(np.float32)
        seen[..., :3] += ball * light[..., None]
        seen[..., 3] += hole * 255
        lid[:] = cv2.convertScaleAbs(seen)

    def _lid(self, closed: float) -> Pixels:
        """Between two of the drawn steps."""
        position = closed * (LID_STEPS - 1)
        step = min(int(position), LID_STEPS - 2)
        share = position - step
        return np.asarray(cv2.addWeighted(self._lids[step], 1 - share, self._lids[step + 1], share, 0), np.uint8)

    def _eyeball(self, sphere: _Sphere, yaw: float, pitch: float) -> NDArray[np.float32]:
        """An eyeball turned, its highlight on top, BGR."""
        turned = sampled(self._balls, sphere.source(yaw, pitch), cv2.BORDER_CONSTANT).astype(np.float32)
        seen = turned[..., :3] + np.array(SOCKET_BGR, np.float32) * (1 - turned[..., 3:] * np.float32(1 / 255))
        follow = sphere.radius * GLINT_FOLLOWS
        rows, columns = sphere.rect
        moved = [[1, 0, follow * math.sin(yaw) - columns.start], [0, 1, follow * math.sin(pitch) - rows.start]]
        size = columns.stop - columns.start, rows.stop - rows.start
        seen += cv2.warpAffine(self._glint, np.array(moved, np.float32), size, flags=cv2.INTER_LINEAR)
        return np.asarray(np.minimum(seen, 255), np.float32)


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
        self.inside = (beyond <= 1).astype(np.float32)  # 1 where there is eyeball
        self._toward = np.sqrt(np.maximum(1 - beyond, 0))

    def source(self, yaw: float, pitch: float) -> NDArray[np.float32]:
        """For each pixel of `rect`, where the eyeball that looks ahead has what is seen there, in pixel indices."""
        level = self._down * np.float32(math.cos(pitch)) - self._toward * np.float32(math.sin(pitch))
        depth = self._down * np.float32(math.sin(pitch)) + self._toward * np.float32(math.cos(pitch))
        across = self._across * np.float32(math.cos(yaw)) - depth * np.float32(math.sin(yaw))
        x, y = across * self.radius + (self._x - 0.5), level * self.radius + (self._y - 0.5)
        return np.dstack([x, y]).astype(np.float32)
