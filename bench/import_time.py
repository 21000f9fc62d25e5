"""How long the package takes to import: `python -m bench.import_time`, under a minute on a quiet machine.

Each figure is the median of several fresh interpreters whose bytecode is cached: seconds after `import livekit.agents`,
which a voice agent pays anyway. The last lines are what is loaded when the first avatar starts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

#: What is timed after `import livekit.agents`, each in an interpreter of its own.
STATEMENTS = (
    "import livekit_bithuman",
    "from livekit_bithuman import AvatarSession",
    "from livekit_bithuman import AvatarSession; import livekit_bithuman.engine.embedded",
)

_TIMED = """
import sys, time
start = time.perf_counter()
import livekit.agents
framework = time.perf_counter()
{statement}
done = time.perf_counter()
print(framework - start, done - framework)
"""


def timed(statement: str) -> tuple[float, float]:
    """Seconds for `import livekit.agents`, and for the statement after it, in a fresh interpreter."""
    run = subprocess.run(
        [sys.executable, "-c", _TIMED.format(statement=statement)], capture_output=True, text=True, check=True
    )
    framework, added = map(float, run.stdout.split())
    return framework, added


def main() -> None:
    """Print the table, or its JSON."""
    parser = argparse.ArgumentParser(description="Seconds that the package adds to `import livekit.agents`.")
    parser.add_argument("--starts", type=int, default=7, help="interpreters per statement (default 7)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    arguments = parser.parse_args()

    results: dict[str, float] = {}
    for statement in STATEMENTS:
        timed(statement)  # writes the bytecode, and warms the file cache
        runs = [timed(statement) for _ in range(arguments.starts)]
        results.setdefault("import livekit.agents", statistics.median(framework for framework, _ in runs))
        results[statement] = statistics.median(added for _, added in runs)
    if arguments.json:
        print(json.dumps({"python": sys.version.split()[0], "starts": arguments.starts, "seconds": results}))
        return
    framework_s = results["import livekit.agents"]
    print(f"Python {sys.version.split()[0]}, median of {arguments.starts} starts")
    for statement, seconds in results.items():
        added = "" if statement == "import livekit.agents" else f"  + {seconds / framework_s:.1%} of it"
        print(f"{seconds:7.3f} s  {statement}{added}")


if __name__ == "__main__":
    main()
