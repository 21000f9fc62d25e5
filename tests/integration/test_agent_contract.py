"""What a real `AgentSession` does with its audio output, on a real server: handoffs, switches, transcripts, closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import PlaybackProgressedEvent
from livekit.agents.voice.recorder_io import RecorderIO
from livekit.agents.voice.room_io import RoomOptions
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput

from livekit_bithuman.rtc import compat
from livekit_bithuman.rtc.session import AvatarSession
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage, agent_token, frames

from .people import Person, SpeakingModel
from .rooms import RATE, StageOf, Told, ViewerOf, marks, no_new_tasks, resting_after, slots, tail

pytestmark = pytest.mark.server


WORDS = "one two three four five six sev'n eight nine ten " * 6


@asynccontextmanager
async def agent_in(
    server: ServerAddress, room: str, *, hears: bool = False, **options: Any
) -> AsyncIterator[tuple[AgentSession[None], rtc.Room, AvatarSession]]:
    """An agent with an avatar, and with the session options given."""
    joined = rtc.Room()
    await joined.connect(server.url, agent_token(server.api_key, server.api_secret, room))
    session: AgentSession[None] = AgentSession(
        **{"vad": None, "turn_handling": {"turn_detection": "manual"}, **options}
    )
    avatar = AvatarSession(engine=MarkerEngine())
    try:
        await avatar.start(session, room=joined)
        room_options = RoomOptions(audio_input=hears, close_on_disconnect=False)
        if hears:
            room_options.participant_identity = "person"
        await session.start(Agent(instructions=""), room=joined, room_options=room_options)
        yield session, joined, avatar
    finally:
        await session.aclose()
        await avatar.aclose()
        await joined.disconnect()


def said(session: AgentSession[None]) -> list[str]:
    """What the agent's history says that it said."""
    return [
        item.text_content or "" for item in session.history.items if item.type == "message" and item.role == "assistant"
    ]


async def test_two_replies_in_a_row_are_spoken_one_after_the_other(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voices = {turn: marker_voice(turn, RATE, RATE) for turn in (0, 1)}
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        first, second = stage.say(voices[0], RATE), stage.say(voices[1], RATE)
        await second
        assert first.done()
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(1.0, False), (1.0, False)]
        assert told.started == 2
        order = [voice for _, voice, _ in viewer.heard(VoiceLocator(voices))]
        assert order == sorted(order)
        assert set(order) == {0, 1}


async def test_interrupting_the_session_ends_the_reply_and_leaves_the_protected_one(
    stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        stage.say(marker_voice(1, 5 * RATE, RATE), RATE)
        await told.until_started(1)
        await stage.session.interrupt()
        assert [interrupted for _, interrupted in told.finished] == [True]
        protected = stage.session.say("(marker)", audio=frames(marker_voice(2, RATE, RATE), RATE))
        protected.allow_interruptions = False
        await told.until_started(2)
        with pytest.raises(RuntimeError):
            protected.interrupt()
        await protected
        assert told.finished[1:] == [(1.0, False)]


async def test_audio_turned_off_and_on_again(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        stage.session.output.set_audio_enabled(False)
        await asyncio.wait_for(stage.session.say("written", audio=frames(marker_voice(1, RATE, RATE), RATE)), 20)
        assert not told.events, "a reply that is written only"
        assert said(stage.session) == ["written"]
        stage.session.output.set_audio_enabled(True)
        await asyncio.wait_for(stage.say(marker_voice(2, RATE, RATE), RATE), 20)
        assert told.finished == [(1.0, False)]
        assert told.started == 1
        await viewer.until(lambda: resting_after(viewer, 0))


async def test_audio_turned_off_in_mid_reply_holds_nothing_up(stage_of: StageOf) -> None:
    async with stage_of() as stage:
        told = Told(tail(stage))
        reply = stage.say(marker_voice(1, 3 * RATE, RATE), RATE)
        await told.until_started(1)
        stage.session.output.set_audio_enabled(False)
        await asyncio.wait_for(reply, 20)
        assert len(told.finished) == 1
        stage.session.output.set_audio_enabled(True)
        await asyncio.wait_for(stage.say(marker_voice(2, RATE, RATE), RATE), 20)
        assert told.finished[1:] == [(1.0, False)]


async def test_a_handoff_speaks_both_agents_through_one_avatar(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    entered: list[asyncio.Future[None]] = []

    class Successor(Agent):
        async def on_enter(self) -> None:
            await self.session.say("second", audio=frames(marker_voice(2, RATE, RATE), RATE))
            entered[0].set_result(None)

    async with stage_of() as stage, viewer_of() as viewer:
        entered.append(asyncio.get_running_loop().create_future())
        output = tail(stage)
        told = Told(output)
        await viewer.until(lambda: marks(viewer))
        stage.session.say("first", audio=frames(marker_voice(1, 2 * RATE, RATE), RATE))
        await told.until_started(1)
        stage.session.update_agent(Successor(instructions=""))
        await asyncio.wait_for(entered[0], 20)
        await viewer.until(lambda: resting_after(viewer, 1))
        assert told.finished == [(2.0, False), (1.0, False)]
        assert told.started == 2
        assert said(stage.session) == ["first", "second"]
        assert tail(stage) is output
        assert not viewer.unpublished


async def test_a_job_that_shuts_down_in_mid_reply(livekit_server: ServerAddress, room_name: str) -> None:
    """In a job's order: the session is closed, then the room left, and only then is the avatar told."""
    with no_new_tasks():
        async with agent_in(livekit_server, room_name) as (session, room, avatar):
            output = compat.audio_tail(session.output)
            assert output is not None
            told = Told(output)
            session.say("(marker)", audio=frames(marker_voice(1, 5 * RATE, RATE), RATE))
            await told.until_started(1)
            await asyncio.wait_for(session.aclose(), 20)
            assert [interrupted for _, interrupted in told.finished] == [True]
            await room.disconnect()
            await asyncio.wait_for(avatar.aclose(), 20)
            assert len(told.finished) == 1


@asynccontextmanager
async def plain_output(stage: Stage) -> AsyncIterator[_ParticipantAudioOutput]:
    """What an agent speaks through without an avatar, published."""
    plain = _ParticipantAudioOutput(
        stage.room,
        sample_rate=RATE,
        num_channels=1,
        track_publish_options=rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )
    await plain.start()
    try:
        yield plain
    finally:
        await plain.aclose()


async def test_a_reply_moves_from_the_avatar_to_plain_audio_and_the_next_one_back(
    stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    voices = {1: marker_voice(1, 3 * RATE, RATE), 2: marker_voice(2, RATE, RATE)}
    async with stage_of() as stage, viewer_of() as viewer, plain_output(stage) as plain:
        avatar = tail(stage)
        told, told_plain = Told(avatar), Told(plain)
        await viewer.until(lambda: marks(viewer))
        reply = stage.say(voices[1], RATE)
        await told.until_started(1)
        await viewer.until(lambda: len(slots(viewer, 0)) > 5)
        stage.session.output.replace_audio_tail(plain)
        await asyncio.wait_for(reply, 20)
        assert [interrupted for _, interrupted in told.finished] == [True], "what it had is cut, once"
        assert 0 < told.finished[0][0] < 3
        assert [interrupted for _, interrupted in told_plain.finished] == [False], "the rest is spoken plainly"

        stage.session.output.replace_audio_tail(avatar)
        await asyncio.wait_for(stage.say(voices[2], RATE), 20)
        assert told.finished[1:] == [(1.0, False)]
        assert told.started == 2
        await viewer.until(lambda: resting_after(viewer, 1))
        assert {voice for _, voice, _ in viewer.heard(VoiceLocator(voices))} == {1, 2}


async def test_a_reply_that_plain_audio_began_ends_with_the_avatar(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of() as stage, viewer_of() as viewer, plain_output(stage) as plain:
        avatar = tail(stage)
        told, told_plain = Told(avatar), Told(plain)
        given = asyncio.Event()

        async def slowly() -> AsyncIterator[rtc.AudioFrame]:
            async for frame in frames(marker_voice(1, RATE, RATE), RATE):
                yield frame
            await given.wait()
            async for frame in frames(marker_voice(2, RATE, RATE), RATE):
                yield frame

        await viewer.until(lambda: marks(viewer))
        stage.session.output.replace_audio_tail(plain)
        reply = stage.session.say("(marker)", audio=slowly())
        await told_plain.until_started(1)
        stage.session.output.replace_audio_tail(avatar)
        given.set()
        await asyncio.wait_for(reply, 20)
        assert told.finished == [(1.0, False)]
        assert told.started == 1
        await viewer.until(lambda: resting_after(viewer, 0))


# transcripts


async def test_a_reply_that_ends_is_in_the_history_whole(stage_of: StageOf) -> None:
    async with stage_of() as stage:
        await asyncio.wait_for(stage.session.say(WORDS, audio=frames(marker_voice(1, 2 * RATE, RATE), RATE)), 30)
        assert said(stage.session) == [WORDS]


async def test_the_history_of_an_interrupted_reply_ends_where_the_listener_was(
    stage_of: StageOf, viewer_of: ViewerOf
) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        reply = stage.session.say(WORDS, audio=frames(marker_voice(1, 15 * RATE, RATE), RATE))
        await viewer.until(lambda: len(slots(viewer, 0)) > 70)
        reply.interrupt()
        await asyncio.wait_for(reply, 20)
        (text,) = said(stage.session)
        assert WORDS.startswith(text.strip())
        spoken = len(text.split())
        print(f"{spoken} words in {told.finished[0][0]:.2f} s")
        # the synchronizer paces 3.83 syllables a second, and each of these words has one
        assert 0.5 < spoken / (3.83 * told.finished[0][0]) < 1.6


async def test_a_realtime_model_is_cut_where_the_listener_was(livekit_server: ServerAddress, room_name: str) -> None:
    model = SpeakingModel(marker_voice(1, 15 * RATE, RATE), RATE, WORDS)
    server = livekit_server
    async with agent_in(server, room_name, llm=model) as (session, _, __):
        output = compat.audio_tail(session.output)
        assert output is not None
        told = Told(output)
        viewer = Viewer.joining(server.url, server.api_key, server.api_secret, room_name)
        async with viewer:
            await viewer.until(lambda: marks(viewer))
            reply = session.generate_reply()
            await viewer.until(lambda: len(slots(viewer, 0)) > 50)
            reply.interrupt()
            await asyncio.wait_for(reply, 20)
        ((position, interrupted),) = told.finished
        assert interrupted
        (cut,) = model.truncations
        assert cut["audio_end_ms"] == int(position * 1000)
        assert 2_000 < cut["audio_end_ms"] < 15_000
        (text,) = said(session)
        assert cut["audio_transcript"] == text
        assert 0 < len(text.split()) < len(WORDS.split())
        assert WORDS.startswith(text.strip())

        model.voice, model.text = model.voice[:RATE], "all of it"
        await asyncio.wait_for(session.generate_reply(), 20)
        assert len(model.truncations) == 1, "a reply that ends is not cut"
        assert said(session)[1].strip() == "all of it"


# recordings


async def test_a_recording_holds_the_voice_where_it_was_heard_across_a_pause(
    livekit_server: ServerAddress, room_name: str, tmp_path: Path
) -> None:
    server, voice = livekit_server, marker_voice(1, 3 * RATE, RATE)
    async with (
        Person.joining(server, room_name, RATE),
        agent_in(server, room_name, hears=True) as (session, _, __),
        Viewer.joining(server.url, server.api_key, server.api_secret, room_name, audio=False) as viewer,
    ):
        sink = compat.audio_tail(session.output)
        assert sink is not None
        # as AgentSession does in a job that is recorded
        recorder = RecorderIO(agent_session=session)
        assert session.input.audio is not None
        assert session.output.audio is not None
        session.input.audio = recorder.record_input(session.input.audio)
        session.output.audio = recorder.record_output(session.output.audio)
        runs: list[PlaybackProgressedEvent] = []
        session.output.audio.on("playback_progressed", runs.append)
        await recorder.start(output_path=tmp_path / "audio.ogg")
        begun = recorder.recording_started_at
        assert begun is not None
        await viewer.until(lambda: marks(viewer))
        reply = session.say("(marker)", audio=frames(voice, RATE))
        await viewer.until(lambda: len(slots(viewer, 0)) > 20)
        sink.pause()
        held = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > held + 25)
        sink.resume()
        await asyncio.wait_for(reply, 20)
        await recorder.aclose()

    assert len(runs) == 2
    assert runs[0].offset == 0
    assert runs[1].offset == runs[0].duration
    assert runs[0].duration + runs[1].duration == pytest.approx(3.0)
    recorded = _right_channel(tmp_path / "audio.ogg")
    for run in runs:
        # half-way in a run the recording has the sample that was heard then, up to the codec's delay
        middle = round((run.offset + run.duration / 2) * RATE)
        at = round((run.started_at - begun + run.duration / 2) * RATE)
        place = VoiceLocator({1: voice}).locate(recorded[at : at + RATE // 10])
        assert place is not None
        assert abs(place[1] - middle) < 0.02 * RATE
    silent_from, silent_to = runs[0].started_at + runs[0].duration - begun, runs[1].started_at - begun
    between = recorded[round((silent_from + 0.05) * RATE) : round((silent_to - 0.05) * RATE)]
    assert len(between) > RATE // 2
    assert np.abs(between.astype(int)).max() < 300, "nothing was said in the pause"


def _right_channel(path: Path) -> Any:
    """The agent's side of a recording, int16 at `RATE`."""
    resampler = av.AudioResampler(format="s16p", layout="stereo", rate=RATE)
    with av.open(path) as container:
        parts = [made.to_ndarray()[1] for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate(parts)
