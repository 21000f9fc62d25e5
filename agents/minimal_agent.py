"""The smallest agent with a face: three lines more than the same agent without one.

    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    python agents/minimal_agent.py dev

It greets whoever joins, with a local voice that needs no key.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from livekit_bithuman import AvatarSession
from livekit_bithuman.environment import require_environment
from livekit_bithuman.local import LocalVoice

server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    # it has a mouth and no ears yet: add stt, llm and turn detection here
    session: AgentSession[None] = AgentSession(tts=LocalVoice(), vad=None, turn_handling={"turn_detection": "manual"})

    avatar = AvatarSession()
    await avatar.start(session, room=ctx.room)

    await session.start(Agent(instructions="You are a friendly host."), room=ctx.room)
    await ctx.wait_for_participant()
    await session.say("Hello! I am an agent with a face, and all of it runs on this machine.")


if __name__ == "__main__":
    require_environment()
    cli.run_app(server)
