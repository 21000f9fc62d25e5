"""How many avatars a machine serves: measured on it, by drawing and encoding what an avatar draws and encodes."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from livekit.agents.utils.hw import get_cpu_monitor

from ..engine.protocol import Engine, Turn
from ..face.idle import IdleMotion
from ..rtc.options import PublishOptions

#: Of the machine's cores, what avatars may take together. The rest evens out what comes in bursts.
SHARE = 0.7
#: What an avatar takes beyond drawing and encoding: its voice, its network, and Python. Measured with bench/scale.py.
BESIDE = 1.3
#: Of the time, how long an avatar at 25 FPS keeps the interpreter's lock, of which a process has one: the mean of
#: three rounds of bench/lock.py, 0.15 to 0.17.
LOCK = 0.16
PICTURES, WARM_UP = 30, 5
#: Pictures of the last seconds that may be overdue before a worker takes no more avatars.
WINDOW_S, MOST_SKIPPED = 10.0, 0.05
#: As many are counted on at least: a single avatar that has just begun says little.
FEWEST = 250


@dataclass(frozen=True)
class Cost:
    """Of one avatar, in seconds of one core per picture."""

    draw: float
    encode: float
    fps: int

    @property
    def cores(self) -> float:
        """All of it, in cores."""
        return self.fps * (self.draw + self.encode) * BESIDE

    @property
    def by_lock(self) -> int:
        """How many one process serves, whatever its cores; one at least."""
        return max(1, int(SHARE / (LOCK * self.fps / 25)))

    def avatars(self, cores: float) -> int:
        """How many `cores` serve in one process; one at least."""
        return max(1, min(self.by_lock, int(cores * SHARE / self.cores)))


def cores() -> float:
    """Of this machine, or of what a container may use of it."""
    return float(get_cpu_monitor().cpu_count())


def measure(engine: Engine) -> Cost:
    """Draw and encode about a second of speech; takes some tenths of a second. The engine is the caller's.

    Every picture differs from the one before as a speaking face's does. Times are this thread's own, so that what else
    the machine does now does not count.
    """
    info = engine.info
    rate = info.input_rate or 24_000
    engine.open_turn(Turn(0, rate))
    engine.push((np.random.default_rng(0).normal(0, 3000, rate * PICTURES // info.fps)).astype(np.int16))
    engine.end_turn()
    frames = engine.poll()
    motion = IdleMotion(0, info.fps)
    encoder = _encoder(info.size, info.fps)
    drawing, encoding = [], []
    for index, frame in enumerate(frames):
        begun = time.thread_time()
        picture = engine.draw(frame, motion.at(index, 1.0))
        drawn = time.thread_time()
        image = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        image.pts = index
        encoder.encode(image)
        drawing.append(drawn - begun)
        encoding.append(time.thread_time() - drawn)
    # the mean: an encoder's dear pictures and cheap ones are all encoded
    return Cost(float(np.mean(drawing[WARM_UP:])), float(np.mean(encoding[WARM_UP:])), info.fps)


def _encoder(size: tuple[int, int], fps: int) -> av.VideoCodecContext:
    """As libwebrtc has it: VP8 in real time, one pass, and the bitrate that the track is published with."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps)
    encoder.bit_rate = PublishOptions().video(size, fps).video_encoding.max_bitrate
    encoder.thread_count = 1
    encoder.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "error-resilient": "1"}
    return encoder


class Strain:
    """Whether a machine draws too few pictures in time, whatever was measured before. Time is an argument."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()  # (time, drawn, skipped), of the last seconds

    def look(self, now: float, drawn: int, skipped: int) -> bool:
        """Whether too many of the last seconds' pictures were skipped; the counts are those so far."""
        self._seen.append((now, drawn, skipped))
        while self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()
        _, drawn_before, skipped_before = self._seen[0]
        missed, shown = skipped - skipped_before, drawn - drawn_before
        return missed > MOST_SKIPPED * max(FEWEST, shown + missed)
