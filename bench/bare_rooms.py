"""What livekit's client keeps of rooms it was in, without this package: `python -m bench.bare_rooms [--rounds 20]`.

A process of its own for each way in which a participant that publishes a voice and pictures gets out of a room:

- left: it leaves, and is alone;
- beside: it leaves while somebody else goes on publishing;
- called: it leaves, and a method of its that others may call stays registered;
- removed: the server takes it out;
- deleted: the server deletes the room;
- reconnected: it stays, and its connection is made anew each round.

Prints what the rounds after the first ones added, a hundred of them: resident memory after the garbage was collected
and freed memory was given back, threads, and among them those of audio sources, one each.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
from livekit import api, rtc

from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary

WAYS = ("left", "beside", "called", "removed", "deleted", "reconnected")
RATE, SIZE = 24_000, (256, 256)
#: Rounds whose growth is not counted: everything is loaded in them.
WARM_UP = 5
#: Threads and sockets are gone some moments after their room.
SETTLED_S = 0.7
#: So long it publishes in each round.
PUBLISHED_S = 0.5
#: The kernel cuts names of threads to 15 characters.
SOURCE_THREAD = "AudioSourceCapt"


def token(server: ServerAddress, room: str, identity: str) -> str:
    """Lets a participant in."""
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken(server.api_key, server.api_secret).with_identity(identity).with_grants(grants).to_jwt()


class Publisher:
    """A participant with a voice and pictures."""

    def __init__(self) -> None:
        self.room = rtc.Room()

    async def join(self, server: ServerAddress, room: str, identity: str) -> None:
        """Connect and publish."""
        self._voice, self._pictures = rtc.AudioSource(RATE, 1), rtc.VideoSource(*SIZE)
        await self.room.connect(server.url, token(server, room, identity), rtc.RoomOptions(auto_subscribe=False))
        for track in (
            rtc.LocalAudioTrack.create_audio_track("voice", self._voice),
            rtc.LocalVideoTrack.create_video_track("pictures", self._pictures),
        ):
            await self.room.local_participant.publish_track(track)

    async def publish(self, seconds: float) -> None:
        """Noise, and grey pictures."""
        for number in range(round(25 * seconds)):
            samples = np.random.default_rng(number).normal(0, 1000, RATE // 25).astype(np.int16)
            await self._voice.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))
            grey = np.full(SIZE[0] * SIZE[1] * 3 // 2, number % 256, np.uint8)
            self._pictures.capture_frame(rtc.VideoFrame(*SIZE, rtc.VideoBufferType.I420, grey.tobytes()))
            await asyncio.sleep(0.04)

    async def free(self) -> None:
        """Leave, if it is still there, and let go of everything."""
        await self.room.disconnect()
        await self._voice.aclose()
        await self._pictures.aclose()


def taken() -> dict[str, float]:
    """Of this process, with nothing left that only waits to be freed."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    threads = [Path(f"/proc/self/task/{thread}/comm").read_text().strip() for thread in os.listdir("/proc/self/task")]
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        "threads": len(threads),
        "sources": threads.count(SOURCE_THREAD),
    }


async def gone(room: rtc.Room) -> None:
    """Wait until it is disconnected."""
    while room.isconnected():  # noqa: ASYNC110 - to stay bare
        await asyncio.sleep(0.02)


async def one_round(way: str, server: ServerAddress, name: str) -> None:
    """In, and out."""
    publisher = Publisher()
    await publisher.join(server, name, "publisher")
    await publisher.publish(PUBLISHED_S)
    if way == "called":
        publisher.room.local_participant.register_rpc_method("method", lambda _: "")
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as admin:
        if way == "removed":
            await admin.room.remove_participant(api.RoomParticipantIdentity(room=name, identity="publisher"))
            await asyncio.wait_for(gone(publisher.room), 10)
        elif way == "deleted":
            await admin.room.delete_room(api.DeleteRoomRequest(room=name))
            await asyncio.wait_for(gone(publisher.room), 10)
    await publisher.free()


async def reconnect(publisher: Publisher) -> None:
    """Once, from the beginning."""
    back = asyncio.Event()
    publisher.room.once("reconnected", back.set)
    await publisher.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
    await asyncio.wait_for(back.wait(), 20)
    await publisher.publish(PUBLISHED_S)


async def rounds(way: str, server: ServerAddress, count: int) -> dict[str, float]:
    """What a hundred of them add."""
    rows = []
    stays = Publisher()
    if way == "reconnected":
        await stays.join(server, way, "publisher")
    for number in range(WARM_UP + count):
        name = f"{way}-{number}"
        if way == "reconnected":
            await reconnect(stays)
        elif way == "beside":
            with bystander(server, name):
                await one_round(way, server, name)
        else:
            await one_round(way, server, name)
        await asyncio.sleep(SETTLED_S)
        rows.append(taken())
    rows = rows[WARM_UP - 1 :]
    return {name: 100 * float(np.polyfit(range(len(rows)), [row[name] for row in rows], 1)[0]) for name in rows[0]}


@contextmanager
def bystander(server: ServerAddress, room: str) -> Iterator[None]:
    """Somebody else, in another process, who publishes in the room."""
    command = [sys.executable, "-m", "bench.bare_rooms", "--bystander", room]
    process = subprocess.Popen(command, env=environment(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        process.wait()


async def stand_by(server: ServerAddress, room: str) -> None:
    """Publish until the standard input ends."""
    publisher = Publisher()
    await publisher.join(server, room, "bystander")
    await publisher.publish(0.1)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await publisher.free()


def environment(server: ServerAddress) -> dict[str, str]:
    """Of a process that is to find the server."""
    return {
        **os.environ,
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=WAYS, help=f"of {', '.join(WAYS)}")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--alone", choices=WAYS, help=argparse.SUPPRESS)  # in a process of its own
    parser.add_argument("--bystander", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone or options.bystander:
        logging.getLogger("livekit").setLevel(logging.CRITICAL)  # it says at length that a room was lost
        server = ServerAddress(*(os.environ[f"LIVEKIT_{name}"] for name in ("URL", "API_KEY", "API_SECRET")))
        if options.bystander:
            asyncio.run(stand_by(server, options.bystander))
        else:
            print(json.dumps(asyncio.run(rounds(options.alone, server, options.rounds))))
        return
    before = os.getloadavg()[0]
    print(f"livekit {version('livekit')}; a hundred rounds add")
    with ServerProcess(obtain_binary(report=print)) as server:
        for way in options.ways:
            command = [sys.executable, "-m", "bench.bare_rooms", "--alone", way, "--rounds", str(options.rounds)]
            answer = subprocess.run(command, env=environment(server), stdout=subprocess.PIPE, check=True, text=True)
            grown = json.loads(answer.stdout.splitlines()[-1])
            print(
                f"{way:12} {grown['memory_mb']:+7.1f} MB {grown['threads']:+7.1f} threads, "
                f"{grown['sources']:+7.1f} of them of audio sources",
                flush=True,
            )
    print(f"load average of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
