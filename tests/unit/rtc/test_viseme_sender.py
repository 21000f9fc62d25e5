"""Packets of mouths: which pictures send one, and that nothing about a room can hold or hurt who shows them."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import numpy as np
import pytest
from livekit import rtc

from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.playout import PictureDue
from livekit_bithuman.pose import VISEMES, Presentation, VisemeWeights, resting_mouth
from livekit_bithuman.rtc.viseme_packet import TOPIC, VisemePacket
from livekit_bithuman.rtc.viseme_sender import MOST_UNDER_WAY, RESTS, VisemeSender


class Room:
    """Takes packets as a test wants it; real rooms are in tests/integration."""

    def __init__(self, *, answers: bool = True, raises: Exception | None = None) -> None:
        self.connection_state = rtc.ConnectionState.CONN_CONNECTED
        self.local_participant = self
        self.permissions = self
        self.can_publish_data = True
        self.taken: list[VisemePacket] = []
        self._answers = answers
        self._raises = raises

    async def publish_data(self, payload: bytes, *, reliable: bool, topic: str) -> None:
        assert (reliable, topic) == (False, TOPIC)
        if not self._answers:
            await asyncio.Event().wait()
        if self._raises is not None:
            raise self._raises
        packet = VisemePacket.unpack(payload)
        assert packet is not None
        self.taken.append(packet)


def open_mouth() -> VisemeWeights:
    return cast(VisemeWeights, np.eye(15, dtype=np.float32)[VISEMES.index("aa")])


def spoken(slot: int, mouth: VisemeWeights | None, generation: int = 0) -> PictureDue:
    return PictureDue(0.0, TurnFrame(0, slot, mouth=mouth), Presentation(), generation, 0, slot)


def resting(tick: int, left: VisemeWeights | None = None, share: float = 0.0, generation: int = 0) -> PictureDue:
    return PictureDue(0.0, None, Presentation(mouth_from=left, mouth_blend=share), generation, None, tick)


async def shown(room: Room, *pictures: PictureDue) -> VisemeSender:
    sender = VisemeSender()
    for picture in pictures:
        sender.show(cast(rtc.Room, room), picture, 25)
        await asyncio.sleep(0)
    return sender


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_speech_is_sent_and_rest_a_few_times() -> None:
    room = Room()
    await shown(
        room,
        *(resting(tick) for tick in range(9)),
        *(spoken(slot, open_mouth()) for slot in range(3)),
        resting(20, open_mouth(), 0.4, generation=1),
        *(resting(21 + tick, generation=1) for tick in range(30)),
        spoken(0, open_mouth(), generation=1),
    )
    assert [packet.sequence for packet in room.taken] == list(range(3 + 1 + RESTS + 1))
    assert [packet.segment for packet in room.taken] == [0] * 3 + [None] * (1 + RESTS) + [0]
    assert [packet.generation for packet in room.taken] == [0] * 3 + [1] * (2 + RESTS)
    blended = room.taken[3]
    assert blended.openness == pytest.approx(0.4 * 0.9, abs=0.01)
    assert all(np.array_equal(packet.weights, resting_mouth()) for packet in room.taken[4 : 4 + RESTS])


async def test_an_engine_without_mouths_sends_nothing() -> None:
    room = Room()
    await shown(room, spoken(0, None), spoken(1, None), resting(2))
    assert room.taken == []


async def test_nothing_is_sent_or_counted_without_a_connection() -> None:
    room = Room()
    room.connection_state = rtc.ConnectionState.CONN_RECONNECTING
    sender = await shown(room, spoken(0, open_mouth()))
    assert (room.taken, sender.unsent) == ([], 0)


async def test_a_room_that_does_not_answer_holds_nothing_and_little_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(answers=False)
    sender = await shown(room, *(spoken(slot, open_mouth()) for slot in range(MOST_UNDER_WAY + 10)))
    assert sender.unsent == 10
    assert len(warnings(caplog)) == 1
    under_way = [task for task in asyncio.all_tasks() if task.get_name() == "avatar visemes"]
    assert len(under_way) == MOST_UNDER_WAY
    await sender.aclose()
    await sender.aclose()
    assert all(task.cancelled() for task in under_way)


async def test_a_room_that_refuses_is_told_of_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    sender = await shown(Room(raises=RuntimeError("no data")), *(spoken(slot, open_mouth()) for slot in range(5)))
    assert sender.unsent == 5
    (warning,) = warnings(caplog)
    assert "no data" in warning


async def test_a_missing_grant_is_named(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    room.can_publish_data = False
    sender = await shown(room, spoken(0, open_mouth()))
    assert (room.taken, sender.unsent) == ([], 1)
    assert "grant can_publish_data" in warnings(caplog)[0]


@pytest.mark.parametrize("mouth", [np.full(15, np.nan, np.float32), np.zeros(3, np.float32)])
async def test_an_engine_that_lies_of_its_mouth_hurts_nobody(
    mouth: VisemeWeights, caplog: pytest.LogCaptureFixture
) -> None:
    room = Room()
    sender = await shown(room, spoken(0, mouth), spoken(1, open_mouth()))
    assert sender.unsent == 1
    assert len(room.taken) == 1
    assert len(warnings(caplog)) == 1
