"""The native audio source, and how its tick is found."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..playout import TICK_S, TickClock

#: Deep, because depth costs no latency: an idle queue is empty, and clearing one is immediate.
QUEUE_MS = 1000
#: Completions watched to find the tick. The first ones still see the queue fill.
PROBES = 12
UNSETTLED = 3


def audio_frame(samples: NDArray[np.int16], rate: int) -> rtc.AudioFrame:
    """A mono frame of `samples`, int16, shape (n,)."""
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))


async def find_tick(source: rtc.AudioSource) -> TickClock:
    """Learn the phase of the source's 10 ms timer, in about 120 ms.

    The queue is overfilled with silence: every further hand-over then completes when the timer has made room, so the
    earliest completions, modulo the period, lie on ticks. Do this before the track is published.
    """
    loop = asyncio.get_running_loop()
    rate = source.sample_rate
    silence = np.zeros(rate * QUEUE_MS // 1000, np.int16)
    await source.capture_frame(audio_frame(silence, rate))
    moments = []
    for _ in range(PROBES):
        await source.capture_frame(audio_frame(silence[: rate // 100], rate))
        moments.append(loop.time())
    source.clear_queue()
    seen = np.array(moments[UNSETTLED:])
    offsets = (seen - seen[0] + TICK_S / 2) % TICK_S - TICK_S / 2
    return TickClock(float(seen[0] + np.percentile(offsets, 10)))
