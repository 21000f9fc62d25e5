"""A remote avatar as a real participant: livekit-agents' own receiver, and this package's player behind it."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, DataStreamAudioReceiver
from livekit.agents.voice.io import PlaybackFinishedEvent, PlaybackStartedEvent

from livekit_bithuman.rtc.output import AvatarAudioOutput
from livekit_bithuman.rtc.player import AvatarPlayer
from livekit_bithuman.testing import MarkerEngine, StillMotion
from tests.cloud_service import Asked

RATE = 24_000


class RemoteAvatar:
    """Joins with the token that the service was given, publishes voice and pictures, and plays what the agent sends.

    Attributes:
        tells_starts: Say when a segment begins.
        tells_ends: Say when a segment ends.
        identity_of_agent: Listened to.
        segments: Segments that began to arrive.
        cleared: Calls to be silent.
    """

    def __init__(self, *, tells_starts: bool = True, tells_ends: bool = True, agent: str = "agent") -> None:
        self.tells_starts, self.tells_ends = tells_starts, tells_ends
        self.agent = agent
        self.room = rtc.Room()
        self.segments = 0
        self.cleared = 0
        self.finished: list[tuple[float, bool]] = []  # (position, interrupted) as it played
        self.speaking = asyncio.Event()  # rung when a segment is heard
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, asked: Asked) -> None:
        """Come into the room of a request."""
        await self.room.connect(asked.fields["livekit_url"], asked.fields["livekit_token"])
        self._receiver = DataStreamAudioReceiver(self.room, sender_identity=self.agent)
        await self._receiver.start()
        self._player = AvatarPlayer(MarkerEngine((128, 128)), StillMotion(), rate=RATE)
        await self._player.prepare()
        self._output = AvatarAudioOutput(self._player)
        self._output.on("playback_started", self._on_started)
        self._output.on("playback_finished", self._on_finished)
        self._receiver.on("clear_buffer", self._on_clear)
        self._tasks = [asyncio.create_task(self._play(), name="remote avatar")]
        await self._player.publish(self.room)

    async def leave(self) -> None:
        """Be gone, in the middle of whatever it does. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.room.disconnect()
        if tasks:
            await self._player.aclose()
            with contextlib.suppress(Exception):  # it has no room to answer in
                await self._receiver.aclose()

    async def _play(self) -> None:
        begun = False
        async for piece in self._receiver:
            if isinstance(piece, AudioSegmentEnd):
                self._output.flush()
                begun = False
            else:
                self.segments += not begun
                begun = True
                await self._output.capture_frame(piece)

    def _on_clear(self) -> None:
        self.cleared += 1
        self._output.flush()
        self._output.clear_buffer()

    def _on_started(self, event: PlaybackStartedEvent) -> None:
        self.speaking.set()
        if self.tells_starts:
            self._receiver.notify_playback_started()

    def _on_finished(self, event: PlaybackFinishedEvent) -> None:
        self.finished.append((event.playback_position, event.interrupted))
        if self.tells_ends:
            self._receiver.notify_playback_finished(event.playback_position, event.interrupted)


async def _main(url: str, token: str) -> None:
    avatar = RemoteAvatar()
    fields = {"livekit_url": url, "livekit_token": token}
    await avatar.join(Asked("", {}, {}, fields))
    print("joined", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
