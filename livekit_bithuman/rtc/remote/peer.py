"""livekit-agents' byte-stream protocol with one remote avatar: a stream for each utterance, and three calls."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from .. import compat

logger = logging.getLogger("livekit_bithuman")

#: A data channel that takes nothing for so long has lost its other end.
SEND_TIMEOUT_S = 5.0
CALL_TIMEOUT_S = 2.0
#: On a stream of voice: what the avatar calls it when it says how far it is. Others do not look at it.
SEGMENT_ATTRIBUTE = "lkb.segment"


class RemotePeer:
    """The avatar's participant, as the agent talks with it.

    Args:
        room: The agent's.
        identity: The avatar's.
        rate: Of the voice, in Hz; mono.
        on_started: Told when the avatar says that an utterance began.
        on_finished: Told when it says that one ended: seconds played, and whether it was interrupted.
    """

    def __init__(
        self,
        room: rtc.Room,
        identity: str,
        rate: int,
        *,
        on_started: Callable[[], None],
        on_finished: Callable[[float, bool], None],
    ) -> None:
        self._room = room
        self._identity = identity
        self._rate = rate
        self._on_started = on_started
        self._on_finished = on_finished
        self._listening_as: rtc.LocalParticipant | None = None
        self._unlisten: list[Callable[[], None]] = []
        self._stream: rtc.ByteStreamWriter | None = None  # of the utterance that is being sent

    def listen(self) -> None:
        """Take calls from now on; the room must be connected. Idempotent."""
        if self._listening_as is self._room.local_participant:
            return
        self._listening_as = self._room.local_participant  # another one, if the room was connected anew
        self._unlisten.clear()
        listeners = {compat.RPC_PLAYBACK_STARTED: self._started, compat.RPC_PLAYBACK_FINISHED: self._finished}
        for method, listener in listeners.items():
            self._unlisten.append(compat.listen_to_calls(self._room, method, self._identity, listener))

    def close(self) -> None:
        """Take no more calls."""
        self.drop()
        for unlisten in self._unlisten:
            unlisten()
        self._unlisten.clear()
        self._listening_as = None

    async def send(self, samples: NDArray[np.int16], segment: str) -> None:
        """Send voice, and open a stream if none is open, which says what segment it is.

        Raises:
            Exception: The room does not take it.
        """
        await asyncio.wait_for(self._send(samples, segment), SEND_TIMEOUT_S)

    async def end(self) -> None:
        """Close the open stream: the utterance has all its voice.

        Raises:
            Exception: The room does not take it.
        """
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.wait_for(stream.aclose(), SEND_TIMEOUT_S)

    def drop(self) -> None:
        """Forget the open stream: nobody waits for its end."""
        self._stream = None

    async def clear(self) -> bool:
        """Let the avatar drop what it has; whether it answered."""
        try:
            await self._call(compat.RPC_CLEAR_BUFFER)
        except Exception as error:  # RpcError, a room that is down, no answer
            logger.debug("the remote avatar did not take the call to be silent: %s", error or type(error).__name__)
            return False
        return True

    async def is_alive(self) -> bool:
        """Whether anybody answers on the avatar's side, if only that the call is not known there."""
        try:
            await self._call("livekit_bithuman.ping")
        except rtc.RpcError as error:
            return error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD
        except Exception:
            return False
        return True

    async def _call(self, method: str) -> None:
        calling = self._room.local_participant.perform_rpc(
            destination_identity=self._identity, method=method, payload="", response_timeout=CALL_TIMEOUT_S
        )
        await asyncio.wait_for(calling, CALL_TIMEOUT_S)

    async def _send(self, samples: NDArray[np.int16], segment: str) -> None:
        if self._stream is None:
            self._stream = await self._room.local_participant.stream_bytes(
                f"AUDIO_{uuid.uuid4().hex[:12]}",
                topic=compat.AUDIO_STREAM_TOPIC,
                destination_identities=[self._identity],
                attributes={"sample_rate": str(self._rate), "num_channels": "1", SEGMENT_ATTRIBUTE: segment},
            )
        await self._stream.write(samples.tobytes())

    def _started(self, payload: str) -> None:
        self._on_started()

    def _finished(self, payload: str) -> None:
        try:
            report = json.loads(payload)
            position, interrupted = float(report["playback_position"]), bool(report["interrupted"])
        except (ValueError, TypeError, KeyError):
            logger.warning("the remote avatar's report of an end cannot be read: %.200r", payload)
            return
        self._on_finished(position, interrupted)
