"""User code that holds the event loop up for half a second: nothing is lost or doubled, and the rest is in step."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.testing import Viewer, VoiceLocator, marker_voice
from livekit_bithuman.testing.stage import Stage

from .rooms import RATE, SLOT, Departures, StageOf, Told, ViewerOf, marks, resting_after, slots, tail

pytestmark = pytest.mark.server


def block_the_loop() -> None:
    """What a careless callback does."""
    time.sleep(0.5)


def heard_once(left: Departures, voice: NDArray[np.int16], until: int | None = None) -> bool:
    """Whether every sample up to `until` left the agent once, in order, however long the gaps between them."""
    places = [sample for _, _, sample in left.hearing.located(VoiceLocator({0: voice}))]
    steps = np.diff(places)
    # a stretch that lies over a gap is found where its longer half is: up to its length early or late
    window, hop = round(0.060 * RATE), round(0.010 * RATE)
    whole = places[0] <= window and max(places) >= (until or len(voice)) - 2 * window
    return whole and bool(steps.max() <= window + hop) and bool(steps.min() >= -window)


async def next_reply_is_in_step(stage: Stage, viewer: Viewer, left: Departures) -> None:
    voice = marker_voice(99, RATE, RATE)
    await stage.say(voice, RATE)
    await viewer.until(lambda: resting_after(viewer, 1))
    assert len(slots(viewer, 1)) > 12, "of 25"
    assert left.in_step(1, voice)


@asynccontextmanager
async def watched(
    stage_of: StageOf, viewer_of: ViewerOf, patch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Stage, Departures, Viewer, Told]]:
    """An agent whose avatar is seen: what leaves it, who watches, and what it is told."""
    async with stage_of() as stage, Departures(stage, patch) as left, viewer_of() as viewer:
        await viewer.until(lambda: marks(viewer))
        yield stage, left, viewer, Told(tail(stage))


async def test_a_loop_that_blocks_in_mid_reply(
    stage_of: StageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = marker_voice(1, 3 * RATE, RATE)
    async with watched(stage_of, viewer_of, monkeypatch) as (stage, left, viewer, told):
        reply = stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 15)
        blocked_at = max(slots(viewer, 0))
        block_the_loop()
        await reply
        await viewer.until(lambda: resting_after(viewer, 0))
        assert told.finished == [(3.0, False)]
        assert told.started == 1
        assert stage.avatar.statistics.underruns >= 1
        assert stage.avatar.statistics.skipped_pictures > 0
        shown = [p.mark.slot for p in left.pictures if p.mark and not p.mark.rest and p.mark.turn == 0]
        assert shown == sorted(set(shown))
        assert max(shown) == 74
        assert heard_once(left, voice)
        assert left.in_step(0, voice, from_slot=blocked_at + 15)
        await next_reply_is_in_step(stage, viewer, left)


async def test_a_loop_that_blocks_just_before_the_first_sample(
    stage_of: StageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = marker_voice(1, 2 * RATE, RATE)
    async with watched(stage_of, viewer_of, monkeypatch) as (stage, left, viewer, told):
        output = tail(stage)
        capture = output.capture_frame
        frames = 0

        async def slow(frame: object) -> None:
            nonlocal frames
            frames += 1
            if frames in (1, 2):
                block_the_loop()
            await capture(frame)  # type: ignore[arg-type]

        monkeypatch.setattr(output, "capture_frame", slow)
        await stage.say(voice, RATE)
        await viewer.until(lambda: resting_after(viewer, 0))
        assert frames > 2
        assert told.finished == [(2.0, False)]
        assert told.started == 1
        assert heard_once(left, voice)
        assert left.in_step(0, voice, from_slot=5)
        await next_reply_is_in_step(stage, viewer, left)


@pytest.mark.parametrize("moment", ["before", "after", "between"])
async def test_a_loop_that_blocks_at_an_interruption(
    stage_of: StageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    voice = marker_voice(1, 3 * RATE, RATE)
    async with watched(stage_of, viewer_of, monkeypatch) as (stage, left, viewer, told):
        reply = stage.say(voice, RATE)
        await viewer.until(lambda: len(slots(viewer, 0)) > 15)
        if moment == "before":
            block_the_loop()
        if moment == "between":
            tail(stage).clear_buffer()
            block_the_loop()
        reply.interrupt()
        if moment == "after":
            block_the_loop()
        await reply
        [(position, interrupted)] = told.finished
        assert interrupted
        assert told.started == 1
        await next_reply_is_in_step(stage, viewer, left)
        shown = [p.mark for p in left.pictures if p.mark and not p.mark.rest]
        assert [mark.turn for mark in shown] == sorted(mark.turn for mark in shown)
        assert max(mark.slot for mark in shown if mark.turn == 0) <= position * RATE / SLOT
        places = [sample for _, _, sample in left.hearing.located(VoiceLocator({0: voice}))]
        assert max(places) <= position * RATE, "nothing left that was not counted"
        assert max(places) >= position * RATE - 0.06 * RATE, "nor was more counted than left"
