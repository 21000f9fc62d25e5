"""`agents/openai_agent.py` in jobs that are recorded, as a project of LiveKit Cloud asks for; the audio stays here.

KEPT_RECORDING names the file that the audio is copied to when the session has ended.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path

from livekit.agents import AgentServer, JobContext, cli

sys.path.insert(0, str(Path(__file__).parents[2] / "agents"))
openai_agent = importlib.import_module("openai_agent")

server = AgentServer(initialize_process_timeout=60.0)


async def keep(ctx: JobContext) -> None:
    """The job's directory goes when this has returned."""
    recording, kept = ctx.make_session_report().audio_recording_path, Path(os.environ["KEPT_RECORDING"])
    assert recording is not None
    shutil.copyfile(recording, kept.with_suffix(".part"))
    kept.with_suffix(".part").rename(kept)


@server.rtc_session(on_session_end=keep)
async def entrypoint(ctx: JobContext) -> None:
    """The agent's own, in a recorded job."""
    ctx.job.enable_recording = True
    await openai_agent.entrypoint(ctx)


if __name__ == "__main__":
    cli.run_app(server)
