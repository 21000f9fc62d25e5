"""Sends each picture's mouth to the room as a data packet, without ever making the playout wait.

Packets, and not one of livekit's data tracks: every server and every client SDK knows packets.
"""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from livekit import rtc

from ..errors import RoomError
from ..playout import PictureDue
from ..pose import resting_mouth
from . import permission
from .viseme_packet import TOPIC, VisemePacket

logger = logging.getLogger("livekit_bithuman")

#: A mouth at rest is sent this often in a row, since packets may be lost, and then no more until somebody speaks.
RESTS = 5
#: Packets that may be on their way to livekit at once: a second of pictures. More say that it does not take them.
MOST_UNDER_WAY = 25
#: A weight that is told in 1/255 rounds to none below this.
_NONE = 0.5 / 255


class VisemeSender:
    """Numbers the packets of one avatar and publishes them, lossy: a mouth that comes late is worth nothing."""

    def __init__(self) -> None:
        self._sequence = 0  # of the next packet
        self._rested = RESTS  # packets at rest in a row
        self._sending: set[asyncio.Task[None]] = set()
        self._warned = False
        self.unsent = 0  # packets that the room did not take

    def show(self, room: rtc.Room, picture: PictureDue, fps: int) -> None:
        """Send the mouth of a picture that is shown now; returns at once, and raises nothing.

        Nothing is sent while the mouth rests, for an engine whose frames have no mouths, and while there is no
        connection.

        Args:
            room: Where it is shown.
            picture: What is shown.
            fps: Of its slots.
        """
        try:
            self._show(room, picture, fps)
        except Exception as error:  # an engine's mouth may be anything
            self._failed(str(error) or type(error).__name__)

    async def aclose(self) -> None:
        """Send no more, and give up what is on its way. Idempotent."""
        sending = set(self._sending)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    def _show(self, room: rtc.Room, picture: PictureDue, fps: int) -> None:
        if picture.frame is not None and picture.frame.mouth is None:
            return
        if room.connection_state != rtc.ConnectionState.CONN_CONNECTED:
            return
        mouth = picture.mouth
        at_rest = picture.segment is None and bool(np.abs(mouth - resting_mouth()).max() < _NONE)
        if at_rest and self._rested >= RESTS:
            return
        self._rested = self._rested + 1 if at_rest else 0
        if len(self._sending) >= MOST_UNDER_WAY:
            raise RoomError("the room does not take them fast enough")
        packet = VisemePacket(self._sequence, picture.generation, picture.segment, picture.slot, fps, mouth)
        self._sequence += 1
        task = asyncio.create_task(self._send(room, packet.pack()), name="avatar visemes")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, room: rtc.Room, payload: bytes) -> None:
        try:
            permission.require_data(room)
            await room.local_participant.publish_data(payload, reliable=False, topic=TOPIC)
        except Exception as error:
            self._failed(str(error) or type(error).__name__)

    def _failed(self, why: str) -> None:
        self.unsent += 1
        if not self._warned:
            self._warned = True
            logger.warning("the avatar's visemes could not be sent, its voice and video are not touched: %s", why)
