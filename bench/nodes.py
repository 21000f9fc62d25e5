"""How long an avatar is away when a part of its deployment is killed: `python -m bench.nodes [--rounds 3] [--json]`.

Two livekit-server nodes over a redis-server, a load balancer in front of them, a viewer, and an agent that speaks: with
the face in its own process, and with one that a worker draws. In mid-reply one of these gets a SIGKILL:

- the node with the room: everybody has to find the other one. Printed are the seconds from there until the agent and
  the viewer were back in the room, and until the viewer heard the voice and saw a picture again;
- the worker, while another one waits: the seconds until the agent speaks by that, where its reply ends at once;
- Redis, for some seconds: how long the viewer saw and heard the avatar without it.

Most of it is livekit's: a node counts as alive until its last sign of life is 5 s old, and its rooms stay with it until
then. Who reaches the room through the other node also has to find out: its own connection stays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise

import numpy as np

from livekit_bithuman.rtc.dispatch import WorkerFace
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerBinary, obtain_binary
from livekit_bithuman.testing import Viewer, lively_voice
from livekit_bithuman.testing.stage import agent_with_avatar
from tests.cluster import Cluster, Node, find_redis

from .scale import NAME, QUIET, RATE, Worker, joined, worker

REPLY_S = 60
GIVEN_UP_S = 50.0
ROOM = "bench"
FACES = ("a face in the agent's process", "a worker's face")
#: The balancer passes everybody to the first node.
HOSTS = ("which all came in by", "all came in by the other")

Row = dict[str, float | None]
Deployment = tuple[Cluster, list[Worker]]
Lose = Callable[[Cluster, list[Worker]], Coroutine[None, None, Row]]


async def lose_node(cluster: Cluster, host: Node, remote: bool) -> Row:
    """Kill the room's node in mid-reply; None for what did not come back in time."""
    address, loop = cluster.address, asyncio.get_running_loop()
    keys = (address.url, address.api_key, address.api_secret, ROOM)
    avatar = AvatarSession(remote=NAME) if remote else AvatarSession()
    back: Row = dict.fromkeys(("agent in the room again", "viewer in the room again"))
    cluster.place(ROOM, host)
    async with agent_with_avatar(*keys, avatar) as stage, Viewer.joining(*keys) as viewer:
        if remote:
            await joined(stage)
        await viewer.until(lambda: viewer.pictures)
        handle = stage.say(lively_voice(1, REPLY_S * RATE, RATE), RATE)
        await asyncio.sleep(3.0)
        for name, room in zip(back, (stage.room, viewer.room), strict=True):
            room.on("reconnected", lambda name=name: back.update({name: loop.time()}))
        await asyncio.to_thread(host.kill)
        killed = loop.time()
        await asyncio.sleep(2.0)  # what the jitter buffers make up has come to its end
        quiet_from, seen = loop.time(), len(viewer.pictures)

        def loud(since: float) -> list[float]:
            return [at for at, level in viewer.loudness(since) if level > QUIET]

        while loop.time() < killed + GIVEN_UP_S:
            await asyncio.sleep(0.2)
            if len(viewer.pictures) > seen and len(loud(loop.time() - 1.0)) > 50:
                break
        voices = loud(quiet_from)
        times: Row = {
            **back,
            "voice heard again": next(iter(voices), None),
            "picture seen again": viewer.pictures[seen].at if len(viewer.pictures) > seen else None,
        }
        handle.interrupt()
        if remote:
            times["spoken by an avatar again"] = None
            with suppress(asyncio.TimeoutError):
                times["spoken by an avatar again"] = await asyncio.wait_for(joined(stage), GIVEN_UP_S)
    return {name: None if at is None else at - killed for name, at in times.items()}


async def lose_worker(cluster: Cluster, workers: list[Worker]) -> Row:
    """Kill the one of two workers that draws."""
    address, loop = cluster.address, asyncio.get_running_loop()
    keys = (address.url, address.api_key, address.api_secret, ROOM)
    async with agent_with_avatar(*keys, AvatarSession(remote=NAME)) as stage, Viewer.joining(*keys) as viewer:
        await joined(stage)
        await viewer.until(lambda: viewer.pictures)
        handle = stage.say(lively_voice(1, REPLY_S * RATE, RATE), RATE)
        await asyncio.sleep(3.0)
        face = stage.avatar._face
        assert isinstance(face, WorkerFace)
        drawing = next(each for each in workers if each.numbers()["livekit_bithuman_avatars"] > 0)
        drawing.process.kill()
        killed = loop.time()
        while face.speaks_by_avatar:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
        missed = loop.time()
        handle.interrupt()
        try:
            again = await asyncio.wait_for(joined(stage), GIVEN_UP_S)
        except asyncio.TimeoutError:
            return {"own voice": missed - killed, "another avatar": None}
        return {"own voice": missed - killed, "another avatar": again - killed}


async def lose_redis(cluster: Cluster, seconds: float) -> Row:
    """Kill Redis; how long voice and pictures went on, at most as long as was looked."""
    address, loop = cluster.address, asyncio.get_running_loop()
    keys = (address.url, address.api_key, address.api_secret, ROOM)
    async with agent_with_avatar(*keys, AvatarSession()) as stage, Viewer.joining(*keys) as viewer:
        await viewer.until(lambda: viewer.pictures)
        handle = stage.say(lively_voice(1, REPLY_S * RATE, RATE), RATE)
        await asyncio.sleep(3.0)
        await asyncio.to_thread(cluster.redis.kill)
        killed = loop.time()
        await asyncio.sleep(seconds)
        pictures = [picture.at for picture in viewer.pictures if picture.at >= killed]
        voices = [at for at, level in viewer.loudness(killed) if level > QUIET]
        handle.interrupt()
    return {"voice": _until_hole(voices) - killed, "pictures": _until_hole(pictures) - killed}


def _until_hole(times: list[float]) -> float:
    """The last of them before none came for a second."""
    return next((before for before, after in pairwise(times) if after - before > 1.0), times[-1])


@contextmanager
def deployment(binary: ServerBinary, program: str, retry_timeout: str, workers: int) -> Iterator[Deployment]:
    """A cluster that the environment names, and workers of it."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(binary, program, retry_timeout=retry_timeout))
        address = cluster.address
        for name, value in (("URL", address.url), ("API_KEY", address.api_key), ("API_SECRET", address.api_secret)):
            os.environ[f"LIVEKIT_{name}"] = value
        yield cluster, [stack.enter_context(worker(address)) for _ in range(workers)]


def spread(values: list[float | None]) -> str:
    """Median, least and greatest of those that came."""
    came = [value for value in values if value is not None]
    if not came:
        return "never"
    return f"{np.median(came):5.1f} s ({min(came):.1f} to {max(came):.1f}, {len(came)} of {len(values)})"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="of each")
    parser.add_argument("--retry-timeout", default="7.5s", help="livekit-server's signal_relay.retry_timeout")
    parser.add_argument("--without-redis", type=float, default=20.0, help="seconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    program = find_redis()
    if program is None:
        raise SystemExit("bench.nodes needs redis-server: apt-get install redis-server")
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # every try of the client is an error of its own
    binary = obtain_binary(print)

    def measured(workers: int, lose: Lose) -> list[Row]:
        rows = []
        for _ in range(options.rounds):
            with deployment(binary, program, options.retry_timeout, workers) as (cluster, running):
                rows.append(asyncio.run(lose(cluster, running)))
            print(json.dumps(rows[-1]), file=sys.stderr)
        return rows

    def node_lost(host: int, remote: bool) -> Lose:
        async def run(cluster: Cluster, _: list[Worker]) -> Row:
            return await lose_node(cluster, cluster.nodes[host], remote)

        return run

    async def redis_lost(cluster: Cluster, _: list[Worker]) -> Row:
        return await lose_redis(cluster, options.without_redis)

    result = {
        f"the room's node killed, {HOSTS[host]}; {FACES[remote]}": measured(remote, node_lost(host, bool(remote)))
        for remote in (0, 1)
        for host in (0, 1)
    }
    result["the worker killed, while another one waits"] = measured(2, lose_worker)
    result[f"Redis killed, for {options.without_redis:g} s; {FACES[0]}: went on for"] = measured(0, redis_lost)
    if options.json:
        print(json.dumps(result))
        return
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"killed in mid-reply, retry_timeout {options.retry_timeout}, {load}")
    for kind, rows in result.items():
        print(kind)
        for name in rows[0]:
            print(f"  {name:28s} {spread([row[name] for row in rows])}")


if __name__ == "__main__":
    main()
