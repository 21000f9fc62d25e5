"""An agent that hears, thinks and speaks with OpenAI, and has a face.

    pip install "livekit-bithuman[openai]"
    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret OPENAI_API_KEY=sk-…
    python agents/openai_agent.py dev

Who speaks while it does stops it; after a cough it goes on where it was. With OPENAI_BASE_URL another server is asked
that speaks OpenAI's protocol.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, inference
from livekit.plugins import openai

from livekit_bithuman import AvatarSession
from livekit_bithuman.environment import require_environment

server = AgentServer(initialize_process_timeout=60.0)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    session: AgentSession[None] = AgentSession(
        vad=inference.VAD(model="silero"),
        stt=openai.STT(model="gpt-4o-mini-transcribe"),
        llm=openai.LLM(model="gpt-4.1-mini"),
        tts=openai.TTS(model="gpt-4o-mini-tts", voice="coral", response_format="pcm"),  # needs no decoder
        turn_handling={
            "turn_detection": "vad",
            "interruption": {"mode": "vad", "resume_false_interruption": True, "false_interruption_timeout": 1.5},
        },
    )

    avatar = AvatarSession()
    await avatar.start(session, room=ctx.room)

    await session.start(Agent(instructions="You are a friendly host. Answer in one or two sentences."), room=ctx.room)
    await ctx.wait_for_participant()
    await session.say("Hello! I am an agent with a face. Ask me anything.")


if __name__ == "__main__":
    require_environment("OPENAI_API_KEY")
    cli.run_app(server)
