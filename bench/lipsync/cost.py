"""What the speech part costs, and what it hears of the future.

Measured in a process of its own, `python -m bench.lipsync.cost REPEATS [WEIGHTS]`, because numpy's threads are limited
before it is imported. CPU time, not time: other processes should not be counted; a busy machine still costs caches.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from livekit_bithuman.speech.net import VisemeNet
from livekit_bithuman.speech.resample import StreamResampler
from livekit_bithuman.speech.stream import SpeechStream

from .runtime import read_net

RATES = (24_000, 48_000)
FPS = 25
SECONDS = 8
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Cost:
    """Of one input rate."""

    rate: int  # Hz
    lookahead_ms: float  # after a frame's end, the resampler's share included
    best_ms: float  # CPU time per frame of 40 ms: least and median over repetitions of their mean
    median_ms: float
    load: float  # average of the machine's last minute


def measured(weights: Path | None = None, repeats: int = 15) -> list[Cost]:
    """The cost at each rate, from a process with one thread."""
    command = [sys.executable, "-m", __name__, str(repeats), *([str(weights)] if weights else [])]
    done = subprocess.run(command, env={**os.environ, **_ONE_THREAD}, stdout=subprocess.PIPE, check=True)
    return [Cost(**entry) for entry in json.loads(done.stdout)]


def _measure(rate: int, net: VisemeNet | None, repeats: int) -> Cost:
    rng = np.random.default_rng(1)
    swell = np.sin(np.arange(SECONDS * rate) * (2 * np.pi * 4 / rate))  # four syllables a second
    sound = (rng.standard_normal(SECONDS * rate) * 3000 * swell).astype(np.int16)
    slot = rate // FPS
    means = []
    for _ in range(repeats):
        resampler, stream = StreamResampler(rate), SpeechStream(FPS, net)
        begin = time.process_time()
        frames = 0
        for start in range(0, len(sound), slot):
            stream.push(resampler.push(sound[start : start + slot]))
            frames += len(stream.poll())
        means.append((time.process_time() - begin) * 1000 / frames)
    lookahead = (resampler.lookahead_s + stream.lookahead_s) * 1000
    return Cost(rate, lookahead, min(means), float(np.median(means)), os.getloadavg()[0])


def main() -> None:
    """Measure in this process."""
    repeats, *weights = sys.argv[1:]
    net = read_net(weights[0]) if weights else None
    print(json.dumps([asdict(_measure(rate, net, int(repeats))) for rate in RATES]))


if __name__ == "__main__":
    main()
