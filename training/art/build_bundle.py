"""Build an avatar bundle from a directory of keyframes.

    python -m training.art.build_bundle KEYFRAMES OUT.avatar [--into OLD.avatar] [--sheet SHEET.png]

Prints the bundle's size, how well the gap between its lips over the visemes follows the openness asked for and,
where the keyframes have true renders, how close the bundle comes to them.

With `--into`, KEYFRAMES needs no more than geometry, the atlas and the mouth pictures (poses, inner parts) that have
changed: they replace those of OLD.avatar, and all else is taken from it, byte for byte.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from livekit_bithuman.face.assets import assembled
from livekit_bithuman.face.bundle import INNER_PARTS, MAX_FILE_BYTES, POSES, Bundle, Manifest, read_bundle, write_bundle
from livekit_bithuman.pose import VISEMES

from .bundling.checks import openness_kept, report, sheet
from .bundling.eyes import build_eyes
from .bundling.head import build_head
from .bundling.keyframes import Keyframes, to_bytes
from .bundling.mouth import build_mouth
from .visemes import SHARES

MOST_MOVED = 0.1  # pixels, on average, between two runs' flows of one pose: the atlas' noise moves the lips' rims


def build(keys: Keyframes) -> Bundle:
    """A bundle of one character."""
    meta = keys.meta
    mouth, eyes, head = build_mouth(keys), build_eyes(keys), build_head(keys)
    manifest = Manifest(
        name=meta.name,
        title=meta.title,
        description=meta.description,
        author=meta.author,
        licences=meta.licences,
        canvas=meta.canvas,
        frame=meta.frame,
        mouth=meta.boxes["mouth"],
        eyes=meta.boxes["eyes"],
        pivot=head.pivot,
        background=meta.background,
        shares=tuple(SHARES.get(viseme, 1.0) for viseme in VISEMES),
    )
    return assembled(manifest, to_bytes(keys.picture("base")), mouth, eyes, head)


def rebuilt(keys: Keyframes, old: Bundle) -> Bundle:
    """A bundle with those poses and inner parts of the mouth replaced that the keyframes have pictures of.

    Raises:
        ValueError: A pose without a new picture is another one than it was, or the mouth is elsewhere.
    """
    if keys.meta.boxes["mouth"] != old.manifest.mouth:
        raise ValueError(f"The mouth's box is {keys.meta.boxes['mouth']} and was {old.manifest.mouth}. Build it anew.")
    mouth = build_mouth(keys, old)
    flow, textures, parts = old.mouth_flow.copy(), old.mouth_textures.copy(), old.inner_parts.copy()
    for index, pose in enumerate(POSES):
        if keys.has(f"mouth_{pose}"):
            flow[index], textures[index] = mouth.flow[index], mouth.textures[index]
        elif (gone := _distance(mouth.flow[index], old.mouth_flow[index])) > MOST_MOVED:
            raise ValueError(f"The pose {pose} has moved by {gone:.1f} pixels. Render mouth_{pose} too.")
    for index, part in enumerate(INNER_PARTS):
        if keys.has(part):
            parts[index] = mouth.inner_parts[index]
    shares = tuple(SHARES.get(viseme, 1.0) for viseme in VISEMES)
    return replace(
        old,
        manifest=replace(old.manifest, shares=shares),
        mouth_flow=flow,
        mouth_textures=textures,
        inner_parts=parts,
        inner_shifts=mouth.inner_shifts,
    )


def _distance(flow: NDArray[np.float16], other: NDArray[np.float16]) -> float:
    """By how many pixels flows of a pose, (2, rows, columns, 3), differ on average, across and down."""
    return float(np.abs(flow[..., :2].astype(np.float32) - other[..., :2]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keyframes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--into", type=Path, metavar="OLD.avatar", help="replace what KEYFRAMES has in this bundle")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the built bundle")
    arguments = parser.parse_args()
    keys = Keyframes(arguments.keyframes)
    old: Path | None = arguments.into
    data = write_bundle(rebuilt(keys, read_bundle(old.read_bytes(), str(old))) if old else build(keys))
    if len(data) > MAX_FILE_BYTES:
        raise SystemExit(
            f"The bundle has {len(data)} bytes, more than {MAX_FILE_BYTES}. Use a smaller canvas or boxes."
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(data)
    bundle = read_bundle(data, str(arguments.out))
    print(f"{arguments.out}: {len(data) / 1e6:.2f} MB, openness r {openness_kept(bundle):.3f}")
    whole = replace(bundle, manifest=replace(bundle.manifest, shares=(1.0,) * len(VISEMES)))  # as the true renders are
    print("\n".join(report(keys, whole)))
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), sheet(bundle))


if __name__ == "__main__":
    main()
