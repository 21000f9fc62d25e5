"""An agent with a face whose ears, mind and voice are one model: OpenAI's realtime API, speech to speech.

    pip install "livekit-bithuman[openai]"
    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret OPENAI_API_KEY=sk-…
    python agents/openai_realtime_agent.py dev

The model itself decides when somebody speaks, and what it takes for speech ends its reply. It is then told how much of
that was heard, to the millisecond, and forgets the rest. OPENAI_BASE_URL names another server of that protocol.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai

from livekit_bithuman import AvatarSession
from livekit_bithuman.environment import require_environment

server = AgentServer(initialize_process_timeout=60.0)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    session: AgentSession[None] = AgentSession(llm=openai.realtime.RealtimeModel(model="gpt-realtime", voice="marin"))

    avatar = AvatarSession()
    await avatar.start(session, room=ctx.room)

    await session.start(Agent(instructions="You are a friendly host. Answer in one or two sentences."), room=ctx.room)
    await ctx.wait_for_participant()
    await session.generate_reply(instructions="Greet the user, and say that you have a face.")


if __name__ == "__main__":
    require_environment("OPENAI_API_KEY")
    cli.run_app(server)
