"""`livekit-bithuman create portrait.jpg -o me.avatar`: an avatar from a picture of a face."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

CONSENT = (
    "Please note: let a real person's face speak only with that person's consent, and tell viewers that it is "
    "an avatar."
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `create` command."""
    parser = subparsers.add_parser(
        "create",
        help="make an avatar from a portrait",
        description="Make an avatar from a picture of a face: a photograph, a painting, a drawing.",
    )
    parser.add_argument("portrait", type=Path, help="JPEG, PNG, WebP, TIFF, ..: one face, seen from the front")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the avatar (.avatar); replaced if there")
    parser.add_argument(
        "--preview", type=Path, metavar="SHEET", help="also write a picture of all its poses (.png, .jpg)"
    )
    parser.add_argument("--face", type=_number, metavar="N", help="which face, the largest is 1 (default: 1)")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Make the avatar, and say what was written.

    Raises:
        AvatarError: The picture cannot be used, or a file not read or written.
    """
    import cv2

    from ..errors import AvatarNotFoundError, PortraitError
    from ..face.avatar import Avatar
    from ..face.bundle import write_bundle
    from ..face.portrait import make_portrait
    from ..face.portrait.picture import MAX_PICTURE_BYTES
    from ..face.portrait.sheet import draw_sheet

    source = str(args.portrait)
    try:
        with args.portrait.open("rb") as file:
            data = file.read(MAX_PICTURE_BYTES + 1)
    except FileNotFoundError as error:
        raise AvatarNotFoundError(source, f"There is no picture {source!r}. Check the path.") from error
    except OSError as error:
        raise PortraitError(source, f"{source} cannot be read: {error.strerror}. Check the path.") from error
    print(CONSENT, file=sys.stderr)
    bundle = make_portrait(data, source, args.face)
    packed = write_bundle(bundle)
    _write(args.output, packed)
    print(
        f"{args.output}: an avatar of {len(packed) / 1e6:.1f} MB, {bundle.manifest.size[0]}x{bundle.manifest.size[1]}"
    )
    if args.preview is not None:
        extension = args.preview.suffix.lower() if args.preview.suffix.lower() in (".jpg", ".jpeg") else ".png"
        _write(args.preview, cv2.imencode(extension, draw_sheet(Avatar(bundle)))[1].tobytes())
        print(f"{args.preview}: its visemes, blink, gaze and turns")
    return 0


def _write(path: Path, data: bytes) -> None:
    """Write a whole file or none."""
    from ..errors import MediaFileError

    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise MediaFileError(
            str(path), f"{path} cannot be written: {error.strerror}. Choose another place with -o."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no face: count from 1, the largest")
    return int(text)
