"""Options that more than one command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

_MAX_SIDE = 4096  # pixels, what H.264 decoders take


class Size(NamedTuple):
    """Of pictures, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def parse_size(text: str) -> Size:
    """`1280x720`.

    Raises:
        BadParameter: It is no size, or one that cannot be drawn.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise typer.BadParameter(f"{text!r} is no size: write it like 1280x720")
    size = Size(int(width), int(height))
    if not all(16 <= side <= _MAX_SIDE for side in size):
        raise typer.BadParameter(f"{text!r} is out of range: each side has 16 to {_MAX_SIDE} pixels")
    return size


SPEECH_HELP = "WAV, MP3, FLAC, OGG, MP4: anything with sound that FFmpeg reads."

SpeechArgument = Annotated[Path, typer.Argument(metavar="SPEECH", help=SPEECH_HELP)]
AvatarOption = Annotated[
    str | None,
    typer.Option(
        "--avatar",
        metavar="NAME|FILE",
        help="A character's name, an .avatar file, or a portrait (.jpg, .png). [default: the first character]",
    ),
]
SizeOption = Annotated[
    Size | None,
    typer.Option("--size", metavar="WxH", parser=parse_size, help="Of the pictures. [default: the avatar's own]"),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="Another number gives other blinks and head motion.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs to read.")]
