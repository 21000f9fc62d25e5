"""Somebody who talks with an agent that runs by itself: one participant that speaks, listens, looks and reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.rtc.data_stream import StreamError
from numpy.typing import NDArray

from livekit_bithuman.face import Avatar, Face
from livekit_bithuman.pose import VISEMES, Picture, Presentation, resting_mouth
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer

from .agent_program import PATIENCE_S
from .people import Person

RATE = 24_000
#: RMS above which 10 ms are voice, and for how long nobody spoke who has finished, in seconds.
VOICED, QUIET_S = 0.01, 1.2
TOPIC = "lk.transcription"


@dataclass
class Caption:
    """One text stream: what somebody said, as it came."""

    speaker: str
    pieces: list[tuple[float, str]] = field(default_factory=list)  # when, and what

    @property
    def text(self) -> str:
        return "".join(piece for _, piece in self.pieces)


@dataclass
class Visit:
    """One participant's visit."""

    viewer: Viewer
    person: Person
    captions: list[Caption] = field(default_factory=list)
    mouths: list[tuple[float, float]] = field(default_factory=list)  # when, and the mean luma of the mouth's pixels
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def say(self, speech: NDArray[np.int16]) -> None:
        """Speak samples, int16 mono at `RATE`."""
        self.person.say(speech)

    def voiced(self, since: float, until: float = float("inf")) -> list[float]:
        """When there was voice, per 10 ms."""
        return [at for at, level in self.viewer.loudness(since) if level > VOICED and at < until]

    async def until_spoken_to(self, since: float, seconds: float = 0.3) -> None:
        """Return when so much voice was heard after a moment."""
        await self.viewer.until(lambda: len(self.voiced(since)) * 0.01 >= seconds, timeout=PATIENCE_S)

    async def until_said(self, words: str) -> None:
        """Return when a text with these words has come, as its voice is heard."""
        await self.viewer.until(lambda: any(words in said.text for said in self.captions), timeout=PATIENCE_S)

    async def until_quiet(self) -> None:
        """Return when nobody has spoken for a while."""
        await self.viewer.until(lambda: not self.voiced(self.now - QUIET_S), timeout=PATIENCE_S)

    def mouth_moves(self, since: float, until: float) -> float:
        """The standard deviation of the mouth's luma, 0..255."""
        return float(np.std([luma for at, luma in self.mouths if since <= at < until]))

    def caption_of(self, words: str) -> Caption:
        """The newest with these words."""
        return next(caption for caption in reversed(self.captions) if words in caption.text)

    # inside

    def _on_text(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        self._keep(asyncio.create_task(self._read(reader, speaker), name="visit reading"))

    async def _read(self, reader: rtc.TextStreamReader, speaker: str) -> None:
        caption = Caption(speaker)
        self.captions.append(caption)
        with contextlib.suppress(StreamError):  # the visit ends in the middle of it
            async for piece in reader:
                caption.pieces.append((self.now, piece))

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            self._keep(asyncio.create_task(self._watch(track), name="visit watching"))

    async def _watch(self, track: rtc.Track) -> None:
        mouth = mouth_of_maya()
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                frame = event.frame
                if (frame.height, frame.width) == mouth.shape:
                    luma = np.frombuffer(frame.data, np.uint8, mouth.size).reshape(mouth.shape)
                    self.mouths.append((self.now, float(luma[mouth].mean())))
        finally:
            await stream.aclose()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def visiting(server: ServerAddress, room_name: str) -> AsyncIterator[Visit]:
    """Join a room, which starts the agent, and wait until its face is there."""
    viewer = Viewer.joining(server.url, server.api_key, server.api_secret, room_name, name="person")
    async with viewer, Person.speaking_in(viewer.room, RATE) as person:
        visit = Visit(viewer, person)
        viewer.room.register_text_stream_handler(TOPIC, visit._on_text)
        viewer.room.on("track_subscribed", visit._on_track)
        try:
            await viewer.until(lambda: len(visit.mouths) > 10, timeout=PATIENCE_S)
            yield visit
        finally:
            await visit._end()


def mouth_of_maya() -> NDArray[np.bool_]:
    """The pixels that change when the built-in character opens its mouth."""
    face, rest = Face(Avatar.load()), resting_mouth()
    wide = np.zeros_like(rest)
    wide[VISEMES.index("aa")] = 1.0

    def luma(picture: Picture) -> NDArray[np.float64]:
        return np.asarray(picture.astype(np.float64).mean(axis=2))

    change = np.abs(luma(face.draw(wide, Presentation())) - luma(face.draw(rest, Presentation())))
    mouth: NDArray[np.bool_] = change > 40.0
    return mouth
