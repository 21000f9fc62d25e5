"""Another face in mid-reply: the voice goes on, on the same tracks.

    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    FACES=maya,me.avatar python examples/hot_swap.py dev

FACES are names and files; left out, all characters that are installed. Needs livekit-bithuman[demo], for a voice.
"""

import asyncio
import itertools
import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from livekit_bithuman import AvatarSession
from livekit_bithuman.face.gallery import avatars
from livekit_bithuman.local import LocalVoice

FACES = list(filter(None, os.environ.get("FACES", "").split(","))) or [entry.name for entry in avatars()]

server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Speak to whoever joins, and change faces while speaking."""
    session: AgentSession[None] = AgentSession(tts=LocalVoice(), vad=None, turn_handling={"turn_detection": "manual"})
    avatar = AvatarSession(FACES[0])
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="You change faces."), room=ctx.room)
    await ctx.wait_for_participant()
    for face in itertools.islice(itertools.cycle(FACES), 1, 20):
        speech = session.say("I am about to look like somebody else, and you will not hear it. There we are.")
        await asyncio.sleep(2)
        await avatar.swap(face)  # the face before stays until this one is loaded
        await speech


if __name__ == "__main__":
    cli.run_app(server)
