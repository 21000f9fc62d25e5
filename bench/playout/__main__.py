"""`python -m bench.playout`: measure, and print one table and one JSON line."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
import traceback

from livekit_bithuman.server import ServerProcess, obtain_binary

from .experiments import EXPERIMENTS, IN_CHROMIUM
from .lane import Setting
from .table import Report

PACKAGES = ("livekit", "livekit-agents", "livekit-plugins-bithuman")


def main() -> int:
    """Run the chosen experiments; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.playout", description=__doc__)
    parser.add_argument("experiments", nargs="*", metavar="experiment", help=f"of {', '.join(EXPERIMENTS)}; all")
    parser.add_argument("--viewer", choices=["python", "chromium"], default="python")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--drift-minutes", type=float, default=0.0, help="length of the reply of `drift`; 0: none")
    parser.add_argument("--json", metavar="FILE", help="append the JSON line to a file, too")
    options = parser.parse_args()
    possible = IN_CHROMIUM if options.viewer == "chromium" else tuple(EXPERIMENTS)
    unknown = set(options.experiments) - set(possible)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))} with this viewer: choose of {', '.join(possible)}")
    report, failed = Report(options.viewer), 0
    report.facts = {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "python": platform.python_version()}
    report.facts |= {package: importlib.metadata.version(package) for package in PACKAGES}
    with ServerProcess(obtain_binary(_say)) as server:
        setting = Setting(server, options.viewer, options.quick, options.drift_minutes)
        for name in options.experiments or possible:
            begin = time.monotonic()
            try:
                report.add(EXPERIMENTS[name](setting))
            except Exception:
                traceback.print_exc()
                failed = 1
            report.loads[name] = round(os.getloadavg()[0], 2)
            _say(f"{name}: {time.monotonic() - begin:.0f} s, load {report.loads[name]}")
    loads = ", ".join(f"{name} {load}" for name, load in report.loads.items())
    print(f"viewer: {options.viewer}; {', '.join(f'{key} {value}' for key, value in report.facts.items())}")
    print(f"load average after: {loads}")
    print("median (p5..p95, n); official* is the official plugin with our video encoding\n")
    print(report.text())
    print()
    print(report.json())
    if options.json:
        with open(options.json, "a") as file:
            file.write(report.json() + "\n")
    return failed


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
