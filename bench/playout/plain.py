"""A publisher without any plugin: what encoder, network, jitter buffer and decoder add, by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cv2
import numpy as np
from livekit import rtc

from livekit_bithuman.rtc import PublishOptions
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Mark, paint_mark
from livekit_bithuman.testing.stage import agent_token

from .engine import NUMBERS, OPENNESS_LEVELS
from .voices import RATE, noise

FPS = 25


class Plain:
    """An audio source and a video source, and when each was given what."""

    def __init__(self, audio: rtc.AudioSource, video: rtc.VideoSource, size: tuple[int, int]) -> None:
        self._audio = audio
        self._video = video
        self._size = size
        self._shown: dict[int, float] = {}  # picture number -> when it was captured

    async def burst(self, seed: int, seconds: float) -> float:
        """Send a short noise from an empty queue, and return when it was handed over once it is over."""
        samples = noise(seed, seconds)
        at = time.monotonic()
        await self._audio.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples)))
        await asyncio.sleep(max(0.0, at + seconds + 0.4 - time.monotonic()))
        return at

    async def shown(self) -> dict[int, float]:
        """When each picture was captured, by number; forgets them."""
        shown, self._shown = self._shown, {}
        return shown

    async def show(self) -> None:
        """Publish a picture every 40 ms, for ever."""
        begin = time.monotonic()
        for number in range(1 << 40):
            mark = Mark(number % NUMBERS * OPENNESS_LEVELS, 0, 0, True)
            i420 = cv2.cvtColor(paint_mark(mark, self._size), cv2.COLOR_BGR2YUV_I420)
            frame = rtc.VideoFrame(*self._size, rtc.VideoBufferType.I420, np.asarray(i420).tobytes())
            await asyncio.sleep(max(0.0, begin + number / FPS - time.monotonic()))
            self._shown[number % NUMBERS] = time.monotonic()
            self._video.capture_frame(frame)


@asynccontextmanager
async def plain_publisher(server: ServerAddress, room_name: str, size: tuple[int, int]) -> AsyncIterator[Plain]:
    """Both sources published in a room, with our options."""
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    audio, video = rtc.AudioSource(RATE, 1, queue_size_ms=1000), rtc.VideoSource(*size)
    options = PublishOptions()
    plain = Plain(audio, video, size)
    showing = asyncio.create_task(plain.show(), name="plain pictures")
    try:
        voice = rtc.LocalAudioTrack.create_audio_track("voice", audio)
        pictures = rtc.LocalVideoTrack.create_video_track("pictures", video)
        await room.local_participant.publish_track(voice, options.audio())
        await room.local_participant.publish_track(pictures, options.video(size, FPS))
        yield plain
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing
        await room.disconnect()
