"""A viewer in the room that writes down what arrives and when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
from livekit import api, rtc
from numpy.typing import NDArray

from .marker import Mark, read_mark
from .voice import VoiceLocator

#: Rate at which a viewer takes audio, in Hz.
RATE = 24_000
#: Length of a stretch that is located at once, and the step between them, in seconds.
WINDOW_S, HOP_S = 0.060, 0.010


@dataclass(frozen=True)
class Picture:
    """One received picture."""

    at: float  # seconds of the loop's clock
    mark: Mark | None
    mean: float  # of its luma, 0..255
    size: tuple[int, int]


@dataclass
class Viewer:
    """Subscribes to everything in a room and keeps times and contents.

    Use as an async context manager. Times are those of the event loop's clock at arrival: network, jitter buffer and
    decoder included.
    """

    url: str
    token: str
    audio: bool = True  # subscribe to audio
    video: bool = True  # subscribe to video
    room: rtc.Room = field(default_factory=rtc.Room)
    pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._voice: list[tuple[float, NDArray[np.int16]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._arrived = asyncio.Event()  # rung by everything that arrives
        self.joined_at = 0.0  # when connect returned
        self.unpublished: list[str] = []  # names of tracks that went away

    @classmethod
    def joining(
        cls, url: str, key: str, secret: str, room: str, *, audio: bool = True, video: bool = True, name: str = "viewer"
    ) -> Viewer:
        """A viewer for `room`, with a token of its own."""
        grants = api.VideoGrants(room_join=True, room=room)
        token = api.AccessToken(key, secret).with_identity(name).with_grants(grants).to_jwt()
        return cls(url, token, audio=audio, video=video)

    async def __aenter__(self) -> Viewer:
        self.room.on("track_subscribed", self._on_track)
        self.room.on("track_unpublished", self._on_unpublished)
        if not (self.audio and self.video):
            self.room.on("track_published", self._on_published)
        await self.room.connect(self.url, self.token, rtc.RoomOptions(auto_subscribe=self.audio and self.video))
        self.joined_at = asyncio.get_running_loop().time()
        if not (self.audio and self.video):
            for participant in self.room.remote_participants.values():
                for publication in participant.track_publications.values():
                    self._on_published(publication, participant)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    # waiting

    async def until(self, condition: object, timeout: float = 20.0) -> None:
        """Wait until `condition()` is true, looking again at everything that arrives.

        Raises:
            asyncio.TimeoutError: It was not within `timeout` seconds.
        """
        assert callable(condition)

        async def look() -> None:
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

        await asyncio.wait_for(look(), timeout)

    # results

    def heard(self, locator: VoiceLocator, since: float = 0.0) -> list[tuple[float, int, int]]:
        """(time, voice, sample) of every located stretch that arrived after `since`: when that sample was heard."""
        frames = [(at, samples) for at, samples in self._voice if at >= since - WINDOW_S]
        if not frames:
            return []
        samples = np.concatenate([samples for _, samples in frames])
        starts = np.cumsum([0] + [len(samples) for _, samples in frames[:-1]])
        times = np.array([at for at, _ in frames])
        window, hop = round(WINDOW_S * RATE), round(HOP_S * RATE)
        found = []
        for begin in range(0, len(samples) - window, hop):
            place = locator.locate(samples[begin : begin + window])
            if place is None or place[1] < 0:
                continue
            index = int(np.searchsorted(starts, begin, side="right")) - 1
            found.append((float(times[index] + (begin - starts[index]) / RATE), place[0], place[1]))
        return found

    def loudness(self, since: float = 0.0) -> list[tuple[float, float]]:
        """(time, RMS) of every 10 ms of audio that arrived after `since`; full scale is 1."""
        return [(at, float(np.sqrt(np.mean((samples / 32768.0) ** 2)))) for at, samples in self._voice if at >= since]

    # inside

    def _on_published(self, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        wanted = self.audio if publication.kind == rtc.TrackKind.KIND_AUDIO else self.video
        publication.set_subscribed(wanted)

    def _on_unpublished(self, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        self.unpublished.append(publication.name)
        self._arrived.set()

    def _on_track(self, track: rtc.Track, _: rtc.RemoteTrackPublication, __: rtc.RemoteParticipant) -> None:
        watch = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        self._tasks.append(asyncio.create_task(watch(track), name=f"viewer {track.name}"))

    async def _watch(self, track: rtc.Track) -> None:
        loop = asyncio.get_running_loop()
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                at, frame = loop.time(), event.frame
                luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
                picture = luma.reshape(frame.height, frame.width)
                size = (frame.width, frame.height)
                self.pictures.append(Picture(at, read_mark(picture), float(picture.mean()), size))
                self._arrived.set()
        finally:
            await stream.aclose()

    async def _listen(self, track: rtc.Track) -> None:
        loop = asyncio.get_running_loop()
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            async for event in stream:
                self._voice.append((loop.time(), np.frombuffer(event.frame.data, np.int16).copy()))
                self._arrived.set()
        finally:
            await stream.aclose()
