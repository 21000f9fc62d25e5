"""An agent with a face from bitHuman: a model that its SDK draws in this process, or an avatar of its cloud.

    pip install "livekit-bithuman[bithuman,offline]"
    export LIVEKIT_URL=ws://127.0.0.1:7880 LIVEKIT_API_KEY=devkey LIVEKIT_API_SECRET=secret BITHUMAN_API_SECRET=…
    export BITHUMAN_MODEL_PATH=person.imx    # a model; or, for the cloud, BITHUMAN_AVATAR_ID=A12BC…
    python agents/bithuman_agent.py dev

Where bitHuman cannot be had, the built-in character speaks. Ears, mind and voice are OpenAI's where OPENAI_API_KEY is
set, else this machine's own.
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobProcess, cli, inference

from livekit_bithuman import AvatarSession
from livekit_bithuman.environment import require_environment
from livekit_bithuman.local import LocalModels, local_session


def prewarm(process: JobProcess) -> None:
    """Load the models before somebody waits for them, where they are this machine's."""
    if not os.environ.get("OPENAI_API_KEY"):
        process.userdata["models"] = LocalModels.load()


server = AgentServer(setup_fnc=prewarm, initialize_process_timeout=60.0)


def conversation(process: JobProcess) -> AgentSession[None]:
    """A session that listens, thinks and speaks."""
    if "models" in process.userdata:
        return local_session(process.userdata["models"])
    from livekit.plugins import openai

    return AgentSession(
        vad=inference.VAD(model="silero"),
        stt=openai.STT(),
        llm=openai.LLM(model="gpt-4.1-mini"),
        tts=openai.TTS(response_format="pcm"),
        turn_handling={"turn_detection": "vad", "interruption": {"mode": "vad"}},
    )


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    session = conversation(ctx.proc)

    avatar = AvatarSession(avatar_id=os.environ.get("BITHUMAN_AVATAR_ID"), fallback="embedded")
    await avatar.start(session, room=ctx.room)

    await session.start(Agent(instructions="You are a friendly host. Answer in one or two sentences."), room=ctx.room)
    await ctx.wait_for_participant()
    await session.say("Hello! My face comes from bitHuman.")


if __name__ == "__main__":
    face = "BITHUMAN_AVATAR_ID" if os.environ.get("BITHUMAN_AVATAR_ID") else "BITHUMAN_MODEL_PATH"
    require_environment("BITHUMAN_API_SECRET", face)
    cli.run_app(server)
