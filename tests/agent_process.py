"""An agent with an avatar in a process of its own: `python -m tests.agent_process URL KEY SECRET ROOM`.

For every line on standard input, SEED SECONDS, it speaks so much marker voice and answers with one line of JSON: what
the agent was told, and by how many slots the pictures left after their samples.
"""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.testing import MarkerEngine, marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar

from .integration.rooms import RATE, Departures, Told, tail


async def main(url: str, key: str, secret: str, room: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        avatar = AvatarSession(engine=MarkerEngine((256, 256)))
        async with agent_with_avatar(url, key, secret, room, avatar) as stage, Departures(stage, patch) as left:
            told = Told(tail(stage))
            print("ready", flush=True)
            turn = 0
            while line := await asyncio.to_thread(sys.stdin.readline):
                seed, seconds = map(int, line.split())
                voice = marker_voice(seed, seconds * RATE, RATE)
                await stage.say(voice, RATE)
                await asyncio.sleep(0.2)  # the last picture
                answer = {
                    "finished": told.finished,
                    "started": told.started,
                    "apart": left.slots_apart(turn, voice),
                    "statistics": vars(stage.avatar.statistics),
                }
                print(json.dumps(answer), flush=True)
                turn += 1


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
