"""How long an avatar is away when its server is killed in mid-reply and started again: `python -m bench.restart`.

Prints when the agent was back in the room, and when the viewer saw and heard the avatar again, in seconds after the
server answered again. livekit's client waits longer from try to try (up to some seconds), so these spread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os

import numpy as np

from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerBinary, ServerProcess, obtain_binary
from livekit_bithuman.testing import MarkerEngine, Viewer, marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar

RATE = 24_000
GIVEN_UP_S = 60.0


def spread(values: list[float]) -> str:
    """Median, least and greatest."""
    return f"{np.median(values):6.2f}   ({min(values):.2f} .. {max(values):.2f}, n={len(values)})" if values else "-"


async def run(binary: ServerBinary, down_s: float) -> dict[str, float] | None:
    """One restart; None if livekit gave up before the server was back."""
    loop = asyncio.get_running_loop()
    first = ServerProcess(binary)
    address = await asyncio.to_thread(first.start)
    second = ServerProcess(binary, at=address)
    back: asyncio.Future[float] = loop.create_future()
    keys = (address.url, address.api_key, address.api_secret, "bench")
    try:
        async with agent_with_avatar(*keys, AvatarSession(engine=MarkerEngine())) as stage:
            stage.room.on("reconnected", lambda: back.set_result(loop.time()))
            async with Viewer.joining(*keys) as viewer:
                await viewer.until(lambda: viewer.pictures)
                reply = stage.say(marker_voice(1, 4 * RATE, RATE), RATE)
                await asyncio.sleep(1.0)
                await asyncio.to_thread(first.stop)
                await asyncio.sleep(down_s)
                # the viewer's jitter buffer made voice up for a while
                seen, heard = len(viewer.pictures), len(viewer.hearing.frames)
                await asyncio.to_thread(second.start)
                up = loop.time()
                await reply
                try:
                    await viewer.until(
                        lambda: len(viewer.pictures) > seen and len(viewer.hearing.frames) > heard, GIVEN_UP_S
                    )
                except asyncio.TimeoutError:
                    return None
                return {
                    "agent back in the room": await back - up,
                    "first picture": viewer.pictures[seen].at - up,
                    "first voice": viewer.hearing.frames[heard][0] - up,
                }
    finally:
        first.stop()
        second.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--down", type=float, default=2.0, help="seconds that the server is away")
    options = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # every try of the client is an error of its own
    binary = obtain_binary(print)
    results = [asyncio.run(run(binary, options.down)) for _ in range(options.runs)]
    kept = [result for result in results if result is not None]
    print(f"server away for {options.down:g} s and its start, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    table = {name: spread([result[name] for result in kept]) for name in (kept[0] if kept else ())}
    for name, value in table.items():
        print(f"  {name + ', s after the server is up':50s} {value}")
    print(f"  given up by livekit: {len(results) - len(kept)} of {len(results)}")
    print(json.dumps({"down_s": options.down, "runs": len(results), "given_up": len(results) - len(kept), **table}))


if __name__ == "__main__":
    main()
