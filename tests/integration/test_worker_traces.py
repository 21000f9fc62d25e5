"""Spans of an avatar on another machine: the worker's at a collector, the agent's own, and what connects them."""

from __future__ import annotations

import asyncio
import signal
import uuid

import pytest

from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import marker_voice
from livekit_bithuman.testing.stage import agent_with_avatar
from tests.worker_process import running_worker

from .rooms import RATE, Told, tail
from .test_worker_remote import told_ends, until_remote
from .traces import Spans, running_collector, told

pytestmark = pytest.mark.server


async def test_a_reply_and_a_worker_that_leaves(
    livekit_server: ServerAddress, room_name: str, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, name = livekit_server, f"worker-{uuid.uuid4().hex[:8]}"
    for variable, value in (("URL", server.url), ("API_KEY", server.api_key), ("API_SECRET", server.api_secret)):
        monkeypatch.setenv(f"LIVEKIT_{variable}", value)
    arguments = ("-m", "livekit_bithuman", "worker", "--name", name, "--port", "0", "--capacity", "1")
    async with running_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        starting = running_worker(server, name, *arguments, ready="takes calls from")
        worker = await asyncio.to_thread(starting.__enter__)
        try:
            avatar = AvatarSession("maya", remote=name, size=(128, 128))
            async with agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar) as stage:
                heard = Told(tail(stage))
                await until_remote(stage)
                stage.say(marker_voice(1, RATE, RATE), RATE)
                await told_ends(heard, 1)
                handle = stage.say(marker_voice(2, 20 * RATE, RATE), RATE)
                await heard.until_started(2)
                await handle.interrupt()
                await told_ends(heard, 2)
                worker.signal(signal.SIGTERM)
                await asyncio.to_thread(worker.process.wait, 60)
                while "leaving" not in [told(span, "reason") for span in spans.of("avatar_failover")]:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await collector.until(lambda: len(collector.of("avatar_segment")) == 2)
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)

    (start,) = spans.of("avatar_start")
    call = told(start, "call")
    assert isinstance(call, str)
    assert collector.of("avatar_start") == [{"session": call}]
    segments = collector.of("avatar_segment")
    assert [segment["session"] for segment in segments] == [call, call], "as the agent calls it"
    assert [segment["segment"] for segment in segments] == ["0", "1"]
    assert [segment["interrupted"] for segment in segments] == [False, True]
    failovers = spans.of("avatar_failover")
    if len(failovers) == 1:  # on a busy machine the agent may have given the avatar up for a moment
        assert [segment["position_s"] for segment in segments] == [pytest.approx(at) for at, _ in heard.finished]
    assert collector.services == {name}

    *doubts, last = failovers
    assert (told(last, "session"), told(last, "reason")) == (call, "leaving")
    assert told(last, "to") == "fallback", "no other worker is there"
    assert all(told(doubt, "reason") == "silent" for doubt in doubts)
