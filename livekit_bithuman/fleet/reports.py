"""What the avatar tells its agent: that a segment began, and that it ended. In order, and more than once if need be."""

from __future__ import annotations

import asyncio
import json
import logging

from livekit import rtc

from ..rtc import compat

logger = logging.getLogger("livekit_bithuman")

ATTEMPTS = 3
ANSWER_TIMEOUT_S = 2.0
BETWEEN_S = 0.1


class Reports:
    """Calls to one agent, one after another. What it does not take is logged, and the next goes on.

    Args:
        room: The avatar's.
        agent: Identity of who is told.
    """

    def __init__(self, room: rtc.Room, agent: str) -> None:
        self._room = room
        self._agent = agent
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()  # two for a segment: the agent's pace bounds it
        self._hears_starts = True  # until it says that it does not
        self._telling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell; the room must be connected."""
        self._telling = asyncio.create_task(self._tell(), name="avatar reports")

    async def aclose(self) -> None:
        """Tell no more. Idempotent."""
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def all_told(self) -> None:
        """Return when nothing waits to be told."""
        await self._waiting.join()

    def started(self) -> None:
        """A segment is heard from now on."""
        if self._hears_starts:
            self._waiting.put_nowait((compat.RPC_PLAYBACK_STARTED, ""))

    def finished(self, position: float, *, interrupted: bool) -> None:
        """A segment ended after so many seconds of it."""
        # exactly the fields of livekit-agents' event: it takes no others
        told = {"playback_position": position, "interrupted": interrupted, "synchronized_transcript": None}
        self._waiting.put_nowait((compat.RPC_PLAYBACK_FINISHED, json.dumps(told)))

    async def _tell(self) -> None:
        while True:
            method, payload = await self._waiting.get()
            try:
                await self._call(method, payload)
            except Exception:
                logger.exception("an error in the avatar's reports; they go on")
            finally:
                self._waiting.task_done()

    async def _call(self, method: str, payload: str) -> None:
        why: object = None
        for attempt in range(ATTEMPTS):
            try:
                calling = self._room.local_participant.perform_rpc(
                    destination_identity=self._agent,
                    method=method,
                    payload=payload,
                    response_timeout=ANSWER_TIMEOUT_S,
                )
                await asyncio.wait_for(calling, 2 * ANSWER_TIMEOUT_S)
                return
            except rtc.RpcError as error:
                if error.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD:
                    # an agent that does not wait for it says so once
                    self._hears_starts = self._hears_starts and method != compat.RPC_PLAYBACK_STARTED
                    return
                why = error
            except asyncio.TimeoutError:
                why = "no answer"
            await asyncio.sleep(BETWEEN_S * (attempt + 1))
        logger.warning("the agent did not take %s: %s", method, why)
