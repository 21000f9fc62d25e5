"""`livekit-bithuman demo`."""

from __future__ import annotations

import argparse
import logging

EXAMPLES = """\
examples:
  livekit-bithuman demo
  livekit-bithuman demo --port 9000 --no-browser

Runs until Ctrl-C. No key, no account: the server, the voice and the face are on this machine. With LIVEKIT_URL,
LIVEKIT_API_KEY and LIVEKIT_API_SECRET set, that server is used instead.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="open a page where the avatar says what you type",
        description="Open a page on this machine where the avatar greets you and says what you type.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, help="the page's port (default: 8088, or any free one)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    parser.add_argument("--avatar", metavar="NAME|PATH", help="a built-in character, or an .avatar bundle")
    parser.set_defaults(func=_run)


def _run(arguments: argparse.Namespace) -> int:
    from .progress import Progress

    # Importing the agent framework alone takes a second or two.
    with Progress("loading livekit-agents"):
        from ..demo.run import DemoOptions, run_demo

    # The program is ours here, not a host's: only what the user can act on is shown.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    return run_demo(DemoOptions(arguments.port, not arguments.no_browser, arguments.avatar))


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: pass a number from 1 to 65535")
    return port
