"""A worker that knows nothing of this package but its calls' identity: `python -m tests.stock_worker NAME`.

livekit-agents' own receiver and runner, with a picture of one colour.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import numpy as np
from livekit import rtc
from livekit.agents import AgentServer, AutoSubscribe, JobContext, JobExecutorType, JobRequest
from livekit.agents.voice.avatar import (
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
    VideoGenerator,
)

from .worker_process import READY

SIZE, FPS, RATE = 64, 25, 24_000


class OneColour(VideoGenerator):
    """A still picture for each 40 ms of voice, as they come."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        self._pieces.put_nowait(frame)

    def clear_buffer(self) -> None:
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def _stream(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        picture = rtc.VideoFrame(
            SIZE, SIZE, rtc.VideoBufferType.RGBA, np.full(SIZE * SIZE * 4, 200, np.uint8).tobytes()
        )
        while True:
            piece = await self._pieces.get()
            if isinstance(piece, rtc.AudioFrame):
                for _ in range(max(1, round(piece.duration * FPS))):
                    yield picture
            yield piece

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        return self._stream()


async def _answer(request: JobRequest) -> None:
    await request.accept(identity=json.loads(request.job.metadata)["identity"])


async def _perform(job: JobContext) -> None:
    await job.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
    runner = AvatarRunner(
        job.room,
        audio_recv=DataStreamAudioReceiver(job.room, sender_identity=json.loads(job.job.metadata)["agent"]),
        video_gen=OneColour(),
        options=AvatarOptions(SIZE, SIZE, FPS, RATE, 1),
    )
    await runner.start()
    await runner.wait_for_complete()


async def _main(name: str) -> None:
    server = AgentServer(
        job_executor_type=JobExecutorType.THREAD, host="127.0.0.1", port=0, num_idle_processes=1, load_fnc=lambda: 0.0
    )
    server.rtc_session(_perform, agent_name=name, on_request=_answer)
    server.on("worker_registered", lambda *_: print(READY, flush=True))
    await server.run(devmode=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
