"""The embedded engine's states, its pictures, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.engine.embedded import EmbeddedEngine, frame_count
from livekit_bithuman.engine.protocol import Engine, Turn
from livekit_bithuman.errors import AvatarNotFoundError, InvalidStateError
from livekit_bithuman.face.avatar import Avatar
from livekit_bithuman.face.raster import Face
from livekit_bithuman.pose import Presentation, resting_mouth

SMALL = (64, 64)


@pytest.fixture
def engine() -> EmbeddedEngine:
    return EmbeddedEngine(size=SMALL)


def test_it_is_an_engine_and_says_what_it_needs(engine: EmbeddedEngine) -> None:
    assert isinstance(engine, Engine)
    assert engine.info.fps == 25
    assert engine.info.size == SMALL
    assert engine.info.input_rate is None
    assert 0 < engine.info.lookahead_s <= 0.120
    assert not engine.info.paced


def test_the_default_size_is_the_avatars() -> None:
    avatar = Avatar.load()
    engine = EmbeddedEngine(avatar)
    assert engine.avatar is avatar
    assert engine.info.size == avatar.size
    assert engine.draw(None, Presentation()).shape == (avatar.size[1], avatar.size[0], 3)


@pytest.mark.parametrize(
    ("samples", "rate", "frames"),
    [
        (0, 16_000, 1),
        (1, 16_000, 1),
        (640, 16_000, 1),
        (641, 16_000, 2),
        (103_200, 24_000, 108),
        (192_000, 192_000, 25),
    ],
)
def test_frames_cover_the_samples(samples: int, rate: int, frames: int) -> None:
    assert frame_count(samples, rate, 25) == frames


def test_an_empty_turn_is_one_frame_with_neither_mouth_nor_audio(engine: EmbeddedEngine) -> None:
    engine.open_turn(Turn(3, 48_000))
    engine.push(np.zeros(0, np.int16))
    engine.end_turn()
    (frame,) = engine.poll()
    assert (frame.turn, frame.index, frame.last) == (3, 0, True)
    assert frame.mouth is None
    assert frame.audio is None


def test_frames_of_an_ended_turn_still_come_after_the_next_began(engine: EmbeddedEngine) -> None:
    engine.open_turn(Turn(0, 16_000))
    engine.push(np.zeros(1_000, np.int16))
    engine.end_turn()
    engine.open_turn(Turn(1, 8_000))
    engine.push(np.zeros(8_000, np.int16))
    assert [(frame.turn, frame.index) for frame in engine.poll()][:3] == [(0, 0), (0, 1), (1, 0)]


def test_a_frame_is_ready_once_its_lookahead_is_in(engine: EmbeddedEngine) -> None:
    needed = round((0.040 + engine.info.lookahead_s) * 16_000)
    engine.open_turn(Turn(0, 16_000))
    engine.push(np.zeros(needed, np.int16))
    assert len(engine.poll()) == 1


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_the_promised_lookahead_holds_for_the_usual_rates(engine: EmbeddedEngine, rate: int) -> None:
    engine.open_turn(Turn(0, rate))
    for second in range(3):
        engine.push(np.zeros(rate, np.int16))
        due = int((second + 1 - engine.info.lookahead_s) * 25)
        ready = engine.poll()
        assert ready[-1].index >= due - 1


def test_calls_out_of_order_are_refused(engine: EmbeddedEngine) -> None:
    with pytest.raises(InvalidStateError, match="No turn is open"):
        engine.push(np.zeros(1, np.int16))
    with pytest.raises(InvalidStateError, match="No turn is open"):
        engine.end_turn()
    engine.interrupt()
    engine.open_turn(Turn(0, 16_000))
    with pytest.raises(InvalidStateError, match="open already"):
        engine.open_turn(Turn(1, 16_000))
    engine.close()
    engine.close()
    assert engine.poll() == []
    with pytest.raises(InvalidStateError, match="closed"):
        engine.open_turn(Turn(2, 16_000))


def test_draw_shows_the_frames_mouth_in_the_presentation(engine: EmbeddedEngine) -> None:
    engine.open_turn(Turn(0, 16_000))
    time = np.arange(16_000) / 16_000
    vowel = np.sum([np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12)], axis=0)
    engine.push((vowel * 9_000).astype(np.int16))
    engine.end_turn()
    frame = engine.poll()[12]
    assert frame.mouth is not None
    face = Face(engine.avatar, SMALL)
    turned = Presentation(yaw=0.1, blink=1.0)
    assert np.array_equal(engine.draw(frame, turned), face.draw(frame.mouth, turned))
    assert np.array_equal(engine.draw(None, turned), face.draw(resting_mouth(), turned))
    assert not np.array_equal(engine.draw(frame, turned), engine.draw(frame, Presentation()))


def test_an_unknown_avatar_is_named() -> None:
    with pytest.raises(AvatarNotFoundError, match="nobody"):
        EmbeddedEngine("nobody")
