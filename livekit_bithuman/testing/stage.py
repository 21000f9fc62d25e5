"""A real agent with an avatar in a real room, for tests and benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions
from livekit.agents.voice.speech_handle import SpeechHandle
from numpy.typing import NDArray

from ..rtc.session import AvatarSession

#: TTS services send their audio in frames of this length.
FRAME_S = 0.020


@dataclass
class Stage:
    """An agent in a room."""

    session: AgentSession[None]
    room: rtc.Room
    avatar: AvatarSession
    first_frame_at: float = 0.0  # when the last reply's first frame was taken, seconds of the loop's clock

    def say(self, voice: NDArray[np.int16], rate: int) -> SpeechHandle:
        """Let the agent speak samples, int16 mono, shape (n,), which come as fast as they are taken."""
        return self.session.say("(marker)", audio=self._dated(voice, rate), allow_interruptions=True)

    async def _dated(self, voice: NDArray[np.int16], rate: int) -> AsyncIterator[rtc.AudioFrame]:
        self.first_frame_at = asyncio.get_running_loop().time()
        async for frame in frames(voice, rate):
            yield frame


async def frames(voice: NDArray[np.int16], rate: int) -> AsyncIterator[rtc.AudioFrame]:
    """A voice as a TTS would stream it."""
    step = round(FRAME_S * rate)
    for start in range(0, len(voice), step):
        part = voice[start : start + step]
        yield rtc.AudioFrame(part.tobytes(), rate, 1, len(part))


def agent_token(key: str, secret: str, room: str, identity: str = "agent") -> str:
    """A token that admits an agent to a room."""
    grants = api.VideoGrants(room_join=True, room=room, agent=True, can_update_own_metadata=True)
    return api.AccessToken(key, secret).with_identity(identity).with_kind("agent").with_grants(grants).to_jwt()


@asynccontextmanager
async def agent_with_avatar(url: str, key: str, secret: str, room: str, avatar: AvatarSession) -> AsyncIterator[Stage]:
    """An `AgentSession` without models in `room`, started with `avatar`; closed in the order a job closes them."""
    joined = rtc.Room()
    await joined.connect(url, agent_token(key, secret, room))
    session: AgentSession[None] = AgentSession(vad=None, turn_handling={"turn_detection": "manual"})
    try:
        await avatar.start(session, room=joined)
        await session.start(
            Agent(instructions=""), room=joined, room_options=RoomOptions(audio_input=False, close_on_disconnect=False)
        )
        yield Stage(session, joined, avatar)
    finally:
        await session.aclose()
        await avatar.aclose()
        await joined.disconnect()
