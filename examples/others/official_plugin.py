"""livekit-plugins-bithuman with our engine under it: no key, no model file, no GPU.

    python examples/others/official_plugin.py dev

Needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and a plugin for a voice in the place that is marked.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import bithuman

from livekit_bithuman import AsyncBithuman

server = AgentServer()


async def face() -> bithuman.AvatarSession:
    """The plugin's own AvatarSession around our runtime."""
    runtime = await AsyncBithuman.create(filler_images=True)  # the face is seen between replies, too
    # the plugin asks for a secret and a path, and uses neither when it is given a runtime
    return bithuman.AvatarSession(runtime=runtime, model_path="unused.imx", api_secret="unused")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One job: one room, one agent, one face."""
    session: AgentSession[None] = AgentSession()  # your stt, llm and tts
    avatar = await face()
    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="You are a friendly host."), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
