"""One suite over every engine: the embedded one, the stand-in behind the adapter, and a real model where there is one.

The last needs BITHUMAN_API_SECRET and BITHUMAN_MODEL_PATH in the environment, and bitHuman's SDK.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import numpy as np
import pytest

from livekit_bithuman.adapters.sdk import engine_of_runtime, open_model
from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Engine, Turn, TurnFrame
from livekit_bithuman.errors import InvalidStateError
from livekit_bithuman.pose import Presentation
from tests.stand_in import Manner, StandInRuntime
from tests.unit.adapters.test_engine import eventually, frames_of, say, voice

KINDS = ["embedded", "stand-in", "stand-in of 20 FPS", "real"]


async def made(kind: str) -> Engine:
    if kind == "embedded":
        return EmbeddedEngine(size=(96, 96))
    if kind == "stand-in":
        return await engine_of_runtime(StandInRuntime(Manner(tail=4)))
    if kind == "stand-in of 20 FPS":
        return await engine_of_runtime(StandInRuntime(Manner(fps=20, first_chunk=21, chunk=32)))
    model, secret = os.environ.get("BITHUMAN_MODEL_PATH"), os.environ.get("BITHUMAN_API_SECRET")
    if not model or not secret:
        pytest.skip("BITHUMAN_MODEL_PATH and BITHUMAN_API_SECRET are not set: no real model is tried")
    return await asyncio.to_thread(open_model, model, api_secret=secret)


@pytest.fixture(params=KINDS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    engine = await made(request.param)
    yield engine
    await asyncio.to_thread(engine.close)


async def test_a_turn_has_its_slots_in_order_and_an_end(engine: Engine) -> None:
    say(engine, voice(1.2))
    frames = await frames_of(engine, 0)
    slots = [frame.index for frame in frames if frame.image is not None or frame.mouth is not None]

    assert slots == sorted(set(slots))
    assert slots[-1] >= 1.2 * engine.info.fps - 2
    assert [frame.last for frame in frames] == [False] * (len(frames) - 1) + [True]


async def test_pictures_have_the_size_that_it_says(engine: Engine) -> None:
    width, height = engine.info.size
    say(engine, voice(0.4))
    frames: list[TurnFrame | None] = [None, *await frames_of(engine, 0)]
    for frame in frames:
        picture = engine.draw(frame, Presentation())
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8


async def test_two_turns_one_behind_the_other(engine: Engine) -> None:
    say(engine, voice(0.5), 0)
    say(engine, voice(0.5), 1)
    frames: list[TurnFrame] = []

    def ended() -> bool:
        frames.extend(engine.poll())
        return any(frame.last and frame.turn == 1 for frame in frames)

    await eventually(ended)
    turns = [frame.turn for frame in frames]
    assert turns == sorted(turns)
    assert set(turns) == {0, 1}


async def test_after_an_interruption_only_the_next_turn_comes(engine: Engine) -> None:
    engine.interrupt()
    engine.open_turn(Turn(0, 24_000))
    engine.push(voice(1.0))
    engine.interrupt()
    engine.interrupt()
    assert engine.poll() == []
    with pytest.raises(InvalidStateError):
        engine.push(voice(0.1))
    say(engine, voice(0.4), 1)
    assert {frame.turn for frame in await frames_of(engine, 1)} == {1}


async def test_an_empty_turn_ends(engine: Engine) -> None:
    say(engine, voice(0.0))
    frames = await frames_of(engine, 0)

    assert len(frames) == 1
