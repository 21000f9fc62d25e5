"""Build an avatar bundle from a directory of keyframes.

    python -m training.art.build_bundle KEYFRAMES OUT.avatar [--sheet SHEET.png]

Prints the bundle's size and, where the keyframes have true renders, how close the bundle comes to them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2

from livekit_bithuman.face.assets import assembled
from livekit_bithuman.face.bundle import MAX_FILE_BYTES, Bundle, Manifest, read_bundle, write_bundle
from livekit_bithuman.pose import VISEMES

from .bundling.checks import report, sheet
from .bundling.eyes import build_eyes
from .bundling.head import build_head
from .bundling.keyframes import Keyframes, to_bytes
from .bundling.mouth import build_mouth
from .visemes import SHARES


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keyframes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the built bundle")
    arguments = parser.parse_args()
    keys = Keyframes(arguments.keyframes)
    data = write_bundle(build(keys))
    if len(data) > MAX_FILE_BYTES:
        raise SystemExit(
            f"The bundle has {len(data)} bytes, more than {MAX_FILE_BYTES}. Use a smaller canvas or boxes."
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(data)
    bundle = read_bundle(data, str(arguments.out))
    print(f"{arguments.out}: {len(data) / 1e6:.2f} MB")
    whole = replace(bundle, manifest=replace(bundle.manifest, shares=(1.0,) * len(VISEMES)))  # as the true renders are
    print("\n".join(report(keys, whole)))
    if arguments.sheet:
        cv2.imwrite(str(arguments.sheet), sheet(bundle))


if __name__ == "__main__":
    main()
