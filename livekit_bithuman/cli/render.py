"""`livekit-bithuman render speech.wav -o out.mp4`: any speech, spoken by an avatar, in a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from .progress import Progress

_BAR = 30  # characters
_MAX_SIDE = 4096  # pixels, what H.264 decoders take


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `render` command."""
    parser = subparsers.add_parser(
        "render",
        help="let an avatar speak a sound file, into a video or a picture",
        description="Let an avatar speak a sound file. The video has the file's own sound and exactly its length.",
    )
    add_arguments(parser)
    parser.set_defaults(func=run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `run` reads."""
    parser.add_argument("speech", type=Path, help="WAV, MP3, FLAC, OGG, MP4: anything with sound that FFmpeg reads")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="a video (.mp4, .mov, .mkv) or one picture (.png, .jpg); what is there already is replaced",
    )
    parser.add_argument(
        "--avatar",
        help="an avatar file, a portrait (.jpg, .png), or a built-in character's name (default: the first one)",
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the pictures (default: the avatar's own)")
    parser.add_argument("--seed", type=int, help="another number gives other blinks and head motion")
    parser.add_argument(
        "--at", type=float, metavar="SECONDS", help="which moment a picture shows (default: a good one)"
    )


def run(args: argparse.Namespace) -> int:
    """Render what `args` ask for, and say what was written.

    Raises:
        AvatarError: The speech or the avatar cannot be used, or the output not written.
    """
    from ..render import render_speech  # half a second of imports, which `--help` should not wait for

    options = {} if args.seed is None else {"seed": args.seed}
    with Progress(f"{args.speech.name} -> {args.output.name}") as progress:
        done = render_speech(
            args.speech,
            args.output,
            avatar=args.avatar,
            size=args.size,
            at=args.at,
            report=lambda frames, expected: progress.update(_bar(frames, expected)),
            **options,
        )
    width, height = done.size
    frames = "1 frame" if done.frames == 1 else f"{done.frames} frames"
    print(f"{done.path}: {frames} of {width}x{height}, from {done.seconds:.2f} s of speech ({done.codecs})")
    return 0


def _bar(frames: int, expected: int | None) -> str:
    if not expected:
        return f"{frames} frames"
    share = min(1.0, frames / expected)
    filled = int(share * _BAR)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}  {frames} of {expected} frames"


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it like 1280x720")
    size = int(width), int(height)
    if not all(16 <= side <= _MAX_SIDE for side in size):
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: each side has 16 to {_MAX_SIDE} pixels")
    return size
