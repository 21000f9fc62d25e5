"""What the means cost that playout takes: `python -m bench.costs`, a minute on a quiet machine.

Prints one line a figure, and one JSON line: a look at the audio source's tick, a tap that stays open, OpenCV's threads
against one, Python's switch interval against ours, a recording's size, how well loudness dates a voice beside marks,
and what viseme packets weigh and cost.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import cv2
import numpy as np
from livekit import rtc

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Turn
from livekit_bithuman.face.idle import IdleMotion
from livekit_bithuman.rtc import AvatarSession
from livekit_bithuman.rtc.painter import SWITCH_INTERVAL_S
from livekit_bithuman.rtc.source import QUEUE_MS, see_tick
from livekit_bithuman.rtc.viseme_packet import TOPIC
from livekit_bithuman.server import ServerAddress, ServerProcess, obtain_binary
from livekit_bithuman.testing import MarkerEngine, Tap, Viewer, VoiceLocator, lively_voice, marker_voice
from livekit_bithuman.testing.report import av_offsets_ms
from livekit_bithuman.testing.stage import agent_with_avatar

RATE = 24_000
SLOT = RATE // 25


async def tick_look_ms(looks: int = 30) -> float:
    """CPU time of one look at the tick, median, in ms."""
    source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)
    spent = []
    for _ in range(looks):
        begin = time.process_time()
        await see_tick(source)
        spent.append((time.process_time() - begin) * 1000)
    await source.aclose()
    return float(np.median(spent))


async def tap_percent(seconds: float = 5.0) -> float:
    """What an open tap adds, in per cent of a core."""
    source = rtc.AudioSource(RATE, 1, queue_size_ms=QUEUE_MS)

    async def spent() -> float:
        begin = time.process_time()
        await asyncio.sleep(seconds)
        return (time.process_time() - begin) / seconds

    alone = await spent()
    async with Tap.on(source):
        tapped = await spent()
    await source.aclose()
    return 100 * (tapped - alone)


def opencv_threads_ratio(rounds: int = 6, pictures: int = 100) -> float:
    """CPU time of a picture with OpenCV's own threads, against one thread; alternating, median of the ratios."""
    engine, motion = EmbeddedEngine(), IdleMotion(0)
    engine.open_turn(Turn(0, RATE))
    engine.push(marker_voice(0, pictures * SLOT, RATE))
    engine.end_turn()
    frames = engine.poll()

    def spent(threads: int) -> float:
        cv2.setNumThreads(threads)
        begin = time.process_time()
        for tick, frame in enumerate(frames):
            cv2.cvtColor(engine.draw(frame, motion.at(tick, 1.0)), cv2.COLOR_BGR2YUV_I420)
        return time.process_time() - begin

    spent(1)
    own = cv2.getNumberOfCPUs()
    ratios = [spent(own) / spent(1) for _ in range(rounds)]
    cv2.setNumThreads(1)
    return float(np.median(ratios))


def switch_interval_ratio(pictures: int = 60) -> float:
    """How long a picture takes beside a thread that computes in Python, with Python's switch interval against ours."""
    engine, motion, over = EmbeddedEngine(), IdleMotion(0), threading.Event()
    cv2.setNumThreads(1)

    def compute() -> None:
        while not over.is_set():
            sum(range(1000))

    def took(interval: float) -> float:
        sys.setswitchinterval(interval)
        begin = time.perf_counter()
        for tick in range(pictures):
            engine.draw(None, motion.at(tick, 1.0))
        return time.perf_counter() - begin

    usual = sys.getswitchinterval()
    busy = threading.Thread(target=compute, daemon=True)
    busy.start()
    ratios = [took(0.005) / took(SWITCH_INTERVAL_S) for _ in range(5)]
    over.set()
    busy.join()
    sys.setswitchinterval(usual)
    return float(np.median(ratios))


async def session_figures(server: ServerAddress, seconds: float = 15.0) -> dict[str, float]:
    """A recording's MB an hour in talk and in silence; loudness' A/V offset less that of marks, in ms."""
    room = f"costs-{uuid.uuid4().hex[:8]}"
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        avatar = AvatarSession(engine=MarkerEngine(), record=path)
        async with (
            agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar) as stage,
            Viewer.joining(server.url, server.api_key, server.api_secret, room) as viewer,
        ):
            await viewer.until(lambda: viewer.pictures)
            sizes = [path.stat().st_size]
            await asyncio.sleep(seconds)
            sizes.append(path.stat().st_size)
            voice, since = lively_voice(1, round(seconds * RATE), RATE), loop.time()
            await stage.say(voice, RATE)
            sizes.append(path.stat().st_size)
            await asyncio.sleep(1.0)
    by_loudness = av_offsets_ms([picture for picture in viewer.pictures if picture.at >= since], viewer.hearing)
    heard = sorted((sample, at) for at, _, sample in viewer.heard(VoiceLocator({1: voice}), since))
    samples, times = np.array(heard).T
    marks = [(p.at, p.mark.slot * SLOT) for p in viewer.pictures if p.at >= since and p.mark and not p.mark.rest]
    by_marks = [(at - float(np.interp(sample, samples, times))) * 1000 for at, sample in marks]
    silence, talk = np.diff(sizes) / seconds * 3600 / 1e6
    return {
        "recording in silence, MB an hour": float(silence),
        "recording in talk, MB an hour": float(talk),
        "A/V by loudness less A/V by marks, ms": float(np.median(by_loudness) - np.median(by_marks)),
    }


async def viseme_figures(server: ServerAddress, seconds: float = 10.0) -> dict[str, float]:
    """Viseme packets in talk and in silence: how many a second, their kbit/s, when they come, and their CPU time."""
    room = f"costs-{uuid.uuid4().hex[:8]}"
    avatar = AvatarSession(visemes=True)
    async with agent_with_avatar(server.url, server.api_key, server.api_secret, room, avatar) as stage:
        async with Viewer.joining(server.url, server.api_key, server.api_secret, room) as viewer:
            await viewer.until(lambda: viewer.pictures)
            await stage.say(lively_voice(1, round(seconds * RATE), RATE), RATE)
            await asyncio.sleep(1.0)  # the mouth comes to rest
            spoken, carried = len(viewer.visemes), await _lossy_bytes(viewer)
            await asyncio.sleep(seconds)
            silent = len(viewer.visemes) - spoken
        payload = viewer.visemes[0][1].pack()
        cpu_ms = await _packet_cpu_ms(stage.room, payload)
    came = {(packet.segment, packet.slot): at for at, packet in viewer.visemes if packet.segment is not None}
    pictures = {(p.info.segment, p.info.slot): p.at for p in viewer.pictures if p.info}
    ahead = [(pictures[slot] - at) * 1000 for slot, at in came.items() if slot in pictures]
    return {
        "viseme packets a second of talk": spoken / seconds,
        "viseme packets a second of silence": silent / seconds,
        "viseme payload in talk, kbit/s": spoken * len(payload) * 8 / seconds / 1000,
        "the same in livekit's envelope, kbit/s": carried * 8 / seconds / 1000,
        "a viseme packet before its picture, ms": float(np.median(ahead)),
        "sending a viseme packet, CPU ms": cpu_ms,
    }


async def _lossy_bytes(viewer: Viewer) -> int:
    """What came through the viewer's lossy data channel, livekit's envelope included and the transport's not."""
    stats = await viewer.room.get_rtc_stats()
    entries = [*stats.publisher_stats, *stats.subscriber_stats]
    channels = [entry.data_channel.dc for entry in entries if entry.HasField("data_channel")]
    return sum(channel.bytes_received for channel in channels if channel.label == "_lossy")


async def _packet_cpu_ms(room: rtc.Room, payload: bytes, count: int = 500) -> float:
    """CPU time of sending one packet, less that of the avatar meanwhile."""
    loop = asyncio.get_running_loop()
    begin, since = time.process_time(), loop.time()
    for _ in range(count):
        await room.local_participant.publish_data(payload, reliable=False, topic=TOPIC)
    spent, took = time.process_time() - begin, loop.time() - since
    begin = time.process_time()
    await asyncio.sleep(took)
    return (spent - (time.process_time() - begin)) / count * 1000


def main() -> None:
    """Measure and print."""
    figures = {
        "a look at the tick, CPU ms": asyncio.run(tick_look_ms()),
        "an open tap, % of a core": asyncio.run(tap_percent()),
        "a picture's CPU, OpenCV's threads / one": opencv_threads_ratio(),
        "a picture beside a busy thread, 5 ms / our switch interval": switch_interval_ratio(),
    }
    with ServerProcess(obtain_binary(print)) as server:
        figures |= asyncio.run(session_figures(server))
        figures |= asyncio.run(viseme_figures(server))
    for name, value in figures.items():
        print(f"{name:60s} {value:8.2f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
