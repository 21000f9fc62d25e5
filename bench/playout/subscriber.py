"""The viewers' process: livekit.rtc subscribers that keep everything with its time of arrival."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from livekit import api, rtc
from numpy.typing import NDArray

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Mark, read_mark

from .recording import Recording
from .voices import RATE


@dataclass
class Subscriber:
    """One viewer in one room."""

    room: rtc.Room = field(default_factory=rtc.Room)
    pictures: list[tuple[float, Mark | None, float]] = field(default_factory=list)
    blocks: list[tuple[float, NDArray[np.int16]]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    sees: asyncio.Event = field(default_factory=asyncio.Event)  # ten pictures have come
    hears: asyncio.Event = field(default_factory=asyncio.Event)  # sound has come

    def attend(self, track: rtc.Track, _: rtc.RemoteTrackPublication, __: rtc.RemoteParticipant) -> None:
        """Keep what a track brings."""
        keep = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        self.tasks.append(asyncio.create_task(keep(track), name=f"subscriber {track.name}"))

    def take(self) -> Recording:
        """What arrived since the last call."""
        pictures, self.pictures = self.pictures, []
        blocks, self.blocks = self.blocks, []
        return Recording.of(pictures, blocks)

    async def aclose(self) -> None:
        """Leave the room."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.room.disconnect()

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        async for event in stream:
            at, frame = time.monotonic(), event.frame
            luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height).reshape(frame.height, frame.width)
            self.pictures.append((at, read_mark(luma), float(luma[::16, ::16].mean())))
            if len(self.pictures) >= 10:
                self.sees.set()

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async for event in stream:
            self.blocks.append((time.monotonic(), np.frombuffer(event.frame.data, np.int16).copy()))
            self.hears.set()


class Subscribers:
    """One viewer in each room."""

    def __init__(self, server: ServerAddress, subscribers: list[Subscriber]) -> None:
        self._server = server
        self._subscribers = subscribers

    async def seeing(self) -> None:
        """Return when every viewer sees and hears.

        Raises:
            asyncio.TimeoutError: One does not within 30 s.
        """
        waits = [event.wait() for subscriber in self._subscribers for event in (subscriber.sees, subscriber.hears)]
        await asyncio.wait_for(asyncio.gather(*waits), 30.0)

    async def take(self, number: int = 0) -> Recording:
        """What viewer `number` received since the last call."""
        return self._subscribers[number].take()

    async def join(self, room: str, identity: str) -> tuple[float, int]:
        """Let another viewer join: seconds from joining to its first picture, and black ones among its pictures."""
        late = Subscriber()
        late.room.on("track_subscribed", late.attend)
        await late.room.connect(self._server.url, viewer_token(self._server, room, identity))
        joined = time.monotonic()
        await asyncio.wait_for(late.sees.wait(), 30.0)
        await late.aclose()
        return late.pictures[0][0] - joined, sum(mean < 20 for _, _, mean in late.pictures)


@asynccontextmanager
async def subscribers(server: ServerAddress, rooms: list[str]) -> AsyncIterator[Subscribers]:
    """A viewer in each room."""
    async with AsyncExitStack() as stack:
        joined = []
        for name in rooms:
            subscriber = Subscriber()
            subscriber.room.on("track_subscribed", subscriber.attend)
            await subscriber.room.connect(server.url, viewer_token(server, name))
            stack.push_async_callback(subscriber.aclose)
            joined.append(subscriber)
        yield Subscribers(server, joined)


def viewer_token(server: ServerAddress, room: str, identity: str = "viewer") -> str:
    """A token that admits a viewer to a room."""
    grants = api.VideoGrants(room_join=True, room=room)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity(identity).with_grants(grants)
    return token.to_jwt()
