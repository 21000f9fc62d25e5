"""`livekit-bithuman visemes speech.wav -o out.json`: the mouth of every frame of a recording, as numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import SpeechArgument
from .progress import Progress

HELP = """Tell the mouth of a sound file frame by frame, as JSON.

The weights of the 15 Oculus visemes, how far it is open (0..1) and how wide it is (-1..1). Row i describes the sound
from i to i + 1 hops."""
EXAMPLES = """\
livekit-bithuman visemes speech.wav -o out.json                  25 rows a second, as the face is drawn
livekit-bithuman visemes speech.wav -o out.json --hop 10         a row every 10 ms
livekit-bithuman visemes speech.wav -o out.json --plot out.png   and a picture of it
livekit-bithuman visemes speech.mp3 --arkit | jq .frames[0]      ARKit's blendshapes too, to standard output
"""


def _parse_hop(text: str) -> int:
    from ..speech.visemes import fps_of_hop

    try:
        hop = int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no whole number of milliseconds") from None
    try:
        fps_of_hop(hop)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return hop


def run(
    speech: SpeechArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The JSON file; replaced if there. [default, and -: print]"
        ),
    ] = None,
    hop: Annotated[
        int | None,
        typer.Option(
            metavar="MS",
            parser=_parse_hop,
            help="Between two rows; it divides a second: 10, 20, 25, 40, 50 .. [default: 40]",
        ),
    ] = None,
    arkit: Annotated[bool, typer.Option("--arkit", help="Add ARKit's blendshapes of jaw, mouth and tongue.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="Draw waveform, mel, visemes and mouth too (.png, .svg, .pdf)."),
    ] = None,
) -> int:
    """Write down the mouth, and say so.

    Raises:
        AvatarError: The speech cannot be read, the output not written, or matplotlib lacks.
    """
    from ..render.visemes import DEFAULT_HOP_MS, render_visemes  # the net and FFmpeg load

    target = None if output is None or str(output) == "-" else output
    hop_ms = DEFAULT_HOP_MS if hop is None else hop
    with Progress(f"{speech.name} -> {'standard output' if target is None else target.name}") as progress:
        done = render_visemes(
            speech,
            sys.stdout if target is None else target,
            hop_ms=hop_ms,
            arkit=arkit,
            plot=plot,
            report=lambda rows, expected: progress.update(f"{rows} rows" + (f" of {expected}" if expected else "")),
        )
    if target is not None:
        rows = "1 row" if done.frames == 1 else f"{done.frames} rows"
        print(f"{target}: {rows} of {hop_ms} ms, from {done.seconds:.2f} s of speech")
    return 0
