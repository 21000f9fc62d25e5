"""What leaves an audio source, before any network: a tap on a local track."""

from __future__ import annotations

import asyncio

import numpy as np
from livekit import rtc
from numpy.typing import NDArray


class Tap:
    """Writes down every block of 10 ms that a local audio track sends, silence too, with the moment of its arrival.

    It takes nothing away from the track. Costs some 8 % of a core while it is open (`bench/costs.py`). Use as an async
    context manager.

    Args:
        track: A local one, published or not.
        rate: At which its blocks are kept, in Hz; they are the very samples that left if it is the source's own.
    """

    def __init__(self, track: rtc.Track, rate: int) -> None:
        self.rate = rate
        self.blocks: list[tuple[float, NDArray[np.int16]]] = []  # (seconds of the loop's clock, int16 (n,))
        self._stream = rtc.AudioStream(track, sample_rate=rate, num_channels=1)

    @classmethod
    def on(cls, source: rtc.AudioSource) -> Tap:
        """A tap on a source, at its own rate."""
        return cls(rtc.LocalAudioTrack.create_audio_track("tap", source), source.sample_rate)

    async def __aenter__(self) -> Tap:
        await self._stream.__anext__()  # it runs
        self._reading = asyncio.create_task(self._read(), name="tap")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._stream.aclose()

    def since(self, moment: float) -> list[tuple[float, NDArray[np.int16]]]:
        """The blocks that arrived from `moment` on."""
        return [(at, block) for at, block in self.blocks if at >= moment]

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        async for event in self._stream:
            self.blocks.append((loop.time(), np.frombuffer(event.frame.data, np.int16).copy()))
