"""AvatarSession in a real room: what a viewer sees and hears, and what the agent is told.

Nothing here asserts a time: counts, order and generation only. Times are measured by `bench/playout`.
"""

from __future__ import annotations

import asyncio
import logging
import threading

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import PlaybackStartedEvent
from livekit.agents.voice.room_io import RoomOptions

from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.playout import Playout
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.rtc import compat
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import agent_token, frames

from .rooms import RATE, StageOf, Told, ViewerOf, marks, resting_after, slots, tail

pytestmark = pytest.mark.server


async def test_a_turn_arrives_whole_and_in_step(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voice = marker_voice(1, 2 * RATE, RATE)
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.say(voice, RATE)
        await viewer.until(lambda: resting_after(viewer, 0))
        assert told.finished == [(2.0, False)]
        assert told.started == 1

        seen = slots(viewer, 0)
        assert seen == sorted(set(seen))
        assert len(seen) >= 40, "of 50 slots; a busy machine loses some on the way"
        assert viewer.pictures[0].mean > 30, "never black"
        assert all(width == height for width, height in (p.size for p in viewer.pictures)), "the encoder may halve both"

        heard = [sample for _, _, sample in viewer.heard(VoiceLocator({1: voice}))]
        assert min(heard) < 0.2 * RATE
        assert max(heard) > len(voice) - 0.2 * RATE
        assert np.mean(np.diff(heard) >= 0) > 0.95, "in order"


async def test_an_interruption_drops_the_old_voice_and_pictures(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    old, new = marker_voice(1, 5 * RATE, RATE), marker_voice(2, RATE, RATE)
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        handle = stage.say(old, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 20)
        await handle.interrupt()
        await handle
        await stage.say(new, RATE)
        await viewer.until(lambda: resting_after(viewer, 1))

        assert [interrupted for _, interrupted in told.finished] == [True, False]
        assert told.started == 2
        cut = told.finished[0][0]
        assert 0.8 < cut < 4.0
        assert told.finished[1][0] == 1.0

        order = [mark.turn for mark in marks(viewer) if not mark.rest]
        assert order == sorted(order), "no picture of the old generation after one of the new"
        assert max(slots(viewer, 0)) <= cut * 25
        voices = VoiceLocator({0: old, 1: new})
        heard = viewer.heard(voices)
        first_new = next(at for at, voice, _ in heard if voice == 1)
        assert not [at for at, voice, _ in heard if voice == 0 and at > first_new]
        assert max(sample for _, voice, sample in heard if voice == 0) <= cut * RATE + 0.02 * RATE


async def test_every_turn_after_interruptions_is_started_and_finished(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        for turn in range(10):
            handle = stage.say(marker_voice(turn, 3 * RATE, RATE), RATE)
            await viewer.until(lambda turn=turn: len(slots(viewer, turn)) > 3)
            await handle.interrupt()
            await handle
        assert told.started == 10
        assert [interrupted for _, interrupted in told.finished] == [True] * 10
        assert all(position > 0 for position, _ in told.finished)


async def test_a_pause_holds_voice_and_mouth_and_resumes_where_it_was(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voice = marker_voice(1, 3 * RATE, RATE)
    async with stage_of() as stage, viewer_of() as viewer:
        output = tail(stage)
        assert output.can_pause
        told = Told(output)
        await viewer.until(lambda: marks(viewer))
        speaking = stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 20)
        output.pause()
        held_from = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > held_from + 25)
        held = [picture.mark for picture in viewer.pictures[held_from + 3 :]]
        assert all(mark is not None and mark.rest for mark in held)
        assert not told.finished
        output.resume()
        await speaking
        await viewer.until(lambda: resting_after(viewer, 0) and max(slots(viewer, 0)) > 60)
        assert told.finished == [(3.0, False)]
        assert told.started == 1
        heard = [sample for _, _, sample in viewer.heard(VoiceLocator({1: voice}))]
        assert max(np.diff(heard)) < 0.3 * RATE, "nothing is lost over the pause"


async def test_closing_leaves_the_agent_and_takes_the_tracks(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        handle = stage.say(marker_voice(1, 5 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 10)
        await stage.avatar.aclose()
        await stage.avatar.aclose()
        assert [interrupted for _, interrupted in told.finished] == [True]
        await viewer.until(lambda: sorted(viewer.unpublished) == ["avatar_audio", "avatar_video"])
        assert stage.room.isconnected()
        assert list(viewer.room.remote_participants) == ["agent"]
        assert compat.audio_tail(stage.session.output) is None
        await asyncio.wait_for(handle.wait_for_playout(), 10)


async def test_closing_restores_the_previous_output(
    livekit_server: ServerAddress, room_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = livekit_server
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    session: AgentSession[None] = AgentSession()
    await session.start(Agent(instructions=""), room=room, room_options=RoomOptions(audio_input=False))
    before = compat.audio_tail(session.output)
    avatar = AvatarSession(engine=MarkerEngine())
    try:
        await avatar.start(session, room=room)
        assert compat.audio_tail(session.output) is not before
        await avatar.wait_for_join()
        await avatar.aclose()
        assert before is not None
        assert compat.audio_tail(session.output) is before
    finally:
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


async def test_a_second_avatar_is_refused_and_the_first_goes_on(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        first = tail(stage)
        with pytest.raises(InvalidStateError, match="has an avatar already"):
            await AvatarSession(engine=MarkerEngine()).start(stage.session, room=stage.room)
        assert tail(stage) is first
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 10)


async def test_a_failed_start_leaves_nothing_behind(livekit_server: ServerAddress, room_name: str) -> None:
    class Blind(MarkerEngine):
        closed = False

        def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
            raise RuntimeError("no eyes")

        def close(self) -> None:
            self.closed = True

    server = livekit_server
    room = rtc.Room()
    await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
    session: AgentSession[None] = AgentSession()
    engine = Blind()
    try:
        with pytest.raises(RuntimeError, match="no eyes"):
            await AvatarSession(engine=engine).start(session, room=room)
        assert session.output.audio is None
        assert not room.local_participant.track_publications
        assert engine.closed
    finally:
        await session.aclose()
        await room.disconnect()


async def test_nobody_in_the_room_delays_nothing(stage_of: StageOf) -> None:
    async with stage_of() as stage:
        told = Told(tail(stage))
        await asyncio.wait_for(stage.say(marker_voice(1, RATE, RATE), RATE).wait_for_playout(), 20)
        assert told.finished == [(1.0, False)]


@pytest.mark.parametrize(("audio", "video"), [(False, True), (True, False)])
async def test_viewers_of_one_track_alone_delay_nothing(
    stage_of: StageOf, viewer_of: ViewerOf, audio: bool, video: bool
) -> None:
    async with stage_of() as stage, viewer_of(audio=audio, video=video) as viewer:
        told = Told(tail(stage))
        if video:
            await viewer.until(lambda: marks(viewer))
        await asyncio.wait_for(stage.say(marker_voice(1, RATE, RATE), RATE).wait_for_playout(), 20)
        assert [interrupted for _, interrupted in told.finished] == [False]
        if video:
            await viewer.until(lambda: resting_after(viewer, 0))


async def test_a_late_viewer_sees_the_avatar(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage:
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        async with viewer_of() as viewer:
            await viewer.until(lambda: len(viewer.pictures) > 5)
            assert all(picture.mark is not None for picture in viewer.pictures)


async def test_any_rate_and_channel_count_is_spoken(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        output = tail(stage)
        told = Told(output)
        await viewer.until(lambda: marks(viewer))
        for rate, channels in ((8_000, 1), (22_050, 1), (48_000, 2)):
            count = rate // 2
            stereo = np.repeat(marker_voice(rate, count, rate)[:, None], channels, axis=1)
            await output.capture_frame(rtc.AudioFrame(stereo.tobytes(), rate, channels, count))
        output.flush()
        ended = await asyncio.wait_for(output.wait_for_playout(), 20)
        assert ended.playback_position == pytest.approx(1.5, abs=0.01)
        assert not ended.interrupted
        assert told.started == 1


async def test_an_engine_that_cannot_draw_any_more_leaves_the_voice(
    stage_of: StageOf,
    viewer_of: ViewerOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fading(MarkerEngine):
        def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
            if frame is not None and frame.turn == 0 and frame.index > 10:
                raise RuntimeError("out of paint")
            return super().draw(frame, presentation)

    voice = marker_voice(1, 2 * RATE, RATE)
    news: list[object] = []
    async with stage_of(engine=Fading()) as stage, viewer_of() as viewer:
        stage.avatar.on("engine_failed", news.append)
        stage.avatar.on("engine_recovered", lambda: news.append("recovered"))
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.say(voice, RATE)
        assert told.finished == [(2.0, False)]
        await stage.say(marker_voice(2, RATE, RATE), RATE)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert len(slots(viewer, 1)) > 12, "the face is back"
        heard = [sample for _, _, sample in viewer.heard(VoiceLocator({1: voice}))]
        assert max(heard) > 1.7 * RATE
        failures = stage.avatar.statistics.engine_failures
        assert failures >= 1, "again where a late picture showed it at rest in between"
        assert [str(item) for item in news] == ["out of paint", "recovered"] * failures
        assert stage.avatar.statistics.engine_restarts == 0, "an engine that was handed over cannot be made anew"
    complaints = [record for record in caplog.records if "engine failed" in record.message]
    assert len(complaints) == failures
    assert complaints[0].levelno == logging.ERROR


async def test_an_avatar_started_before_the_room_is_connected_appears_with_it(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf
) -> None:
    server = livekit_server
    room = rtc.Room()
    session: AgentSession[None] = AgentSession()
    avatar = AvatarSession(engine=MarkerEngine())
    await avatar.start(session, room=room)
    try:
        await room.connect(server.url, agent_token(server.api_key, server.api_secret, room_name))
        await session.start(Agent(instructions=""), room=room, room_options=RoomOptions(audio_input=False))
        await avatar.wait_for_join(timeout=20)
        async with viewer_of() as viewer:
            await session.say("(marker)", audio=frames(marker_voice(1, RATE, RATE), RATE))
            await viewer.until(lambda: resting_after(viewer, 0))
    finally:
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


async def test_no_task_is_left(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    before = asyncio.all_tasks()
    async with stage_of() as stage, viewer_of() as viewer:
        handle = stage.say(marker_voice(1, 3 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 3)
        handle.interrupt()
    left = {task for task in asyncio.all_tasks() - before if "avatar" in task.get_name()}
    assert not left


async def test_an_engine_that_never_returns_is_made_anew(
    stage_of: StageOf, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    made: list[MarkerEngine] = []

    class Stuck(MarkerEngine):
        def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
            if frame is not None and frame.index > 10:
                released.wait(60)
            return super().draw(frame, presentation)

    def make() -> MarkerEngine:
        made.append(MarkerEngine() if made else Stuck())
        return made[-1]

    voice = marker_voice(1, 4 * RATE, RATE)
    try:
        async with stage_of(engine=make) as stage, viewer_of() as viewer:
            told = Told(tail(stage))
            await viewer.until(lambda: marks(viewer))
            await stage.say(voice, RATE)
            await viewer.until(lambda: resting_after(viewer, 0))
            assert told.finished == [(4.0, False)]
            assert len(made) == 2
            assert stage.avatar.statistics.engine_restarts == 1
            seen = slots(viewer, 0)
            assert {8, 9, 10} & set(seen), "it was seen until it got stuck"
            assert max(seen) > 80, "the face is back within the reply"
            heard = [sample for _, _, sample in viewer.heard(VoiceLocator({1: voice}))]
            assert max(np.diff(heard)) < 0.3 * RATE, "the voice never stopped"
    finally:
        released.set()
    assert len([record for record in caplog.records if "engine failed" in record.message]) == 1


async def test_a_swap_in_mid_reply_keeps_the_tracks_and_the_voice(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voice = marker_voice(1, 3 * RATE, RATE)
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        reply = stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 20)
        await stage.avatar.swap(engine=MarkerEngine((256, 256)))
        await reply
        await viewer.until(lambda: resting_after(viewer, 0))
        assert told.finished == [(3.0, False)]
        sizes = [picture.size for picture in viewer.pictures]
        assert sizes[0] == (512, 512)
        assert sizes[-1] == (256, 256)
        seen = slots(viewer, 0)
        assert seen == sorted(set(seen))
        assert len(seen) > 55, "of 75"
        assert not viewer.unpublished


async def test_a_swap_that_fails_leaves_the_face(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        with pytest.raises(ValueError, match="20 FPS"):
            await stage.avatar.swap(engine=MarkerEngine(fps=20))
        seen = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > seen + 10)
    with pytest.raises(InvalidStateError, match="not running"):
        await stage.avatar.swap(engine=MarkerEngine())


async def test_the_face_can_be_taken_away_and_brought_back(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await stage.avatar.set_video_enabled(False)
        await viewer.until(lambda: viewer.unpublished == ["avatar_video"])
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        assert told.finished == [(1.0, False)]
        seen = len(viewer.pictures)
        await stage.avatar.set_video_enabled(True)
        await viewer.until(lambda: len(viewer.pictures) > seen + 10)


async def test_a_reply_that_comes_at_once_is_taken_as_it_is_spoken(stage_of: StageOf) -> None:
    async with stage_of() as stage:
        output = tail(stage)
        told = Told(output)
        voice = marker_voice(1, 60 * RATE, RATE)

        async def forward() -> int:
            taken = 0
            async for frame in frames(voice, RATE):
                await output.capture_frame(frame)
                taken += 1
            return taken

        forwarding = asyncio.create_task(forward())
        started = asyncio.Event()
        output.on("playback_started", lambda _: started.set())
        await asyncio.wait_for(started.wait(), 20)
        assert not forwarding.done(), "the queue is bounded: the forwarding task waits"
        output.clear_buffer()
        assert await asyncio.wait_for(forwarding, 20) == 3000, "a clear lets it go: what follows belongs nowhere"
        output.flush()
        assert [interrupted for _, interrupted in told.finished] == [True]


async def test_closing_lets_a_waiting_forwarding_task_go(stage_of: StageOf) -> None:
    async with stage_of() as stage:
        output = tail(stage)
        waiting = rtc.AudioFrame(bytes(2 * 5 * RATE), RATE, 1, 5 * RATE)
        forwarding = asyncio.create_task(output.capture_frame(waiting))
        output.pause()
        await asyncio.sleep(0)
        await stage.avatar.aclose()
        await asyncio.wait_for(forwarding, 20)


async def test_an_error_in_playout_or_in_a_listener_never_hangs_the_agent(
    stage_of: StageOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    advance = Playout.advance
    raised: list[float] = []

    def faulty(self: Playout, now: float) -> None:
        if len(raised) < 3:
            raised.append(now)
            raise RuntimeError("a fault")
        advance(self, now)

    async with stage_of() as stage:
        output = tail(stage)
        told = Told(output)

        def listener(event: PlaybackStartedEvent) -> None:
            raise RuntimeError("a bad listener")

        output.on("playback_started", listener)
        monkeypatch.setattr(Playout, "advance", faulty)
        await asyncio.wait_for(stage.say(marker_voice(1, RATE, RATE), RATE).wait_for_playout(), 20)
        assert told.finished == [(1.0, False)]
    assert len([record for record in caplog.records if "error in the avatar's playout" in record.message]) == 3


async def test_the_face_ends_as_the_last_of_many_calls_wanted_it(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        for last in (False, True):
            wanted = [True, False, True, False, last]
            await asyncio.gather(*(stage.avatar.set_video_enabled(value) for value in wanted))
            kinds = [p.kind for p in stage.room.local_participant.track_publications.values()]
            assert kinds.count(rtc.TrackKind.KIND_VIDEO) == int(last)
            assert kinds.count(rtc.TrackKind.KIND_AUDIO) == 1
        seen = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > seen + 5)


async def test_a_swap_that_meets_the_end_is_refused_and_leaves_no_engine(stage_of: StageOf) -> None:
    begun, release, closed = threading.Event(), threading.Event(), threading.Event()

    class Late(MarkerEngine):
        def close(self) -> None:
            closed.set()

    def make() -> MarkerEngine:
        begun.set()
        release.wait(20)
        return Late()

    async with stage_of() as stage:
        swapping = asyncio.ensure_future(stage.avatar.swap(engine=make))
        assert await asyncio.to_thread(begun.wait, 20)
        await stage.avatar.aclose()
        release.set()
        with pytest.raises(InvalidStateError):
            await swapping
    assert closed.is_set()
