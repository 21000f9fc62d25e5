"""A viewer in a process of its own, so that it does not share the agent's: `python -m livekit_bithuman.testing.watch`.

It reads a line of JSON from standard input, {"url", "token"}, joins, and prints a line when it sees pictures. When
another line comes, or the input ends, it prints its report on what arrived since, as JSON, and leaves.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict

from .viewer import Viewer


async def watch() -> None:
    """Join, see, report."""
    asked = json.loads(sys.stdin.readline())
    async with Viewer(asked["url"], asked["token"]) as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 25)
        since = asyncio.get_running_loop().time()
        print("seeing", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(json.dumps(asdict(viewer.report(since))), flush=True)


if __name__ == "__main__":
    asyncio.run(watch())
