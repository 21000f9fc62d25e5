"""`livekit-bithuman demo`."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from .options import AvatarOption

HELP = """Open a page on this machine where you talk with the avatar, by microphone or by typing.

Runs until Ctrl-C. No key, no account: server, ears, voice and face are on this machine. With LIVEKIT_URL,
LIVEKIT_API_KEY and LIVEKIT_API_SECRET set, that server is used instead; with OPENAI_BASE_URL set, the model
server there answers."""
EXAMPLES = """\
livekit-bithuman demo
livekit-bithuman demo --port 9000 --no-browser
livekit-bithuman demo --avatar me.avatar    begin with this one
"""


def run(
    port: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=65_535, help="Of the page. [default: 8088, or any free one]"),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the page's address.")] = False,
    avatar: AvatarOption = None,
) -> int:
    """Run the demo."""
    from .progress import Progress

    # Importing the agent framework alone takes a second or two.
    with Progress("loading livekit-agents"):
        from ..demo.run import DemoOptions, run_demo

    # The program is ours here, not a host's: only what the user can act on is shown.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("livekit.agents").setLevel(logging.ERROR)  # else a line for every moment that it was late
    return run_demo(DemoOptions(port, not no_browser, avatar))
