"""`agents/openai_realtime_agent.py` in a real room, with a realtime service of this test's own behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import numpy as np
import pytest

from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import VoiceLocator
from tests.openai_service import KEY, OpenAIService, Senses, Trouble
from tests.openai_service.realtime import Item

from .agent_program import agent_in
from .test_openai_agent import STORY, answer, needed
from .visit import RATE, VOICED, Visit, visiting

pytestmark = pytest.mark.server

#: A position that is told, and the last sound that was heard, in ms: loudness is taken per 10, and a clear ends with a
#: ramp of 5.
NEAR_MS = 30
#: The end of what was heard that is looked for in the voice, in frames of 10 ms, and the silence that follows it, in
#: seconds. Between sentences there is less.
TAIL, SILENCE_S = 40, 0.7


@pytest.fixture(scope="module")
def senses() -> Senses:
    needed()
    return Senses()


@asynccontextmanager
async def talk(server: ServerAddress, room_name: str, senses: Senses) -> AsyncIterator[tuple[Visit, OpenAIService]]:
    """The agent in a room, its service, and who has been greeted by it."""
    async with (
        OpenAIService(senses, answer) as service,
        agent_in("openai_realtime_agent.py", server, room_name, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=service.url),
        visiting(server, room_name) as visit,
    ):
        await visit.until_said("say that again?")
        await visit.until_quiet()
        try:
            yield visit, service
        finally:
            print(f"it heard {service.heard}")


def end_of(visit: Visit, item: Item) -> float:
    """When the last sound was heard of an item that was cut."""
    moments = [*visit.voiced(item.cut_at - SILENCE_S), float("inf")]
    return next(at for at, following in pairwise(moments) if following - at > SILENCE_S)


def heard_ms(visit: Visit, item: Item) -> tuple[float, float]:
    """Where in its voice an item was cut, by what the visitor heard of it last: there, or later in a pause of it."""
    voice = np.frombuffer(item.audio, np.int16)
    heard = visit.viewer.hearing.until(end_of(visit, item) + 0.001).frames[-TAIL:]
    tail = np.concatenate([samples for _, samples in heard])
    found = VoiceLocator({0: voice}).locate(tail)
    assert found is not None, "what was heard is in the voice that was sent"
    end = found[1] + len(tail)
    sounds = np.abs(voice[end:]) > 2 * VOICED * 32768
    return end / RATE * 1000, (end + int(np.argmax(sounds) if sounds.any() else len(sounds))) / RATE * 1000


async def test_it_is_told_to_the_millisecond_what_was_heard_of_a_reply(
    livekit_server: ServerAddress, room_name: str, senses: Senses
) -> None:
    async with talk(livekit_server, room_name, senses) as (visit, service):
        (conversation,) = service.conversations
        (greeting,) = [event for event in conversation.events if event["type"] == "response.create"]
        assert "Greet" in greeting["response"]["instructions"]
        asked_at = visit.now
        visit.say(senses.samples("Tell me a story."))
        await visit.until_spoken_to(asked_at, 3.0)
        assert "story" in service.heard[-1].lower()
        began = visit.voiced(asked_at)[0]
        assert visit.mouth_moves(began, visit.now) > 3 * visit.mouth_moves(asked_at, began - 0.1), "it speaks"
        assert 10 < len(visit.caption_of("lighthouse").text) < 0.8 * len(STORY), "its text comes with the voice"

        visit.say(senses.samples("Stop it please and tell me a joke."))
        await visit.until_said("louder in class.")
        (cut,) = conversation.cut
        assert cut.heard_ms is not None
        last, following = heard_ms(visit, cut)
        print(f"told {cut.heard_ms} ms; a sound was heard at {last:.0f} ms, and none of that at {following:.0f} ms")
        assert last - NEAR_MS < cut.heard_ms < following + NEAR_MS

        assert "joke" in service.heard[-1].lower()
        assert conversation.items[-1].role == "assistant", "and it answers who interrupted"
        assert conversation.items[-1].text
        assert not [message for message in conversation.errors if "active response" not in message]


async def test_a_reply_that_breaks_off_and_one_that_is_refused_cost_no_more_than_themselves(
    livekit_server: ServerAddress, room_name: str, senses: Senses
) -> None:
    async with talk(livekit_server, room_name, senses) as (visit, service):
        with service.trouble("realtime", Trouble(cut_after=10)):
            visit.say(senses.samples("Tell me a story."))
            await visit.until_said("Once there")
            await visit.viewer.until(lambda: len(service.conversations) == 2, timeout=30)  # it connects again
            await visit.until_quiet()
        with service.trouble("realtime", Trouble(status=429)):
            visit.say(senses.samples("Who are you?"))
            await visit.viewer.until(lambda: len(service.heard) == 2, timeout=30)
        visit.say(senses.samples("Tell me a joke."))
        await visit.until_said("louder in class.")
        said = [item.text.lower() for item in service.conversations[1].items]
        assert any("story" in text for text in said), "the new connection was told what was said on the old"
