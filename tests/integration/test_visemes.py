"""The mouths that an avatar sends as data packets, as a viewer gets them from a real server.

Nothing here asserts a time: counts, order, generation and contents only. Rates are measured by `bench/costs.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
from livekit import api, rtc
from livekit.agents import AgentSession
from numpy.typing import NDArray

from livekit_bithuman import AvatarSession, VisemePacket
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.pose import Picture, Presentation, resting_mouth
from livekit_bithuman.rtc.viseme_sender import RESTS
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import MarkerEngine, Viewer
from livekit_bithuman.testing.stage import frames

from .rooms import RATE, StageOf, Told, ViewerOf, marks, no_new_tasks, slots

pytestmark = pytest.mark.server

SPEECH = Path(__file__).parents[1] / "data" / "speech.wav"
#: An avatar that speaks visemes and is drawn small, so that a busy machine draws it in time.
SPEAKING = {"engine": None, "size": (64, 64), "visemes": True}


def speech() -> NDArray[np.int16]:
    """4.3 s at `RATE`."""
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    assert rate == RATE
    return np.asarray(samples, np.int16)


def packets(viewer: Viewer) -> list[VisemePacket]:
    return [packet for _, packet in viewer.visemes]


def at_rest(packet: VisemePacket) -> bool:
    return packet.segment is None and np.array_equal(packet.weights, resting_mouth())


def of_segment(viewer: Viewer, segment: int) -> list[VisemePacket]:
    return [packet for packet in packets(viewer) if packet.segment == segment]


def came_to_rest(viewer: Viewer, segment: int) -> bool:
    """Whether the last packet is one at rest, after some of `segment`."""
    return bool(of_segment(viewer, segment)) and at_rest(packets(viewer)[-1])


def recorded_mouths(path: Path) -> dict[tuple[int, int | None, int], list[int]]:
    """The mouth of each picture in a recording, in 1/255, by generation, segment and slot."""
    entries = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    pictures = [entry for entry in entries if entry[0] == "picture" and len(entry) > 3]
    return {(entry[4], entry[5], entry[6]): entry[7][0] for entry in pictures}


async def test_a_replys_packets_are_the_mouths_of_its_pictures(
    stage_of: StageOf, viewer_of: ViewerOf, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    async with stage_of(**SPEAKING, record=path, record_voice=True) as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        assert viewer.visemes == [], "nothing is said yet"
        await stage.say(speech(), RATE)
        await viewer.until(lambda: came_to_rest(viewer, 0))
        seen = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > seen + 25)
        assert stage.avatar.statistics.unsent_visemes == 0
        told = packets(viewer)
        shown = {(p.info.segment, p.info.slot) for p in viewer.pictures if p.info and p.info.segment is not None}

    assert [packet.sequence for packet in told] == sorted({packet.sequence for packet in told})
    assert {(packet.fps, packet.generation) for packet in told} == {(25, 0)}
    said = [packet.slot for packet in told if packet.segment == 0]
    assert said == sorted(set(said))
    assert len(said) >= 10, "of 108 slots; a very busy machine skips most"
    assert len(shown & {(0, slot) for slot in said}) > 5, "of the pictures that the viewer saw"
    moving = max(index for index, packet in enumerate(told) if not at_rest(packet))
    assert len(told) - 1 - moving <= RESTS, "the avatar is idle since"
    mouths = recorded_mouths(path)
    for packet in told:
        of_picture = mouths[packet.generation, packet.segment, packet.slot]
        assert np.rint(packet.weights * 255).astype(int).tolist() == of_picture
    assert max(packet.openness for packet in told) > 0.2


async def test_an_interruption_closes_the_mouth(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of(**SPEAKING) as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        handle = stage.say(speech(), RATE)
        await viewer.until(lambda: len(of_segment(viewer, 0)) > 5)
        await handle.interrupt()
        await handle
        await viewer.until(lambda: came_to_rest(viewer, 0))
        cut = packets(viewer)
        await stage.say(speech(), RATE)
        await viewer.until(lambda: came_to_rest(viewer, 1))
        told = packets(viewer)

    assert at_rest(cut[-1])
    generations = [packet.generation for packet in told]
    assert set(generations) == {0, 1}
    assert generations == sorted(generations)
    after = [packet for packet in cut if packet.generation == 1]
    assert all(packet.segment is None for packet in after), "nothing of the old reply comes after its end"
    assert sum(not at_rest(packet) for packet in after) <= 4, "120 ms of pictures"
    assert {packet.generation for packet in told if packet.segment == 1} == {1}


async def test_without_the_video_the_visemes_go_on(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    class Drawing(EmbeddedEngine):
        spoken = 0  # pictures of speech that were drawn

        def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
            self.spoken += frame is not None
            return super().draw(frame, presentation)

    engine = Drawing(size=(64, 64))
    async with stage_of(engine=engine, visemes=True) as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        await stage.avatar.set_video_enabled(False)
        await viewer.until(lambda: viewer.unpublished == ["avatar_video"])
        seen = len(viewer.pictures)
        await stage.say(speech(), RATE)
        await viewer.until(lambda: came_to_rest(viewer, 0))
        assert len(of_segment(viewer, 0)) > 10
        assert engine.spoken == 0, "what nobody sees is not drawn"
        assert all(picture.size == (8, 8) for picture in viewer.pictures[seen:]), "how livekit ends a track"


async def test_they_are_sent_by_request_alone_and_by_engines_that_have_mouths(
    stage_of: StageOf, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage_of(engine=MarkerEngine(), visemes=True) as stage, viewer_of() as viewer:
        await viewer.until(lambda: marks(viewer))
        await stage.say(speech(), RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 80)
        assert viewer.visemes == []
        await stage.avatar.aclose()
        plain = AvatarSession(size=(64, 64))
        await plain.start(stage.session, room=stage.room)
        await stage.say(speech(), RATE)
        await plain.aclose()
        assert viewer.visemes == []
    assert not [record for record in caplog.records if "visemes" in record.getMessage()]


async def test_a_room_that_refuses_data_has_voice_and_face_all_the_same(
    livekit_server: ServerAddress, room_name: str, viewer_of: ViewerOf, caplog: pytest.LogCaptureFixture
) -> None:
    server = livekit_server
    grants = api.VideoGrants(room_join=True, room=room_name, agent=True, can_publish_data=False)
    token = api.AccessToken(server.api_key, server.api_secret).with_identity("agent").with_kind("agent")
    room = rtc.Room()
    await room.connect(server.url, token.with_grants(grants).to_jwt())
    session: AgentSession[None] = AgentSession(vad=None)
    avatar = AvatarSession(size=(64, 64), visemes=True)
    try:
        with no_new_tasks():
            await avatar.start(session, room=room)
            assert session.output.audio is not None
            output, told = session.output.audio, Told(session.output.audio)
            async with viewer_of() as viewer:
                await viewer.until(lambda: viewer.pictures)
                async for frame in frames(speech(), RATE):
                    await output.capture_frame(frame)
                output.flush()
                await asyncio.wait_for(output.wait_for_playout(), 20)
                await viewer.until(lambda: sum(bool(p.info and p.info.segment == 0) for p in viewer.pictures) > 5)
                assert viewer.visemes == []
            assert told.finished == [(4.3, False)]
            assert avatar.statistics.unsent_visemes > 5
            await avatar.aclose()
    finally:
        await avatar.aclose()
        await session.aclose()
        await room.disconnect()
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text for text in warnings if "visemes" in text and "grant can_publish_data" in text] == [
        text for text in warnings if "visemes" in text
    ]
    assert len([text for text in warnings if "visemes" in text]) == 1
