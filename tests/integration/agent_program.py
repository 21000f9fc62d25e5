"""An agent's program as its user runs it, in a process of its own that is sent into one room.

It is not dispatched there: livekit-server gives no jobs to workers of a machine that is busy, and says nothing. That
dispatch works is test_keyless_agents' to show.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from livekit_bithuman.server import ServerAddress

AGENTS = Path(__file__).parents[2] / "agents"
#: The program starts a process for its job, and that one loads what the agent needs.
PATIENCE_S = 90.0


class AgentProgram:
    """`python FILE connect --room ROOM`, whose output is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output: list[str] = []
        self._reading = asyncio.create_task(self._read(), name="reading what an agent prints")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.read(4096):
            self.output.append(line.decode(errors="replace"))

    async def stop(self) -> None:
        """As Ctrl-C does; what does not end by it is killed, and that is a failure."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except asyncio.TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
            raise
        finally:
            await self._reading
            print("".join(self.output)[-6000:])


@asynccontextmanager
async def agent_in(program: str, server: ServerAddress, room: str, **environment: str) -> AsyncIterator[AgentProgram]:
    """A file of agents/ in a room, as "agent"."""
    known = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(AGENTS / program),
        *("connect", "--room", room, "--participant-identity", "agent"),
        env={**clean_environment(), **known, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    running = AgentProgram(process)
    try:
        yield running
    finally:
        await running.stop()


def clean_environment() -> dict[str, str]:
    """This process's, without what would choose models, servers or avatars."""
    chosen = ("LIVEKIT_URL", "LIVEKIT_API_", "OPENAI_", "BITHUMAN_")
    return {name: value for name, value in os.environ.items() if not name.startswith(chosen)}


def first_words(program: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """How a program ends that is started with this environment alone, and what it prints."""
    done = subprocess.run(
        [sys.executable, str(AGENTS / program), *arguments],
        env={**clean_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_S,
        text=True,
    )
    return done.returncode, done.stdout
