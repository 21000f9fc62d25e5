"""`livekit-bithuman create portrait.jpg -o me.avatar`: an avatar from a picture of a face."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption

CONSENT = (
    "Please note: let a real person's face speak only with that person's consent, and tell viewers that it is "
    "an avatar."
)

HELP = "Make an avatar from a picture of a face: a photograph, a painting, a drawing."
EXAMPLES = """\
livekit-bithuman create portrait.jpg -o me.avatar
livekit-bithuman create portrait.jpg -o me.avatar --preview poses.png   and a picture of all its poses
livekit-bithuman create group.jpg -o second.avatar --face 2             the second largest face
"""


def run(
    portrait: Annotated[
        Path, typer.Argument(metavar="PORTRAIT", help="JPEG, PNG, WebP, TIFF, ..: one face, seen from the front.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The avatar (.avatar); replaced if there.")
    ],
    preview: Annotated[
        Path | None, typer.Option(metavar="SHEET", help="Also write a picture of all its poses (.png, .jpg).")
    ] = None,
    face: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Which face, the largest is 1. [default: 1]")
    ] = None,
    as_json: JsonOption = False,
) -> int:
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
    from ..render.output import write_whole

    source = str(portrait)
    try:
        with portrait.open("rb") as file:
            data = file.read(MAX_PICTURE_BYTES + 1)
    except FileNotFoundError as error:
        raise AvatarNotFoundError(source, f"There is no picture {source!r}. Check the path.") from error
    except OSError as error:
        raise PortraitError(source, f"{source} cannot be read: {error.strerror}. Check the path.") from error
    print(CONSENT, file=sys.stderr)
    bundle = make_portrait(data, source, face)
    packed = write_bundle(bundle)
    write_whole(output, packed)
    if preview is not None:
        extension = preview.suffix.lower() if preview.suffix.lower() in (".jpg", ".jpeg") else ".png"
        write_whole(preview, cv2.imencode(extension, draw_sheet(Avatar(bundle)))[1].tobytes())
    size = bundle.manifest.size
    if as_json:
        written = {"path": str(output), "bytes": len(packed), "size": list(size)}
        print(json.dumps(written | {"preview": None if preview is None else str(preview)}))
        return 0
    print(f"{output}: an avatar of {len(packed) / 1e6:.1f} MB, {size[0]}x{size[1]}")
    if preview is not None:
        print(f"{preview}: its visemes, blink, gaze and turns")
    return 0
