"""Keeps an avatar's tracks in its room, and says in the log what becomes of them."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc

from .player import AvatarPlayer

logger = logging.getLogger("livekit_bithuman")

#: How the work of an avatar that joined by itself ends.
_USUAL_ENDS = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
)


class Presence:
    """Publishes an avatar when its room is connected, for the first time and again after it was closed.

    While a connection is lost and found again, livekit keeps the tracks and publishes them anew by itself. The avatar
    plays on meanwhile, so the agent's replies end as they would.

    Args:
        player: Published; not owned.
        room: The agent's, or the avatar's own.
        may_be_removed: Being taken out of the room is how the avatar's work usually ends.
    """

    def __init__(self, player: AvatarPlayer, room: rtc.Room, *, may_be_removed: bool = False) -> None:
        self._player = player
        self._room = room
        self._usual_ends = _USUAL_ENDS if may_be_removed else (rtc.DisconnectReason.CLIENT_INITIATED,)
        self._reconnecting = False  # livekit is looking for the server
        self._published = False  # on this connection, or about to be
        self._muted: set[str] = set()  # names of tracks that were said to be muted
        self._publishing: asyncio.Task[None] | None = None  # after the room was connected
        self._listeners = {
            "connection_state_changed": self._on_state,
            "disconnected": self._on_disconnected,
            "track_muted": self._on_muted,
            "track_unmuted": self._on_unmuted,
        }

    async def start(self) -> None:
        """Publish, if the room is connected, and watch the room from now on.

        Raises:
            RoomError: The agent may not publish its voice here, or the room did not take it.
        """
        for event, listener in self._listeners.items():
            self._room.on(event, listener)  # type: ignore[arg-type]
        # while livekit reconnects it would publish a new track twice: as asked, and among those that it brings back
        if self._room.connection_state == rtc.ConnectionState.CONN_CONNECTED:
            self._published = True
            await self._player.publish(self._room)

    async def aclose(self) -> None:
        """Watch no more. The tracks are the player's to take away. Idempotent."""
        for event, listener in self._listeners.items():
            self._room.off(event, listener)  # type: ignore[arg-type]
        publishing, self._publishing = self._publishing, None
        if publishing is not None:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    def _on_state(self, state: rtc.ConnectionState.ValueType) -> None:
        if state == rtc.ConnectionState.CONN_RECONNECTING:
            if not self._reconnecting:
                logger.warning("the connection to the room is lost: the avatar speaks on unheard until it is back")
            self._reconnecting = True
        elif state == rtc.ConnectionState.CONN_CONNECTED:
            if not self._published:
                self._published = True
                self._publishing = asyncio.create_task(self._publish(), name="avatar publish")
            elif self._reconnecting:
                logger.info("the connection to the room is back, and the avatar with it")
                self._publishing = asyncio.create_task(self._publish(again=True), name="avatar publish")
            self._reconnecting = False

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self._reconnecting = self._published = False
        self._muted.clear()
        if self._publishing is not None:
            self._publishing.cancel()  # nobody would answer
        if reason not in self._usual_ends:
            why = rtc.DisconnectReason.Name(reason)
            logger.warning("the room is closed to the agent (%s): nobody sees or hears the avatar any more", why)

    def _on_muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        # livekit reports a mute by the server twice
        if self._is_ours(participant, publication) and publication.name not in self._muted:
            self._muted.add(publication.name)
            logger.warning("the avatar's track %s is muted in the room; replies go on", publication.name)

    def _on_unmuted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if self._is_ours(participant, publication) and publication.name in self._muted:
            self._muted.discard(publication.name)
            logger.info("the avatar's track %s is no longer muted", publication.name)

    def _is_ours(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> bool:
        return participant is self._room.local_participant and publication.sid in self._player.published

    async def _publish(self, *, again: bool = False) -> None:
        """Publish; `again`: what livekit has not brought back by itself, since it was asked for meanwhile."""
        try:
            await (self._player.settle_video() if again else self._player.publish(self._room))
        except Exception:
            logger.exception("the avatar could not be published: nobody will see or hear it")
