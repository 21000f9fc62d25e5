"""Whether the avatar's participant is in the room, and ready to be spoken through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc

#: A participant that has published nothing yet is taken to be ready after so long: some publish with their first voice.
#: livekit-agents' receiver listens from when it sees the agent, whom livekit-server may announce three seconds late.
SILENT_ENTRY_S = 5.0
#: Viewers take a new track within a tenth of a second or two: what is spoken before they miss.
NOTICED_S = 0.3


class Attendance:
    """Watches one identity in a room. Who leaves and comes back is somebody else: a participant with another sid.

    Args:
        room: The agent's; it may be connected later.
        identity: Watched for.
        on_change: Told that something may have changed.
    """

    def __init__(self, room: rtc.Room, identity: str, on_change: Callable[[], None]) -> None:
        self._room = room
        self._identity = identity
        self._on_change = on_change
        self._sid: str | None = None  # of who was seen last
        self._since = 0.0  # when they were first seen
        self._published_at: float | None = None  # when a track of theirs was
        self._events = (
            "participant_connected",
            "participant_disconnected",
            "track_published",
            "connection_state_changed",
        )

    def start(self) -> None:
        """Watch from now on."""
        for event in self._events:
            self._room.on(event, self._changed)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Watch no more. Idempotent."""
        for event in self._events:
            self._room.off(event, self._changed)  # type: ignore[arg-type]

    def watch(self, identity: str) -> None:
        """Watch for another one from now on."""
        self._identity, self._sid = identity, None

    @property
    def present(self) -> str | None:
        """The sid of who is there; None if nobody is."""
        participant = self._room.remote_participants.get(self._identity)
        return None if participant is None else participant.sid

    def ready_at(self, now: float) -> float | None:
        """When who is there can be spoken through: now, or a time to look again; None if nobody is there.

        A participant takes the voice only once it listens for it. Its first track is the sign, and a moment later it is
        heard by everybody; one that publishes nothing is given longer.
        """
        participant = self._room.remote_participants.get(self._identity)
        if participant is None:
            self._sid = None
            return None
        if participant.sid != self._sid:
            self._sid, self._since, self._published_at = participant.sid, now, None
        if participant.track_publications and self._published_at is None:
            self._published_at = now
        entered = self._since + SILENT_ENTRY_S
        return max(now, entered if self._published_at is None else min(entered, self._published_at + NOTICED_S))

    def _changed(self, *_: object) -> None:
        # the room's own bookkeeping of the event may follow the event
        asyncio.get_running_loop().call_soon(self._on_change)
