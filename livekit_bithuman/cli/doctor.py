"""`livekit-bithuman doctor`: what this machine has and lacks for the demo, for rendering, and for the tests."""

from __future__ import annotations

import json
from dataclasses import asdict

from .options import JsonOption

MARKS = {"ok": "ok  ", "warn": "note", "fail": "FAIL"}

HELP = """Print what was found, what is missing, what it is for, and the command that mends it.

The exit code is 0 if the demo can run, else 1."""
EXAMPLES = """\
livekit-bithuman doctor
livekit-bithuman doctor --json | jq '.checks[] | select(.state != "ok")'
"""


def run(as_json: JsonOption = False) -> int:
    """Look at everything, and tell."""
    from .checks import run_checks
    from .progress import Progress

    with Progress("looking around"):
        checks = run_checks()
    usable = not any(check.state == "fail" for check in checks)
    if as_json:
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
