"""An agent that converses without a key or a network: ears, mind, voice and face are this machine's.

    pip install "livekit-bithuman[offline]"
    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret
    python agents/offline_agent.py dev

It listens by Whisper (English), answers from a small script, and speaks with a local voice. With OPENAI_BASE_URL a
language model answers instead, one on this machine too: http://127.0.0.1:11434/v1 with OPENAI_MODEL=llama3.2, say.
"""

from livekit.agents import Agent, AgentServer, JobContext, JobProcess, cli

from livekit_bithuman import AvatarSession
from livekit_bithuman.environment import require_environment
from livekit_bithuman.local import LocalModels, local_session


def prewarm(process: JobProcess) -> None:
    """Load the models before somebody waits for them."""
    process.userdata["models"] = LocalModels.load()


# a busy machine takes longer than the usual ten seconds
server = AgentServer(setup_fnc=prewarm, initialize_process_timeout=60.0)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    session = local_session(ctx.proc.userdata["models"])

    avatar = AvatarSession()
    await avatar.start(session, room=ctx.room)

    await session.start(Agent(instructions="You are a friendly host. Answer in one or two sentences."), room=ctx.room)
    await ctx.wait_for_participant()
    await session.say("Hello! I listen, think and speak on this machine. Ask me for a story, or how I work.")


if __name__ == "__main__":
    require_environment()
    cli.run_app(server)
