"""`livekit-bithuman worker` as a user runs it: a real face, its numbers, and its end in mid-sentence."""

from __future__ import annotations

import asyncio
import json
import signal
import uuid
import wave
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from livekit_bithuman.cli import main
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing.stage import agent_with_avatar
from tests.worker_process import WorkerProcess, running_worker

from .rooms import Told, ViewerOf, tail
from .test_worker_remote import told_ends, until_remote

SPEECH = Path(__file__).parents[1] / "data" / "speech.wav"

MEASURES = ("av_offset", "lookahead", "interrupt_to_silence", "playback_latency")
GAUGES_AND_COUNTS = (
    "voice_queue_seconds",
    "picture_queue",
    "underruns_total",
    "skipped_pictures_total",
    "step",
    "steps_down_total",
    "swaps_total",
    "engine_failures_total",
    "engine_restarts_total",
)

pytestmark = pytest.mark.server


@pytest.fixture
def worker_name() -> str:
    return f"worker-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def command(livekit_server: ServerAddress, worker_name: str) -> Iterator[WorkerProcess]:
    arguments = ("-m", "livekit_bithuman", "worker", "--name", worker_name, "--port", "0", "--capacity", "1")
    with running_worker(livekit_server, worker_name, *arguments, "--log", "json", ready="takes calls from") as worker:
        yield worker


def port_of(worker: WorkerProcess) -> int:
    line = next(line for line in worker.lines if "metrics at" in line)
    return int(line.rsplit(":", 1)[1].split("/")[0])


async def numbers(worker: WorkerProcess) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port_of(worker)}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def numbers_with(name: str, worker: WorkerProcess) -> dict[str, float]:
    """The numbers once one of them is not 0 any more."""

    async def look() -> dict[str, float]:
        while not (there := await numbers(worker))[f"livekit_bithuman_{name}"]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
        return there

    return await asyncio.wait_for(look(), 30)


async def is_ready(worker: WorkerProcess) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port_of(worker)}/ready") as answer:
        return answer.status


async def test_a_face_its_numbers_and_its_end(
    livekit_server: ServerAddress,
    room_name: str,
    command: WorkerProcess,
    worker_name: str,
    viewer_of: ViewerOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = livekit_server
    for name, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
        monkeypatch.setenv(f"LIVEKIT_{name}", value)
    with wave.open(str(SPEECH)) as file:
        rate = file.getframerate()
        voice = np.frombuffer(file.readframes(4 * rate), np.int16)
    avatar = AvatarSession("maya", remote=worker_name, size=(256, 256))
    assert await is_ready(command) == 200
    async with (
        agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar) as stage,
        viewer_of() as viewer,
    ):
        told = Told(tail(stage))
        await until_remote(stage)
        await viewer.until(lambda: len(viewer.pictures) > 25)
        assert (256, 256) in {picture.size for picture in viewer.pictures}
        assert await is_ready(command) == 503, "it has all that it serves"
        stage.say(voice, rate)
        await told.until_started(1)
        stage.session.output.audio.clear_buffer()  # type: ignore[union-attr]
        await told_ends(told, 1)
        await numbers_with("slowest_fps", command)  # none is told of an avatar that has just begun
        stage.say(voice, rate)
        await told.until_started(2)
        there = await numbers_with("av_offset_seconds_count", command)
        assert there["livekit_bithuman_avatars"] == there["livekit_bithuman_capacity"] == 1
        assert there["livekit_bithuman_load"] >= 0.7 - 1e-9, "full; more, if this machine is too busy as well"
        assert there["livekit_bithuman_sessions_total"] == 1
        assert there["livekit_bithuman_interruptions_total"] == 1
        assert there["livekit_bithuman_pictures_total"] > 25
        assert there["livekit_bithuman_frame_seconds_count"] == pytest.approx(
            there["livekit_bithuman_pictures_total"], abs=3
        )
        count = {name: there[f"livekit_bithuman_{name}_seconds_count"] for name in MEASURES}
        assert count["interrupt_to_silence"] == 1
        assert count["playback_latency"] == 2
        assert count["lookahead"] >= 1
        assert count["av_offset"] >= 1
        assert there["livekit_bithuman_interrupt_to_silence_seconds_sum"] < 0.5, "of a queue that is cleared"
        assert there["livekit_bithuman_slowest_fps"] > 0
        assert {f"livekit_bithuman_{name}" for name in GAUGES_AND_COUNTS} <= set(there)
        assert "lk_agents_worker_load" in " ".join(there), "livekit-agents' own are there as well"

        command.signal(signal.SIGTERM)
        await asyncio.to_thread(command.until_said, "an avatar left")
        position, interrupted = told.finished[1]
        assert position == pytest.approx(4.0)
        assert not interrupted, "the sentence was not cut"
        await asyncio.wait_for(asyncio.to_thread(command.process.wait), 30)
        assert command.process.returncode == 0
    fields = [json.loads(line) for line in command.lines if line.startswith("{")]
    joined = next(line for line in fields if line["message"] == "an avatar joins")
    assert joined["room"] == room_name
    assert len(joined["session"]) == 16
    assert not [line for line in fields if line["level"] == "ERROR" and line["logger"] == "livekit_bithuman"]
    assert "Traceback" not in command.text


def test_a_key_that_the_server_does_not_know(
    livekit_server: ServerAddress, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", livekit_server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", "unknown")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "a secret that is long enough for a token")
    assert main(["worker", "--capacity", "1", "--port", "0"]) == 77
    assert "does not know the key" in capsys.readouterr().err
