"""A machine that sleeps in mid-reply: the reply ends, and the next one is in step."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from livekit_bithuman.server import ServerAddress

from .rooms import ViewerOf, are_in_step, marks, resting_after, slots

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
ASLEEP_S = 3.0


class AgentProcess:
    """An agent with an avatar that this process can put to sleep."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def say(self, seed: int, seconds: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seed} {seconds}\n".encode())

    async def answer(self) -> Any:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, "the agent ended"
        return line.decode().strip()


@asynccontextmanager
async def agent_process(server: ServerAddress, room_name: str) -> AsyncIterator[AgentProcess]:
    command = [sys.executable, "-m", "tests.agent_process", server.url, server.api_key, server.api_secret, room_name]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        agent = AgentProcess(process)
        assert await agent.answer() == "ready"
        yield agent
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_machine_that_is_suspended_in_mid_reply(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf
) -> None:
    async with agent_process(livekit_server, room_name) as agent, viewer_of() as viewer:
        await viewer.until(lambda: marks(viewer))
        agent.say(1, 3)
        await viewer.until(lambda: len(slots(viewer, 0)) > 15)
        agent.send(signal.SIGSTOP)
        await asyncio.sleep(ASLEEP_S)  # how long it sleeps, not how long we wait for something
        agent.send(signal.SIGCONT)
        answer = json.loads(await agent.answer())
        assert answer["finished"] == [[3.0, False]]
        assert answer["started"] == 1
        assert answer["statistics"]["underruns"] >= 1
        assert are_in_step(answer["apart"][-20:]), "what was said after it woke"
        await viewer.until(lambda: resting_after(viewer, 0))
        agent.say(2, 2)
        answer = json.loads(await agent.answer())
        assert answer["finished"] == [[3.0, False], [2.0, False]]
        assert are_in_step(answer["apart"])
        await viewer.until(lambda: len(slots(viewer, 1)) > 25)
