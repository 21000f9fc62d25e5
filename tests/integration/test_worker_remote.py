"""`AvatarSession(remote=…)`: an agent whose face a real worker draws, in a process of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest
from livekit import rtc
from livekit.agents.metrics.base import AvatarMetrics

from livekit_bithuman import ReplyMetrics
from livekit_bithuman.rtc.dispatch import WorkerFace
from livekit_bithuman.rtc.dispatch import face as dispatch_face
from livekit_bithuman.rtc.dispatch.call import METRICS_TOPIC
from livekit_bithuman.rtc.dispatch.pulse import Progress
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_with_avatar
from tests.worker_process import WorkerProcess, running_worker

from .rooms import RATE, Told, ViewerOf, marks, no_new_tasks, resting_after, slots, tail

pytestmark = pytest.mark.server

RemoteStageOf = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def worker_name() -> str:
    return f"worker-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def worker(livekit_server: ServerAddress, worker_name: str) -> Iterator[WorkerProcess]:
    with running_worker(livekit_server, worker_name) as running:
        yield running


@pytest.fixture
def other_worker(livekit_server: ServerAddress, worker_name: str) -> Iterator[WorkerProcess]:
    with running_worker(livekit_server, worker_name) as running:
        yield running


@pytest.fixture
def remote_stage_of(
    livekit_server: ServerAddress, room_name: str, worker_name: str, monkeypatch: pytest.MonkeyPatch
) -> RemoteStageOf:
    server = livekit_server
    monkeypatch.setenv("LIVEKIT_URL", server.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", server.api_secret)

    def make(**options: object) -> AbstractAsyncContextManager[Stage]:
        avatar = AvatarSession(**{"remote": worker_name, **options})  # type: ignore[arg-type]
        return agent_with_avatar(server.url, server.api_key, server.api_secret, room_name, avatar)

    return make


def face_of(stage: Stage) -> WorkerFace:
    face = stage.avatar._face
    assert isinstance(face, WorkerFace)
    return face


async def until_remote(stage: Stage) -> str:
    """The avatar's identity, once the agent speaks through it."""

    async def look() -> None:
        while not face_of(stage).speaks_by_avatar:  # noqa: ASYNC110 - nothing tells a test
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), 40)
    return face_of(stage).identity


def own_voices(stage: Stage) -> int:
    tracks = stage.room.local_participant.track_publications.values()
    return sum(track.kind == rtc.TrackKind.KIND_AUDIO for track in tracks)


def unheard(heard: list[tuple[float, int, int]], voice: int, seconds: float) -> list[float]:
    """The tenths of a second of a voice, but for its edges, that nobody heard."""
    tenths = {round(sample / RATE * 10) for _, which, sample in heard if which == voice}
    missing = [tenth / 10 for tenth in range(3, round(seconds * 10) - 3) if tenth not in tenths]
    print(f"not heard of voice {voice}: {missing}")
    return missing


def said_twice(heard: list[tuple[float, int, int]]) -> list[float]:
    """The tenths of a second of a voice that were heard at moments that lie far apart."""
    moments: dict[int, list[float]] = {}
    for at, _, sample in heard:
        moments.setdefault(round(sample / RATE * 10), []).append(at)
    twice = [tenth / 10 for tenth, times in sorted(moments.items()) if max(times) - min(times) > 0.4]
    print(f"heard twice: {twice}")
    return twice


async def test_an_agent_speaks_through_a_worker(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf
) -> None:
    voice = marker_voice(1, 2 * RATE, RATE)
    with no_new_tasks():
        async with remote_stage_of() as stage, viewer_of() as viewer:
            told = Told(tail(stage))
            identity = await until_remote(stage)
            assert identity.startswith("livekit-bithuman-avatar-")
            await viewer.until(lambda: marks(viewer))
            handle = stage.say(voice, RATE)
            await asyncio.wait_for(handle.wait_for_playout(), 20)
            await viewer.until(lambda: resting_after(viewer, 0))
            assert told.finished == [(2.0, False)]
            assert told.started == 1
            assert len(set(slots(viewer, 0))) > 40, "of 50"
            assert own_voices(stage) == 1, "the one that stands by"
            watched = stage.room
        assert identity not in watched.remote_participants or not watched.isconnected()
    await asyncio.to_thread(worker.until_said, "an avatar left")
    assert len(unheard(viewer.heard(VoiceLocator({1: voice})), 1, 2.0)) < 4


async def test_interruption_and_pause_through_a_worker(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf
) -> None:
    first, second = marker_voice(1, 4 * RATE, RATE), marker_voice(2, 6 * RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        assert tail(stage).can_pause

        stage.say(first, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 30)
        tail(stage).pause()
        await viewer.until(lambda: resting_after(viewer, 0))
        paused = asyncio.get_running_loop().time() + 0.3
        await asyncio.sleep(1.0)
        silence = [level for at, level in viewer.loudness(paused)]
        assert not told.finished
        tail(stage).resume()
        await told_ends(told, 1)
        handle = stage.say(second, RATE)
        await told.until_started(2)
        await asyncio.sleep(1.0)
        handle.interrupt()
        await told_ends(told, 2)
        await asyncio.sleep(0.3)  # what is still on its way to the viewer
    # located where nothing waits for it: it takes a while
    whole, (cut, interrupted) = told.finished
    heard = viewer.heard(VoiceLocator({1: first, 2: second}))
    assert whole == (4.0, False)
    assert interrupted
    assert told.started == 2, "a pause begins nothing"
    assert max(silence) < 0.01
    assert len(unheard(heard, 1, 4.0)) < 8
    last = max(sample for _, voice, sample in heard if voice == 2)
    assert abs(last / RATE - cut) < 0.15


async def test_the_agent_is_told_what_its_worker_measured_of_each_reply(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf
) -> None:
    async with remote_stage_of() as stage, viewer_of() as viewer:
        metrics: list[AvatarMetrics] = []
        stage.avatar.on("metrics_collected", metrics.append)
        await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        forged = ReplyMetrics(timestamp=0.0, session_id=face_of(stage).call_id, segment_id=0)
        packet = forged.model_dump_json()
        await viewer.room.local_participant.publish_data(packet, topic=METRICS_TOPIC, destination_identities=["agent"])
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        handle = stage.say(marker_voice(2, 6 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 1)) > 20)
        await handle.interrupt()
        await handle
        call = face_of(stage).call_id
    whole, cut = (each for each in metrics if isinstance(each, ReplyMetrics))
    assert (whole.session_id, cut.session_id) == (call, call)
    assert (whole.playback_position, whole.interrupted) == (1.0, False)
    assert whole.pictures + whole.skipped_pictures >= 15
    assert whole.av_offset is not None
    assert cut.interrupted
    assert cut.interrupt_to_silence is not None
    latencies = [each.playback_latency for each in metrics if each.playback_latency]
    assert latencies == [whole.playback_latency, cut.playback_latency], "no latency is told twice"


async def told_ends(told: Told, count: int) -> None:
    async def look() -> None:
        while len(told.finished) < count:
            told._rung.clear()
            await told._rung.wait()

    await asyncio.wait_for(look(), 30)


async def test_a_worker_with_livekit_agents_own_receiver_serves_as_well(
    livekit_server: ServerAddress, worker_name: str, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf
) -> None:
    voice, second = marker_voice(1, 3 * RATE, RATE), marker_voice(2, RATE, RATE)
    with running_worker(livekit_server, worker_name, "-m", "tests.stock_worker", worker_name):
        async with remote_stage_of() as stage, viewer_of() as viewer:
            told = Told(tail(stage))
            await until_remote(stage)
            stage.say(voice, RATE)
            await told.until_started(1)
            await asyncio.sleep(1.0)
            tail(stage).pause()
            await asyncio.sleep(1.5)
            assert not told.finished
            tail(stage).resume()
            await told_ends(told, 1)
            handle = stage.say(second, RATE)
            await told.until_started(2)
            handle.interrupt()
            await told_ends(told, 2)
            assert face_of(stage).speaks_by_avatar, "who tells no progress is not lost for it"
            assert len(viewer.pictures) > 25
    (position, interrupted), (_, cut) = told.finished
    assert position == pytest.approx(3.0, abs=0.2), "as that receiver counts"
    assert not interrupted
    assert cut


async def test_nobody_answers_and_the_voice_goes_on_with_one_warning(
    remote_stage_of: RemoteStageOf, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    voice = marker_voice(1, RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(viewer.loudness)
        handle = stage.say(voice, RATE)
        await asyncio.wait_for(handle.wait_for_playout(), 30)
        await asyncio.sleep(0.3)  # what is still on its way to the viewer
        assert told.finished == [(1.0, False)]
        assert not face_of(stage).speaks_by_avatar
    ours = [record for record in caplog.records if record.name == "livekit_bithuman"]
    (warning,) = [record.getMessage() for record in ours if record.levelno >= logging.WARNING]
    assert warning == "the avatar did not join the room within 5 s; the agent speaks without it"
    assert len(unheard(viewer.heard(VoiceLocator({1: voice})), 1, 1.0)) < 4


async def test_a_worker_that_is_killed_in_mid_sentence_costs_a_moment_and_nothing_else(
    livekit_server: ServerAddress,
    worker: WorkerProcess,
    other_worker: WorkerProcess,
    remote_stage_of: RemoteStageOf,
    viewer_of: ViewerOf,
) -> None:
    voice, next_voice = marker_voice(1, 6 * RATE, RATE), marker_voice(2, 2 * RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        first = await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 40)
        (worker if "an avatar joins" in worker.text else other_worker).signal(signal.SIGKILL)
        await told_ends(told, 1)
        assert told.finished == [(6.0, False)]
        assert told.started == 1
        second = await until_remote(stage)
        assert second != first
        before = len(viewer.pictures)
        await viewer.until(lambda: marks(viewer, before))
        stage.say(next_voice, RATE)
        await told_ends(told, 2)
        await viewer.until(lambda: len(set(slots(viewer, 0, before))) > 35)
        assert told.finished[1] == (2.0, False)
    assert len(unheard(viewer.heard(VoiceLocator({1: voice})), 1, 6.0)) < 8


async def test_another_worker_goes_on_with_the_reply_at_a_pause_of_the_voice(
    livekit_server: ServerAddress,
    worker: WorkerProcess,
    other_worker: WorkerProcess,
    remote_stage_of: RemoteStageOf,
    viewer_of: ViewerOf,
) -> None:
    voice, pause = marker_voice(1, 20 * RATE, RATE), round(0.3 * RATE)
    for second in range(1, 20):
        voice[second * RATE : second * RATE + pause] = 0
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        first = await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 40)
        (worker if "an avatar joins" in worker.text else other_worker).signal(signal.SIGKILL)
        while face_of(stage).speaks_by_avatar:  # noqa: ASYNC110 - nothing tells a test
            await asyncio.sleep(0.02)
        second_one = await until_remote(stage)
        assert second_one != first
        before = len(viewer.pictures)
        await viewer.until(lambda: len(set(slots(viewer, 0, before))) > 50)
        assert not told.finished, "the same reply"
        goes_on = asyncio.get_running_loop().time()
        await told_ends(told, 1)
        assert told.finished == [(20.0, False)]
        assert told.started == 1
    heard = viewer.heard(VoiceLocator({1: voice}), since=goes_on - 4.0)
    assert len(said_twice(heard)) < 4, "but for what was on its way"
    first_second, last_second = (round(at(sample for _, _, sample in heard) / RATE) for at in (min, max))
    spoken = {round(sample / RATE * 10) for _, _, sample in heard}
    due = [10 * second + tenth for second in range(first_second + 1, last_second) for tenth in range(4, 10)]
    assert len(set(due) - spoken) < 4, "and nothing is skipped"


async def test_a_worker_that_hangs_is_missed_even_if_its_first_word_came_amid_the_reply(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice, speaks, read = marker_voice(1, 6 * RATE, RATE), asyncio.Event(), Progress.read
    monkeypatch.setattr(Progress, "read", lambda data: read(data) if speaks.is_set() else None)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        face_of(stage)._attendance.stop()  # type: ignore[union-attr]  # or who comes would wake it: the viewer, late
        stage.say(voice, RATE)
        await told.until_started(1)
        speaks.set()
        await viewer.until(lambda: len(slots(viewer, 0)) > 40)
        worker.signal(signal.SIGSTOP)
        try:
            await told_ends(told, 1)
        finally:
            worker.signal(signal.SIGCONT)
        assert told.finished == [(6.0, False)]
        await asyncio.sleep(0.3)  # what is still on its way to the viewer
    assert len(unheard(viewer.heard(VoiceLocator({1: voice})), 1, 6.0)) < 8


async def test_a_worker_that_was_suspended_is_sent_away_when_it_comes_back(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf
) -> None:
    voice = marker_voice(1, 6 * RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        first = await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 30)
        worker.signal(signal.SIGSTOP)
        try:
            await told_ends(told, 1)
        finally:
            worker.signal(signal.SIGCONT)
        assert told.finished == [(6.0, False)]
        second = await until_remote(stage)
        assert second != first
        assert first not in stage.room.remote_participants
    await asyncio.to_thread(worker.until_said, "an avatar left")


async def test_a_worker_that_was_only_busy_keeps_its_avatar(
    worker: WorkerProcess, remote_stage_of: RemoteStageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_face, "DOUBTED_S", 10.0)  # whatever else this machine does
    voice, next_voice = marker_voice(1, 4 * RATE, RATE), marker_voice(2, 2 * RATE, RATE)
    async with remote_stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        first = await until_remote(stage)
        await viewer.until(lambda: marks(viewer))
        stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 30)
        worker.signal(signal.SIGSTOP)
        await asyncio.sleep(0.6)
        worker.signal(signal.SIGCONT)
        await told_ends(told, 1)
        assert await until_remote(stage) == first
        stage.say(next_voice, RATE)
        await told_ends(told, 2)
        assert told.finished == [(4.0, False), (2.0, False)]
        assert told.started == 2
        await asyncio.sleep(0.3)  # what is still on its way to the viewer
    heard = viewer.heard(VoiceLocator({1: voice, 2: next_voice}))
    assert len(unheard(heard, 1, 4.0)) < 8
    assert len(unheard(heard, 2, 2.0)) < 6
