"""Writes the reference in docs/cli.md from the commands themselves: `python docs/make_cli_reference.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from livekit_bithuman.cli.app import PROGRAM, make_app

PAGE = Path(__file__).with_name("cli.md")
BEGIN = "<!-- From here on docs/make_cli_reference.py writes. -->\n"


def reference() -> str:
    """Every command: what it does, its options, its examples."""
    group: Any = typer.main.get_command(make_app())
    return "\n".join(_section(name, command) for name, command in group.commands.items())


def with_reference(page: str) -> str:
    """The page with the reference of the present commands."""
    return page[: page.index(BEGIN) + len(BEGIN)] + "\n" + reference()


def _section(name: str, command: Any) -> str:
    examples = command.epilog.split("Examples:\n")[1]
    rows = "\n".join(_row(parameter) for parameter in command.params)
    return (
        f"## {PROGRAM} {name}\n\n{command.help}\n\n"
        + "\n".join(f"  {line}".rstrip() for line in examples.splitlines())
        + (f"\n\n| option | |\n|---|---|\n{rows}\n" if rows else "\n")
    )


def _row(parameter: Any) -> str:
    named = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts) if named else parameter.metavar
    value = f" {parameter.metavar}" if named and parameter.metavar else ""
    told = parameter.help
    if named and not parameter.is_flag and parameter.default is not None:
        told += f" [default: {parameter.default}]"
    required = " Required." if parameter.required else ""
    return f"| `{(name + value).replace('|', chr(92) + '|')}` | {told.replace('|', chr(92) + '|')}{required} |"


if __name__ == "__main__":
    PAGE.write_text(with_reference(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
