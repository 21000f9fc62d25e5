"""What a page may ask of its agent: LiveKit's RPC methods `hello`, `ask`, `say`, `stop` and `wear`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from livekit import rtc
from livekit.agents import AgentSession

from ..errors import AvatarError

#: Characters of one message; more than a minute of speech, and far below the 15 KiB that a LiveKit RPC carries.
MAX_TEXT = 3_000

GREETING = (
    "Hello! I listen, think and speak on your own computer, and it draws my face too. "
    "Turn on your microphone, or type. You can interrupt me whenever you like."
)
GREETING_WITHOUT_EARS = (
    "Hello! I think and speak on your own computer, and it draws my face too. "
    "Type something, and I will answer. You can interrupt me whenever you like."
)


class Calls:
    """Answers a page's calls, in the order in which they came.

    What is being said is heard to its end or interrupted by the next call, never queued. An answer is JSON: `{}`, or
    `{"refused": "why"}`, for the page to show.

    Args:
        session: Speaks.
        greeting: Said on `hello`.
        wear: Shows another avatar, by name; its `AvatarError` is a refusal.
    """

    def __init__(self, session: AgentSession[None], greeting: str, wear: Callable[[str], Awaitable[None]]) -> None:
        self._session = session
        self._greeting = greeting
        self._wear = wear
        self._turn = asyncio.Lock()

    def register(self, participant: rtc.LocalParticipant) -> None:
        """Take calls from now on."""
        for method in (self.hello, self.ask, self.say, self.stop, self.wear):
            participant.register_rpc_method(method.__name__, method)

    async def hello(self, _: rtc.RpcInvocationData) -> str:
        """The page can play sound: greet."""
        await self._speak(lambda: self._session.say(self._greeting, add_to_chat_ctx=False))
        return "{}"

    async def ask(self, call: rtc.RpcInvocationData) -> str:
        """`{"text": …}`: answer it as if it had been heard."""
        text, refusal = text_of(call.payload)
        if refusal:
            return refused(refusal)
        await self._speak(lambda: self._session.generate_reply(user_input=text))
        return "{}"

    async def say(self, call: rtc.RpcInvocationData) -> str:
        """`{"text": …}`: say just that."""
        text, refusal = text_of(call.payload)
        if refusal:
            return refused(refusal)
        await self._speak(lambda: self._session.say(text, add_to_chat_ctx=False))
        return "{}"

    async def stop(self, _: rtc.RpcInvocationData) -> str:
        """Be quiet."""
        await self._speak(lambda: None)
        return "{}"

    async def wear(self, call: rtc.RpcInvocationData) -> str:
        """`{"avatar": name}`: show that one; a reply that is being spoken goes on."""
        try:
            await self._wear(str(_told(call.payload, "avatar")))
        except AvatarError as error:
            return refused(str(error))
        return "{}"

    async def _speak(self, begin: Callable[[], object]) -> None:
        async with self._turn:
            await self._session.interrupt(force=True)
            begin()


def refused(reason: str) -> str:
    """An answer rather than an RpcError: livekit 1.1.21 does not deliver errors that a handler raises."""
    return json.dumps({"refused": reason})


def text_of(payload: str) -> tuple[str, str]:
    """The text of a call, and why nothing can be said to it, for the page to show; one of the two is empty."""
    text = _told(payload, "text")
    if not isinstance(text, str) or not any(character.isalnum() for character in text):
        return "", "There is nothing to say in this text. Type a few words."
    if len(text) > MAX_TEXT:
        return "", f"This text has {len(text)} characters. Send at most {MAX_TEXT} at a time."
    return text, ""


def _told(payload: str, name: str) -> object:
    """What a call's JSON says under a name; None where it says nothing."""
    try:
        return json.loads(payload)[name]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
