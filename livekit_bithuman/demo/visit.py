"""One visitor's room: an agent that converses, and its avatar."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import secrets
from dataclasses import dataclass

from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomOptions

from ..server import ServerAddress
from .calls import GREETING, GREETING_WITHOUT_EARS, MAX_TEXT, Calls
from .figures import tell_figures
from .models import NO_EARS, DemoModels
from .reports import Reports
from .wardrobe import Wardrobe

AGENT_IDENTITY = "avatar"
VISITOR_IDENTITY = "visitor"
INSTRUCTIONS = "You are a friendly host, and speak aloud: answer in one or two plain sentences."

#: A token must outlive the page's connecting, no more: the server renews those of participants who are in.
TOKEN_LIFETIME = datetime.timedelta(minutes=2)
#: A room whose visitor has not come by then is closed.
JOIN_TIMEOUT_S = 60.0
#: What goes wrong at the end of a visit must not keep it.
_CLOSE_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Invitation:
    """What the page needs to join a visit, and nothing else.

    Attributes:
        url: The LiveKit server's.
        token: Lets one visitor in.
        key: Names the visit in requests to the page's server; known to the visitor alone.
        wearing: The avatar that it begins with.
        deaf: Why the visitor cannot be heard; "": they can.
    """

    url: str
    token: str
    key: str
    wearing: str
    deaf: str = ""

    def to_json(self) -> dict[str, object]:
        """As the page receives it."""
        return {
            "url": self.url,
            "token": self.token,
            "key": self.key,
            "wearing": self.wearing,
            "agent": AGENT_IDENTITY,
            "visitor": VISITOR_IDENTITY,
            "maxText": MAX_TEXT,
            "deaf": self.deaf,
        }


class Visit:
    """A room for one visitor, from the invitation until the visitor has left.

    Args:
        address: The LiveKit server.
        models: Shared with other visits, and not closed here.
        wardrobe: Its avatar is not started yet, and closed here.

    Attributes:
        key: Nobody can guess it.
        wardrobe: What the visit wears.
    """

    def __init__(self, address: ServerAddress, models: DemoModels, wardrobe: Wardrobe) -> None:
        self.key = secrets.token_urlsafe(16)
        self.wardrobe = wardrobe
        self._address = address
        self._hears = models.hearing is not None
        self._room_name = f"demo-{secrets.token_hex(8)}"
        self._room = rtc.Room()
        self._session = models.session()
        self._reports: Reports | None = None  # once the visitor is there
        self._figures: asyncio.Task[None] | None = None  # once the visitor is there
        self._over = asyncio.Event()

    def invitation(self) -> Invitation:
        """Lets one visitor in, who may watch, listen, call the agent and, where it can hear, speak to it."""
        token = self._address.token(
            identity=VISITOR_IDENTITY,
            room=self._room_name,
            ttl=TOKEN_LIFETIME,
            can_publish=self._hears,
            can_publish_sources=["microphone"] if self._hears else None,
            # A visitor sets an attribute on arrival: livekit-server tells others of a participant who publishes
            # nothing up to three seconds late, but of a change at once.
            can_update_own_metadata=True,
        )
        deaf = "" if self._hears else NO_EARS
        return Invitation(self._address.url, token, self.key, self.wardrobe.first, deaf)

    async def run(self) -> None:
        """Be there for the visitor; returns when they have left, or have not come.

        Raises:
            AvatarError: The avatar could not be loaded.
            rtc.ConnectError: The server cannot be reached.
        """
        self._room.on("participant_disconnected", lambda _: self._over.set())
        self._room.on("disconnected", lambda _: self._over.set())
        try:
            await self._room.connect(self._address.url, self._own_token())
            await self._start()
            if await self._visitor_comes():
                self._receive()
                await self._over.wait()
        finally:
            await self._close()

    async def _start(self) -> None:
        await self.wardrobe.session.start(self._session, room=self._room)
        await self._session.start(
            Agent(instructions=INSTRUCTIONS),
            room=self._room,
            room_options=RoomOptions(
                audio_input=self._hears,
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

    def _receive(self) -> None:
        self._reports = Reports(self._session, self._room, VISITOR_IDENTITY)
        self._figures = asyncio.create_task(
            tell_figures(self._room, VISITOR_IDENTITY, self.wardrobe), name="demo figures"
        )
        # Only now: a page whose call has no answer yet tries again.
        greeting = GREETING if self._hears else GREETING_WITHOUT_EARS
        Calls(self._session, greeting, self.wardrobe.wear).register(self._room.local_participant)

    async def _close(self) -> None:
        if self._figures is not None:
            self._figures.cancel()
            await asyncio.gather(self._figures, return_exceptions=True)
        if self._reports is not None:
            await self._reports.aclose()
        for closing in (self.wardrobe.session.aclose, self._session.aclose, self._room.disconnect):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(closing(), _CLOSE_TIMEOUT_S)

    def _own_token(self) -> str:
        # The agent's state is an attribute of its participant.
        return self._address.token(
            identity=AGENT_IDENTITY, room=self._room_name, ttl=TOKEN_LIFETIME, can_update_own_metadata=True
        )
