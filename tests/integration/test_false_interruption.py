"""Somebody speaks while the agent does: held, and then either taken up where it was, or really interrupted.

A real session: its own Silero VAD hears a person's microphone through the room; only what was said is told by the test.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentFalseInterruptionEvent,
    AgentSession,
    AgentStateChangedEvent,
    StopResponse,
    UserStateChangedEvent,
    inference,
    llm,
)
from livekit.agents.voice.room_io import RoomOptions
from numpy.typing import NDArray

from livekit_bithuman.rtc import compat
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.hearing import Hearing
from livekit_bithuman.testing.stage import Stage, agent_token, frames

from .people import Person, ToldSTT
from .rooms import RATE, Departures, Told, marks, resting_after, slots

pytestmark = pytest.mark.server

SPEECH = Path(__file__).parents[1] / "data" / "speech.wav"
#: What may be doubled around a pause, and how exactly a stretch is located: 10 ms.
NEAR = RATE // 100


def speech(seconds: float) -> NDArray[np.int16]:
    """What a person says."""
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == RATE
        return np.frombuffer(file.readframes(round(seconds * RATE)), np.int16)


class Host(Agent):
    """Answers nothing by itself: the test speaks for it."""

    def __init__(self) -> None:
        super().__init__(instructions="")
        self.turn_taken = asyncio.Event()  # the person has finished

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        self.turn_taken.set()
        raise StopResponse


@dataclass
class Talk:
    """An agent that can be interrupted, the person who may, and a viewer."""

    stage: Stage
    host: Host
    person: Person
    ear: ToldSTT
    viewer: Viewer
    told: Told
    states: list[str] = field(default_factory=list)
    false_interruptions: list[bool] = field(default_factory=list)  # whether the reply was resumed
    person_heard: asyncio.Event = field(default_factory=asyncio.Event)  # the session knows that the person speaks
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, voice: NDArray[np.int16], **options: Any) -> Any:
        return self.stage.session.say("(marker)", audio=frames(voice, RATE), **options)

    async def until_state(self, state: str, count: int = 1) -> None:
        """Return when the agent was in a state so many times."""

        async def look() -> None:
            while self.states.count(state) < count:
                self._rung.clear()
                await self._rung.wait()

        await asyncio.wait_for(look(), 20)

    def on_state(self, event: AgentStateChangedEvent) -> None:
        self.states.append(event.new_state)
        self._rung.set()

    def on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self.person_heard.set()

    def on_false_interruption(self, event: AgentFalseInterruptionEvent) -> None:
        self.false_interruptions.append(event.resumed)


@asynccontextmanager
async def talk(server: ServerAddress, room_name: str) -> AsyncIterator[Talk]:
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    ear = ToldSTT()
    session: AgentSession[None] = AgentSession(
        vad=inference.VAD(model="silero"),
        stt=ear,
        aec_warmup_duration=None,  # else nobody is heard in an agent's first three seconds
        turn_handling={
            "turn_detection": "vad",
            "interruption": {"mode": "vad", "min_duration": 0.2, "false_interruption_timeout": 0.7},
            "endpointing": {"min_delay": 0.2, "max_delay": 0.5},
        },
    )
    host, avatar = Host(), AvatarSession(engine=MarkerEngine())
    try:
        async with Person.joining(server, room_name, RATE) as person:
            await avatar.start(session, room=room)
            await session.start(host, room=room, room_options=RoomOptions(participant_identity="person"))
            output = compat.audio_tail(session.output)
            assert output is not None
            async with Viewer.joining(server.url, server.api_key, server.api_secret, room_name) as viewer:
                made = Talk(Stage(session, room, avatar), host, person, ear, viewer, Told(output))
                session.on("agent_state_changed", made.on_state)
                session.on("user_state_changed", made.on_user_state)
                session.on("agent_false_interruption", made.on_false_interruption)
                await viewer.until(lambda: marks(viewer) and viewer.loudness())
                yield made
                await session.aclose()
    finally:
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


async def test_noise_holds_the_reply_and_it_goes_on_where_it_was(
    livekit_server: ServerAddress, room_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = marker_voice(1, 5 * RATE, RATE)
    async with talk(livekit_server, room_name) as t, Departures(t.stage, monkeypatch) as leaving:
        reply = t.say(voice)
        await t.viewer.until(lambda: len(slots(t.viewer, 0)) > 20)
        t.person.say(speech(1.0))
        await t.until_state("listening")
        assert not t.told.finished, "held, not ended"
        await t.until_state("speaking", 2)
        await asyncio.wait_for(reply, 20)
        await t.viewer.until(lambda: resting_after(t.viewer, 0) and max(slots(t.viewer, 0)) > 110)
        assert t.false_interruptions == [True]
        assert t.told.finished == [(5.0, False)]
        assert t.told.started == 1
        assert t.states[:3] == ["speaking", "listening", "speaking"]

        shown = [mark.rest for mark in marks(t.viewer)]
        first, last = shown.index(False), len(shown) - 1 - shown[::-1].index(False)
        assert sum(shown[first:last]) > 10, "the mouth rests while it is held"
        seen = slots(t.viewer, 0)
        assert seen == sorted(seen)
        _assert_said_once(leaving.hearing, voice)


def _assert_said_once(hearing: Hearing, voice: NDArray[np.int16]) -> None:
    """Every sample left the agent's track, and none twice, but for the ramps around the pause."""
    # without its silence: the pause, and what a busy machine's event loop cost
    voiced = Hearing(hearing.rate, [(at, samples) for at, samples in hearing.frames if samples.any()])
    said = [sample for _, _, sample in voiced.located(VoiceLocator({1: voice}))]
    jumps = np.diff(said)
    assert said[0] <= NEAR
    assert said[-1] > len(voice) - 0.06 * RATE - 2 * NEAR
    assert jumps.min() >= -NEAR, "nothing twice"
    assert jumps.max() <= 3 * NEAR, "nothing lost"


async def test_words_while_it_is_held_interrupt_it_and_the_next_reply_is_spoken(
    livekit_server: ServerAddress, room_name: str
) -> None:
    async with talk(livekit_server, room_name) as t:
        reply = t.say(marker_voice(1, 8 * RATE, RATE))
        await t.viewer.until(lambda: len(slots(t.viewer, 0)) > 20)
        t.person.say(speech(1.5))
        await t.until_state("listening")
        assert not t.told.finished
        t.ear.hear("Wait, I have a question.")
        await asyncio.wait_for(reply, 20)
        assert reply.interrupted
        ((position, interrupted),) = t.told.finished
        assert interrupted
        assert 0.5 < position < 6
        assert not t.false_interruptions

        await asyncio.wait_for(t.host.turn_taken.wait(), 20)
        await asyncio.wait_for(t.say(marker_voice(2, RATE, RATE)), 20)
        await t.viewer.until(lambda: resting_after(t.viewer, 1))
        assert t.told.started == 2
        assert t.told.finished[1:] == [(1.0, False)]


async def test_a_reply_that_must_not_be_interrupted_is_not_held(livekit_server: ServerAddress, room_name: str) -> None:
    voice = marker_voice(1, 4 * RATE, RATE)
    async with talk(livekit_server, room_name) as t:
        reply = t.say(voice, allow_interruptions=False)
        await t.viewer.until(lambda: len(slots(t.viewer, 0)) > 10)
        t.person.say(speech(1.0))
        await asyncio.wait_for(t.person_heard.wait(), 20)
        await asyncio.wait_for(reply, 20)
        await t.viewer.until(lambda: resting_after(t.viewer, 0))
        assert t.told.finished == [(4.0, False)]
        assert not t.false_interruptions
        assert t.states.count("speaking") == 1, "never held"


async def test_a_reply_that_begins_while_somebody_speaks_waits_for_them(
    livekit_server: ServerAddress, room_name: str
) -> None:
    """The session pauses its output before the first frame then, and resumes it when it is quiet."""
    async with talk(livekit_server, room_name) as t:
        t.person.say(speech(2.0))
        await asyncio.wait_for(t.person_heard.wait(), 20)
        reply = t.say(marker_voice(1, RATE, RATE))
        await asyncio.wait_for(reply, 30)
        assert t.told.finished == [(1.0, False)]
        assert t.told.started == 1
        await t.viewer.until(lambda: resting_after(t.viewer, 0))


async def test_closing_while_it_is_held_ends_the_reply(livekit_server: ServerAddress, room_name: str) -> None:
    async with talk(livekit_server, room_name) as t:
        t.say(marker_voice(1, 8 * RATE, RATE))
        await t.viewer.until(lambda: len(slots(t.viewer, 0)) > 10)
        t.person.say(speech(5.0))
        await t.until_state("listening")
        await asyncio.wait_for(t.stage.session.aclose(), 20)
        assert [interrupted for _, interrupted in t.told.finished] == [True]
        assert t.told.started == 1
