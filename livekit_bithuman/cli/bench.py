"""`livekit-bithuman bench`: how fast this machine is, and what a viewer gets from it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import AvatarOption, JsonOption, Size, parse_size
from .progress import Progress

if TYPE_CHECKING:
    from .figures import EngineFigures, ProcessFigures

HELP = """Measure this machine: a picture's time by size, the start, the memory of further avatars, what a viewer gets.

For the last an agent speaks in a room, with a viewer in a process of its own, on the server that LIVEKIT_URL,
LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, else on a livekit-server that is started here. Close other programs
first: every figure is of the machine as it is now."""
EXAMPLES = """\
livekit-bithuman bench
livekit-bithuman bench --size 512x512 --size 1920x1080 --no-room
livekit-bithuman bench --json > this-machine.json
"""

_SIZES = (Size(256, 256), Size(512, 512), Size(1280, 720))
_FRAME_MS = 40.0


def run(
    size: Annotated[
        list[Size] | None,
        typer.Option(
            metavar="WxH",
            parser=parse_size,
            help="Of pictures; may be given several times. [default: 256x256, 512x512, 1280x720]",
        ),
    ] = None,
    avatar: AvatarOption = None,
    seconds: Annotated[float, typer.Option(metavar="S", min=2, max=600, help="How long the agent speaks.")] = 15.0,
    frames: Annotated[int, typer.Option(metavar="N", min=10, help="Pictures drawn of each size.")] = 100,
    no_room: Annotated[bool, typer.Option("--no-room", help="Leave out what needs a server.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Measure, and print one table.

    Raises:
        AvatarError: The avatar cannot be used, or the server that the environment names.
    """
    with Progress("loading the engine") as progress:
        from . import figures

        sizes = size or list(_SIZES)
        engine = []
        for each in sizes:
            progress.update(f"drawing {frames} pictures of {each}")
            engine.append(figures.engine_figures(avatar, each, frames))
        progress.update("starting a process")
        process = figures.process_figures(avatar)
        progress.update(f"an agent speaks for {seconds:g} s")
        viewer = None if no_room else _viewer(avatar, seconds)
    if as_json:
        document = {"machine": _machine(), "engine": [asdict(each) for each in engine], "process": asdict(process)}
        print(json.dumps(document | {"viewer": viewer}, indent=2))
        return 0
    _print_table(engine, process, viewer, no_room)
    return 0


def _viewer(avatar: str | None, seconds: float) -> dict[str, Any] | None:
    """What a viewer gets; None where there is no server."""
    import asyncio

    from ..server import ServerProcess, find_binary, server_from_environment
    from .figures import viewer_figures

    address = server_from_environment()
    if address is not None:
        address.validate(timeout=10.0)
        return asyncio.run(viewer_figures(address, avatar, None, seconds))
    binary = find_binary()
    if binary is None:
        return None
    with ServerProcess(binary) as own:
        return asyncio.run(viewer_figures(own, avatar, None, seconds))


def _machine() -> dict[str, Any]:
    import os
    import platform

    from ..version import __version__

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "version": __version__,
    }


def _print_table(
    engine: list[EngineFigures], process: ProcessFigures, viewer: dict[str, Any] | None, no_room: bool
) -> None:
    from rich.console import Console
    from rich.table import Table

    machine = _machine()
    table = Table(title=f"{machine['system']}, {machine['cores']} cores, livekit-bithuman {machine['version']}")
    table.add_column("what")
    table.add_column("here", justify="right")
    table.add_column("")
    for each in engine:
        time = f"{each.picture_ms:.1f} ms (95 %: {each.picture_p95_ms:.1f})"
        busy = (each.speech_ms + each.picture_ms) / _FRAME_MS
        table.add_row(f"a picture of {Size(*each.size)}", time, f"{busy:.0%} of a core at 25 a second")
    table.add_row("speech to visemes", f"{engine[0].speech_ms:.1f} ms", "a frame")
    table.add_row("start", f"{process.start_s:.2f} s", "a new process to its first picture")
    table.add_row("memory", f"{process.first_mb:.0f} MB", "a process with one avatar, no room")
    table.add_row("", f"{process.further_mb:.0f} MB", "more for each further avatar")
    if viewer is not None:
        table.add_row("a viewer gets", f"{viewer['fps']:.1f}", "pictures a second")
        table.add_row("", f"{viewer['freezes']}", f"freezes; longest gap {viewer['longest_gap_ms']:.0f} ms")
        offset = viewer["av_offset_ms"]
        if offset is not None:
            spread = f"({offset['p5']:.0f} to {offset['p95']:.0f})"
            table.add_row("", f"{offset['median']:.0f} ms {spread}", "picture after voice")
    elif not no_room:
        table.add_row("a viewer", "-", "no livekit-server: python -m livekit_bithuman.server builds one")
    Console(highlight=False, soft_wrap=True).print(table)
