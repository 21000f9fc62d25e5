"""`livekit-bithuman visemes speech.wav -o out.json`: the mouth of every frame of a recording, as numbers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .progress import Progress

_EXAMPLES = """\
examples:
  livekit-bithuman visemes speech.wav -o out.json                  25 rows a second, as the face is drawn
  livekit-bithuman visemes speech.wav -o out.json --hop 10         a row every 10 ms
  livekit-bithuman visemes speech.wav -o out.json --plot out.png   and a picture of it
  livekit-bithuman visemes speech.mp3 --arkit | jq .frames[0]      ARKit's blendshapes too, to standard output
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the `visemes` command."""
    parser = subparsers.add_parser(
        "visemes",
        help="tell the mouth of a sound file frame by frame, as JSON",
        description="Tell the mouth of a sound file frame by frame, as JSON: the weights of the 15 Oculus visemes, how "
        "far it is open (0..1) and how wide it is (-1..1). Row i describes the sound from i to i + 1 hops.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("speech", type=Path, help="WAV, MP3, FLAC, OGG, MP4: anything with sound that FFmpeg reads")
    parser.add_argument(
        "-o", "--output", type=Path, help="the JSON file; what is there already is replaced (default, and -: print it)"
    )
    parser.add_argument(
        "--hop",
        type=_hop,
        default=40,
        metavar="MS",
        help="between two rows; it divides a second: 10, 20, 25, 40, 50 .. (default: 40)",
    )
    parser.add_argument("--arkit", action="store_true", help="add ARKit's blendshapes of jaw, mouth and tongue")
    parser.add_argument(
        "--plot", type=Path, metavar="PICTURE", help="draw waveform, mel, visemes and mouth too (.png, .svg, .pdf)"
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write what `args` ask for, and say so.

    Raises:
        AvatarError: The speech cannot be read, the output not written, or matplotlib lacks.
    """
    from ..render.visemes import render_visemes  # the net and FFmpeg load, which `--help` should not wait for

    printed = args.output is None or str(args.output) == "-"
    with Progress(f"{args.speech.name} -> {'standard output' if printed else args.output.name}") as progress:
        done = render_visemes(
            args.speech,
            sys.stdout if printed else args.output,
            hop_ms=args.hop,
            arkit=args.arkit,
            plot=args.plot,
            report=lambda rows, expected: progress.update(f"{rows} rows" + (f" of {expected}" if expected else "")),
        )
    if not printed:
        rows = "1 row" if done.frames == 1 else f"{done.frames} rows"
        print(f"{args.output}: {rows} of {args.hop} ms, from {done.seconds:.2f} s of speech")
    return 0


def _hop(text: str) -> int:
    from ..speech.visemes import fps_of_hop

    try:
        hop = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of milliseconds") from None
    try:
        fps_of_hop(hop)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return hop
