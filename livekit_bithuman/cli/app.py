"""Reads the command line, runs the command, and turns its error into one line and an exit code.

Exit codes: 0 done; 1 `doctor` found something that stops the demo; 2 the command line cannot be understood; 65, 66, 69,
70, 74, 77 as the error says (the sysexits of `livekit_bithuman.errors`); 130 ended by Ctrl-C, 141 nobody reads the
output any more, 143 ended by SIGTERM.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ..errors import AvatarError
from ..version import __version__

PROGRAM = "livekit-bithuman"

#: In the order of the help, each with its line there. Their modules import what they need only when they run.
COMMANDS = {
    "demo": "open a page where you talk with the avatar",
    "create": "make an avatar from a portrait",
    "avatars": "list the characters that can be named",
    "render": "let an avatar speak sound files, into videos or pictures",
    "stream": "PCM in, pictures out, for programs in any language",
    "visemes": "tell the mouth of a sound file frame by frame, as JSON",
    "replay": "tell what happened in a recorded session",
    "worker": "draw avatars for agents on other machines",
    "bench": "how fast this machine is, and what a viewer gets from it",
    "doctor": "what this machine has, lacks, and how to mend it",
}

HELP = "A talking face for LiveKit voice agents, rendered on your own CPU."
EXAMPLES = """\
livekit-bithuman demo
livekit-bithuman create portrait.jpg -o me.avatar
livekit-bithuman render speech.wav -o talking.mp4 --avatar me.avatar
livekit-bithuman stream < speech.pcm > frames.bgr
livekit-bithuman COMMAND --help                        has examples of each
"""

#: What a command line that cannot be understood raises; Typer exports its subclass alone.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Without the program's name; None: the process's own.

    Returns:
        The exit code.
    """
    command = typer.main.get_command(make_app())
    try:
        code = command.main(None if argv is None else list(argv), prog_name=PROGRAM, standalone_mode=False)
    except _UsageError as error:
        context = getattr(error, "ctx", None)
        path = PROGRAM if context is None else context.command_path
        reason = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
        print(f"{path}: {reason}. See {path} --help.", file=sys.stderr)
        return 2
    return int(code or 0)


def make_app() -> typer.Typer:
    """The whole command line."""
    # Plain help: the same on every terminal and in every version of Typer, and there before rich has loaded.
    app = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
    app.callback(invoke_without_command=True, help=HELP, epilog=shown(EXAMPLES))(_without_command)
    for name, line in COMMANDS.items():
        module = importlib.import_module(f".{name}", __package__)
        register = app.command(name, help=module.HELP, short_help=line, epilog=shown(module.EXAMPLES))
        register(_ending_well(name, module.run))
    return app


def shown(examples: str) -> str:
    """Examples at the end of a help text, each in its own line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples.splitlines())


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _without_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _ending_well(name: str, run: Callable[..., int]) -> Callable[..., int]:
    """The command, with its errors and interruptions as exit codes."""

    @functools.wraps(run)
    def run_well(*args: object, **options: object) -> int:
        previous = signal.signal(signal.SIGTERM, _raise_terminated)
        try:
            code = run(*args, **options)
            sys.stdout.flush()
            return code
        except AvatarError as error:
            print(f"{PROGRAM} {name}: {error}", file=sys.stderr)
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

    return run_well


class Terminated(BaseException):
    """SIGTERM came: like Ctrl-C, it unwinds, so that whatever runs is closed."""


def _raise_terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
