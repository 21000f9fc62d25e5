"""Reads the command line, runs the command, and turns its error into one line and an exit code.

Exit codes: 0 done; 2 the command line cannot be understood; 65, 66, 69, 70, 74 as the error says (the sysexits of
`livekit_bithuman.errors`); 130 ended by Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from ..errors import AvatarError
from ..version import __version__

#: In the order of the help. A command's module is light: what it needs, it imports when it runs.
COMMANDS = ("demo", "create", "avatars", "render", "visemes", "replay", "doctor")

EXAMPLES = """\
examples:
  livekit-bithuman demo                              open a page where the avatar says what you type
  livekit-bithuman create portrait.jpg -o me.avatar  make an avatar from a picture of a face
  livekit-bithuman render speech.wav -o talking.mp4  a video of the avatar speaking a recording
  livekit-bithuman visemes speech.wav -o out.json    its mouth as numbers: viseme weights, frame by frame
  livekit-bithuman replay session.jsonl              what happened in a recorded session, and whether it happens again
  livekit-bithuman avatars                           the characters that can be named, with --thumbnails FOLDER
  livekit-bithuman doctor                            what this machine has, lacks, and how to mend it
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Without the program's name; None: the process's own.

    Returns:
        The exit code.
    """
    parser = make_parser()
    arguments = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] | None = getattr(arguments, "func", None)
    if run is None:
        parser.print_help()
        return 0
    previous = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return run(arguments)
    except AvatarError as error:
        print(f"{parser.prog} {arguments.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 143
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does; the interpreter would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    finally:
        signal.signal(signal.SIGTERM, previous)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Each command sets `func`, which takes the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog="livekit-bithuman",
        description="A talking face for LiveKit voice agents, rendered on your own CPU.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f".{name}", __package__).add_parser(subparsers)
    return parser


class Terminated(BaseException):
    """SIGTERM came: like Ctrl-C, it unwinds, so that whatever runs is closed."""


def _raise_terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
