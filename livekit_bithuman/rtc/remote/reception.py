"""What an agent does for an avatar that comes into its room."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc

logger = logging.getLogger("livekit_bithuman")

#: An attribute of the agent that says nothing: that it is set is told to everybody at once, and the agent with it.
NUDGE_ATTRIBUTE = "lkb.here"
#: livekit-server takes a participant for active some moments after it has joined, and tells it within three seconds.
NUDGED_EVERY_S, NUDGES = 0.25, 12


class Reception:
    """Lets the agent be seen by its avatar, and does not take the tracks that the avatar publishes.

    livekit-server tells the arrival of a participant that publishes nothing up to three seconds late, and a change of
    it at once; an agent with a remote avatar publishes nothing, and the avatar waits until it sees it. An agent takes
    all tracks by default, and would decode its own voice and face.

    Args:
        room: The agent's; it may be connected later.
        identity: Of the avatar, now.
    """

    def __init__(self, room: rtc.Room, identity: Callable[[], str]) -> None:
        self._room = room
        self._identity = identity
        self._announced = False
        self._refused: set[str] = set()  # sids of tracks

    @property
    def is_due(self) -> bool:
        """Whether the agent has come into the room and was not announced yet; true once."""
        due = self._room.isconnected() and not self._announced
        self._announced |= due
        return due

    async def announce(self) -> None:
        """Let the agent be seen, until the avatar publishes or everybody was told of the agent anyway.

        An agent whose token does not let it is announced in livekit-server's time.
        """
        for _ in range(NUDGES):
            avatar = self._avatar
            if avatar is not None and avatar.track_publications:
                return
            try:
                await self._room.local_participant.set_attributes({NUDGE_ATTRIBUTE: "1"})
            except Exception as error:  # its token does not let it, or the room is gone
                logger.debug("the agent cannot be announced to its avatar: %s", error)
                return
            await asyncio.sleep(NUDGED_EVERY_S)

    def refuse_tracks(self) -> None:
        """Do not take what the avatar publishes, as far as it is known by now.

        livekit-agents' `AvatarRunner` shows no picture and plays nothing until somebody takes its voice, which may be
        the agent alone: before there is a picture, nothing is refused. livekit's client (1.1.21) may say that it
        dropped a track that was refused; it warns of each that was taken and is gone.
        """
        publications = self._avatar.track_publications.values() if self._avatar is not None else ()
        if not any(each.kind == rtc.TrackKind.KIND_VIDEO for each in publications):
            return
        for publication in publications:
            if publication.subscribed or publication.sid not in self._refused:
                self._refused.add(publication.sid)
                publication.set_subscribed(False)

    @property
    def _avatar(self) -> rtc.RemoteParticipant | None:
        return self._room.remote_participants.get(self._identity())
