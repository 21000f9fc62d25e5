"""`livekit-bithuman doctor`: what this machine has and lacks for the demo, for rendering, and for the tests."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

MARKS = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "doctor",
        help="what this machine has, lacks, and how to mend it",
        description="Print what was found, what is missing, and the command or package that mends it. "
        "The exit code is 0 if the demo can run, else 1.",
    )
    parser.add_argument("--json", action="store_true", help="print it for programs to read")
    parser.set_defaults(func=_run)


def _run(arguments: argparse.Namespace) -> int:
    from .checks import run_checks
    from .progress import Progress

    with Progress("looking around"):
        checks = run_checks()
    usable = not any(check.state == "fail" for check in checks)
    if arguments.json:
        print(json.dumps({"ok": usable, "checks": [asdict(check) for check in checks]}, indent=2))
        return 0 if usable else 1
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{MARKS[check.state]}  {check.name:<{width}}  {check.found}")
        if check.mend:
            print(f"      {'':<{width}}  -> {check.mend}")
    print()
    print("The demo can run: livekit-bithuman demo" if usable else "The demo cannot run before each FAIL is mended.")
    return 0 if usable else 1
