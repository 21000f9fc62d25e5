"""One visitor's room: an agent without a language model, its avatar, and what the page may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.tts import TTS
from livekit.agents.voice.room_io import RoomOptions

from ..errors import AvatarError
from ..rtc.session import AvatarSession
from ..server import ServerAddress

logger = logging.getLogger("livekit_bithuman")

AGENT_IDENTITY = "avatar"
VISITOR_IDENTITY = "visitor"
GREETING = (
    "Hello! I am your avatar, and this face is drawn by your own computer. "
    "Type something, and I will say it. You can interrupt me whenever you like."
)
#: Characters of one message; more than a minute of speech, and far below the 15 KiB that a LiveKit RPC carries.
MAX_TEXT = 3_000

#: A token must outlive the page's connecting, no more: the server renews those of participants who are in.
TOKEN_LIFETIME = datetime.timedelta(minutes=2)
#: A room whose visitor has not come by then is closed.
JOIN_TIMEOUT_S = 60.0
#: What goes wrong at the end of a visit must not keep it.
_CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Invitation:
    """What the page needs to join a visit, and nothing else."""

    url: str
    token: str

    def to_json(self) -> dict[str, object]:
        """As the page receives it."""
        return {"url": self.url, "token": self.token, "agent": AGENT_IDENTITY, "maxText": MAX_TEXT}


class Visit:
    """A room for one visitor, from the invitation until the visitor has left.

    The page calls three RPC methods of the agent: `hello`, once it can play sound, `say` with a text, and `stop`.
    What is being said is heard to its end or interrupted by the next call, never queued.

    Args:
        address: The LiveKit server.
        voice: Shared with other visits, and not closed here.
        avatar: Not started yet; closed here.
    """

    def __init__(self, address: ServerAddress, voice: TTS[Any], avatar: AvatarSession) -> None:
        self._address = address
        self._room_name = f"demo-{secrets.token_hex(8)}"
        self._room = rtc.Room()
        self._session: AgentSession[None] = AgentSession(
            tts=voice, vad=None, turn_handling={"turn_detection": "manual"}, user_away_timeout=None
        )
        self._avatar = avatar
        self._calls = asyncio.Lock()  # calls take effect in the order in which they came
        self._over = asyncio.Event()

    def invitation(self) -> Invitation:
        """Lets one visitor in, who may watch, listen and call the agent, but not publish."""
        token = self._token(VISITOR_IDENTITY, can_publish=False)
        return Invitation(self._address.url, token)

    async def run(self) -> None:
        """Be there for the visitor; returns when they have left, or have not come.

        Raises:
            AvatarError: The avatar could not be loaded.
            rtc.ConnectError: The server cannot be reached.
        """
        self._room.on("participant_disconnected", lambda _: self._over.set())
        self._room.on("disconnected", lambda _: self._over.set())
        try:
            await self._room.connect(self._address.url, self._token(AGENT_IDENTITY, can_publish=True))
            await self._start()
            if await self._visitor_comes():
                self._answer_calls()
                await self._over.wait()
        finally:
            await self._close()

    async def _start(self) -> None:
        await self._avatar.start(self._session, room=self._room)
        await self._session.start(
            Agent(instructions="Say what the visitor types."),
            room=self._room,
            room_options=RoomOptions(
                audio_input=False,
                text_input=False,
                participant_identity=VISITOR_IDENTITY,
                close_on_disconnect=False,
            ),
            record=False,
            session_host=False,
        )

    async def _visitor_comes(self) -> bool:
        """Wait until the session knows its visitor: what it says before that has no captions."""
        ready = asyncio.ensure_future(self._session.room_io.wait_for_ready())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({ready, over}, timeout=JOIN_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            return ready.done() and not over.done()
        finally:
            ready.cancel()
            over.cancel()

    def _answer_calls(self) -> None:
        # Only now: a page whose call has no answer yet tries again.
        methods = {"hello": self._hello, "say": self._say, "stop": self._stop}
        for name, method in methods.items():
            self._room.local_participant.register_rpc_method(name, method)

    async def _close(self) -> None:
        for closing in (self._avatar.aclose, self._session.aclose, self._room.disconnect):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(closing(), _CLOSE_TIMEOUT_S)

    def _token(self, identity: str, *, can_publish: bool) -> str:
        return self._address.token(
            identity=identity,
            room=self._room_name,
            ttl=TOKEN_LIFETIME,
            can_publish=can_publish,
            # The agent's state is an attribute of its participant. A visitor sets one on arrival: livekit-server tells
            # others of a participant who publishes nothing up to three seconds late, but of a change at once.
            can_update_own_metadata=True,
        )

    # what the page calls

    async def _hello(self, _: rtc.RpcInvocationData) -> str:
        async with self._calls:
            await self._interrupt()
            self._session.say(GREETING, add_to_chat_ctx=False)
        return "{}"

    async def _say(self, call: rtc.RpcInvocationData) -> str:
        text, refusal = _text_of(call.payload)
        if refusal:
            # An answer rather than an RpcError: livekit 1.1.21 does not deliver errors that a handler raises.
            return json.dumps({"refused": refusal})
        async with self._calls:
            await self._interrupt()
            self._session.say(text, add_to_chat_ctx=False)
        return "{}"

    async def _stop(self, _: rtc.RpcInvocationData) -> str:
        async with self._calls:
            await self._interrupt()
        return "{}"

    async def _interrupt(self) -> None:
        await self._session.interrupt(force=True)


class Visits:
    """The visits that are going on, a bounded number of them.

    Args:
        address: The LiveKit server.
        voice: Speaks in all of them.
        make_avatar: Makes each visit's avatar.
        limit: As many as there may be at a time; each renders a face of its own.
    """

    def __init__(
        self, address: ServerAddress, voice: TTS[Any], make_avatar: Callable[[], AvatarSession], *, limit: int
    ) -> None:
        self._address = address
        self._voice = voice
        self._make_avatar = make_avatar
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> Invitation | None:
        """Begin a visit; None if there are as many as there may be."""
        if len(self._tasks) >= self._limit:
            return None
        visit = Visit(self._address, self._voice, self._make_avatar())
        task = asyncio.create_task(self._run(visit), name="demo visit")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return visit.invitation()

    async def aclose(self) -> None:
        """End all visits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _run(visit: Visit) -> None:
        try:
            await visit.run()
        except (AvatarError, rtc.ConnectError) as error:
            logger.error("a visit could not go on: %s", error)
        except Exception:  # one visitor's trouble is not the others'
            logger.exception("a visit ended by an error")


def _text_of(payload: str) -> tuple[str, str]:
    """The text of a `say` call, and why it cannot be said, for the page to show; one of the two is empty."""
    try:
        text = json.loads(payload)["text"]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str) or not any(character.isalnum() for character in text):
        return "", "There is nothing to say in this text. Type a few words."
    if len(text) > MAX_TEXT:
        return "", f"This text has {len(text)} characters. Send at most {MAX_TEXT} at a time."
    return text, ""
