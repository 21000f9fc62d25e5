"""Two avatars in one room and one process, taking turns.

    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    python examples/two_avatars.py my-room

Join my-room with any LiveKit client to see them: each is a participant of its own. FACES=maya,me.avatar gives them
different faces. Needs livekit-bithuman[demo], for a voice.
"""

import asyncio
import contextlib
import os
import sys

from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from livekit_bithuman import AvatarSession
from livekit_bithuman.local import LocalVoice

DIALOGUE = [
    "Do you ever wonder who is watching us?",
    "All the time. But nobody can see that I do.",
    "I can. You looked to the left just now.",
    "That was you, I believe.",
]


class Speaker:
    """One agent with a face, in the room under its own name."""

    def __init__(self, name: str, face: str | None) -> None:
        self.name = name
        self.room = rtc.Room()
        self.session: AgentSession[None] = AgentSession(
            tts=LocalVoice(), vad=None, turn_handling={"turn_detection": "manual"}
        )
        self.avatar = AvatarSession(face)

    async def join(self, room: str) -> None:
        """Be seen, and ready to speak."""
        grants = api.VideoGrants(room_join=True, room=room, agent=True)
        token = api.AccessToken().with_identity(self.name).with_kind("agent").with_grants(grants).to_jwt()
        await self.room.connect(os.environ["LIVEKIT_URL"], token)
        await self.avatar.start(self.session, room=self.room)
        options = RoomOptions(audio_input=False, close_on_disconnect=False)  # they hear nobody, so not each other
        await self.session.start(Agent(instructions="You talk."), room=self.room, room_options=options)

    async def leave(self) -> None:
        """In the order in which a job ends."""
        await self.session.aclose()
        await self.avatar.aclose()
        await self.room.disconnect()


async def main(room: str) -> None:
    faces = [*filter(None, os.environ.get("FACES", "").split(",")), None, None]
    speakers = [Speaker("anna", faces[0]), Speaker("ben", faces[1])]
    try:
        await asyncio.gather(*(speaker.join(room) for speaker in speakers))
        print(f"anna and ben are in {room}", flush=True)
        for number, line in enumerate(DIALOGUE):
            await speakers[number % 2].session.say(line)  # done when the last word was heard
    finally:
        await asyncio.gather(*(speaker.leave() for speaker in speakers))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
