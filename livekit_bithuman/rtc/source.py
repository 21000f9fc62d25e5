"""The native audio source, and how its tick is seen."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..playout import TICK_S, tick_among

#: Deep, because depth costs no latency: an idle queue is empty, and clearing one is immediate.
QUEUE_MS = 1000
#: Blocks watched to see the tick, and how many of them come while the tap is still being set up.
WATCHED = 12
UNSETTLED = 2
#: So many blocks have to come one by one.
ENOUGH = 6
#: A source that has sent nothing for so long is not going to.
TIMEOUT_S = 5.0


def audio_frame(samples: NDArray[np.int16], rate: int) -> rtc.AudioFrame:
    """A mono frame of `samples`, int16, shape (n,)."""
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))


async def see_tick(source: rtc.AudioSource) -> float | None:
    """A moment at which the source's 10 ms timer fired, in seconds of the loop's clock, after about 150 ms.

    A local track taps the source: it delivers what leaves, block by block, silence too, and takes nothing away. Costs
    some 14 ms of CPU time (`bench/costs.py`).

    Returns:
        None where the machine was too busy to tell: blocks that come in one go say nothing of when they left.

    Raises:
        asyncio.TimeoutError: The source sends nothing.
    """
    track = rtc.LocalAudioTrack.create_audio_track("tick", source)
    tap = rtc.AudioStream(track, sample_rate=source.sample_rate, num_channels=1)
    try:
        moments = await asyncio.wait_for(_arrivals(tap, WATCHED), TIMEOUT_S)
    finally:
        await tap.aclose()
    settled = moments[UNSETTLED:]
    apart = [later for earlier, later in pairwise(settled) if later - earlier > TICK_S / 2]
    return tick_among(apart) if len(apart) >= ENOUGH else None


async def _arrivals(tap: rtc.AudioStream, count: int) -> list[float]:
    loop = asyncio.get_running_loop()
    moments: list[float] = []
    while len(moments) < count:
        await tap.__anext__()
        moments.append(loop.time())
    return moments
