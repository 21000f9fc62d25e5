"""What an agent does for an avatar that comes into its room."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc

logger = logging.getLogger("livekit_bithuman")

#: An attribute of the agent: the identity of the participant that speaks and is seen for it.
AVATAR_ATTRIBUTE = "lkb.avatar"
#: livekit-server takes a participant for active some moments after it has joined; only then do others count on it.
ANNOUNCED_EVERY_S, ANNOUNCED_TIMES = 0.25, 8


class Reception:
    """Lets the agent be seen by its avatar, and does not take the tracks that the avatar publishes.

    livekit-server tells the arrival of a participant that publishes nothing up to three seconds late, and a change of
    it at once; an agent with a remote avatar publishes nothing, and the avatar waits until it sees it. An agent takes
    all tracks by default, and would decode its own voice and face.

    Args:
        room: The agent's; it may be connected later.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._announced: tuple[str, str] | None = None  # sid of the agent, and whom it was announced to
        self._refused: set[str] = set()  # sids of tracks

    def is_due(self, identity: str) -> bool:
        """Whether the agent is in the room and was not announced to this avatar yet; true once for each.

        In a room that was joined anew the agent is another participant.
        """
        if not self._room.isconnected():
            return False
        before, self._announced = self._announced, (self._room.local_participant.sid, identity)
        return before != self._announced

    async def announce(self, identity: str) -> None:
        """Change an attribute of the agent, which others are told at once, until the avatar is there and publishes.

        An agent whose token does not let it is announced in livekit-server's time.
        """
        for _ in range(ANNOUNCED_TIMES):
            avatar = self._room.remote_participants.get(identity)
            if avatar is not None and avatar.track_publications:
                return
            try:
                await self._room.local_participant.set_attributes({AVATAR_ATTRIBUTE: identity})
            except Exception as error:  # its token does not let it, or the room is gone
                logger.debug("the agent cannot be announced to its avatar: %s", error)
                return
            await asyncio.sleep(ANNOUNCED_EVERY_S)

    def refuse_tracks(self, identity: str) -> None:
        """Do not take what the avatar publishes, as far as it is known by now.

        livekit's client (1.1.21) may say that it dropped such a track; it warns of each that was taken and is gone.
        """
        avatar = self._room.remote_participants.get(identity)
        for publication in avatar.track_publications.values() if avatar is not None else ():
            if publication.sid not in self._refused:
                self._refused.add(publication.sid)
                publication.set_subscribed(False)
