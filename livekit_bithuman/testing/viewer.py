"""A viewer in the room that writes down what arrives and when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
from livekit import api, rtc

from ..rtc.frame_info import FrameInfo
from ..rtc.viseme_packet import TOPIC, VisemePacket
from .hearing import WINDOW_S, Hearing
from .marker import read_mark
from .report import Picture, ViewerReport, report_on
from .voice import VoiceLocator

#: Rate at which a viewer takes audio, in Hz.
RATE = 24_000


@dataclass
class Viewer:
    """Subscribes to everything in a room, keeps times and contents, and reports on them.

    Use as an async context manager, with any avatar, ours or not. Times are those of the event loop's clock at arrival:
    network, jitter buffer and decoder included.
    """

    url: str
    token: str
    audio: bool = True  # subscribe to audio
    video: bool = True  # subscribe to video
    room: rtc.Room = field(default_factory=rtc.Room)
    pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hearing = Hearing(RATE)  # of all audio tracks, as their frames came
        self._by_track: list[Hearing] = []  # each of them by itself
        self._tasks: list[asyncio.Task[None]] = []
        self._arrived = asyncio.Event()  # rung by everything that arrives
        self.joined_at = 0.0  # when connect returned
        self.unpublished: list[str] = []  # names of tracks that went away
        self.visemes: list[tuple[float, VisemePacket]] = []  # every packet as it came, late ones too, and when

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
        self.room.on("data_received", self._on_data)
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
        located = [hearing.since(since - WINDOW_S).located(locator) for hearing in self._by_track]
        return sorted(place for places in located for place in places)

    def loudness(self, since: float = 0.0) -> list[tuple[float, float]]:
        """(time, RMS) of every 10 ms of audio that arrived after `since`; full scale is 1."""
        return self.hearing.since(since).loudness()

    def report(self, since: float = 0.0, until: float = float("inf")) -> ViewerReport:
        """Judge what arrived between two moments, beside the loudest of the audio tracks.

        Raises:
            ValueError: Fewer than two pictures did.
        """
        pictures = [picture for picture in self.pictures if since <= picture.at < until]
        loudest = max(
            [*self._by_track, Hearing(RATE)],
            key=lambda hearing: sum(level for _, level in hearing.since(since).loudness()),
        )
        return report_on(pictures, loudest)

    # inside

    def _on_published(self, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        wanted = self.audio if publication.kind == rtc.TrackKind.KIND_AUDIO else self.video
        publication.set_subscribed(wanted)

    def _on_unpublished(self, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        self.unpublished.append(publication.name)
        self._arrived.set()

    def _on_data(self, data: rtc.DataPacket) -> None:
        packet = VisemePacket.unpack(data.data) if data.topic == TOPIC else None
        if packet is not None:
            self.visemes.append((asyncio.get_running_loop().time(), packet))
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
                info = FrameInfo.unpack(event.metadata.user_data) if event.metadata is not None else None
                self.pictures.append(Picture(at, read_mark(picture), float(picture.mean()), size, info))
                self._arrived.set()
        finally:
            await stream.aclose()

    async def _listen(self, track: rtc.Track) -> None:
        loop = asyncio.get_running_loop()
        own = Hearing(RATE)
        self._by_track.append(own)
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        try:
            async for event in stream:
                at, samples = loop.time(), np.frombuffer(event.frame.data, np.int16).copy()
                self.hearing.add(at, samples)
                own.add(at, samples)
                self._arrived.set()
        finally:
            await stream.aclose()
