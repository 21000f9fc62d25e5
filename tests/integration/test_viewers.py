"""Viewers that come, go, change their minds or never come: the agent goes on, and they see it as it is."""

from __future__ import annotations

import asyncio
import gc
from collections import deque

import numpy as np
import pytest
from livekit import rtc

from livekit_bithuman.testing import VoiceLocator, marker_voice

from .rooms import RATE, SLOT, Departures, StageOf, Told, ViewerOf, resting_after, slots, tail

pytestmark = pytest.mark.server

CONTAINERS = (dict, list, tuple, set, deque)


async def test_viewers_that_leave_return_and_join_in_mid_reply(
    stage_of: StageOf, viewer_of: ViewerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = marker_voice(1, 8 * RATE, RATE)
    async with stage_of() as stage, Departures(stage, monkeypatch) as left:
        told = Told(tail(stage))
        reply = stage.say(voice, RATE)
        await told.until_started(1)
        seen: list[int] = []  # the first slot of each visit
        for name in ("ann", "ann", "bob"):
            async with viewer_of(name=name) as viewer:
                await viewer.until(lambda viewer=viewer: len(slots(viewer, 0)) > 5 and viewer.hearing.frames)
                first = viewer.pictures[0]
                assert first.mark is not None
                assert not first.mark.rest, "what is shown now, not what was shown before"
                assert first.mean > 30, "never black"
                seen.append(first.mark.slot)
        assert seen == sorted(set(seen))
        await asyncio.wait_for(reply.wait_for_playout(), 20)
        assert told.finished == [(8.0, False)]
        assert told.started == 1
        assert left.in_step(0, voice, from_slot=150)


async def test_a_viewer_that_takes_the_video_later_sees_it_in_mid_reply(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voice = marker_voice(1, 5 * RATE, RATE)
    async with stage_of() as stage, viewer_of(video=False) as viewer:
        told = Told(tail(stage))
        await viewer.until(lambda: viewer.hearing.frames)
        reply = stage.say(voice, RATE)
        await told.until_started(1)
        publications = viewer.room.remote_participants["agent"].track_publications.values()
        video = next(p for p in publications if p.kind == rtc.TrackKind.KIND_VIDEO)
        assert not viewer.pictures
        for visit in range(2):
            before = len(viewer.pictures)
            video.set_subscribed(True)
            await viewer.until(lambda before=before: len(slots(viewer, 0, before)) > 5)
            if visit == 0:
                gone = asyncio.Event()
                viewer.room.once("track_unsubscribed", lambda *_, gone=gone: gone.set())
                video.set_subscribed(False)
                await asyncio.wait_for(gone.wait(), 20)
        await reply
        await viewer.until(lambda: resting_after(viewer, 0))
        assert told.finished == [(5.0, False)]
        seen = slots(viewer, 0)
        assert seen == sorted(set(seen))
        heard = [sample // SLOT for _, _, sample in viewer.heard(VoiceLocator({1: voice}))]
        assert min(heard) < 5, "the voice goes on throughout"
        assert max(heard) > 118


def bytes_held(root: object) -> int:
    """Sound and pictures that an object of the package holds, through the package's own objects and containers."""
    seen: set[int] = set()
    held, waiting = 0, [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            held += thing.nbytes
        elif isinstance(thing, (bytes, bytearray)):
            held += len(thing)
        elif isinstance(thing, (dict, list, tuple, set, deque)) or type(thing).__module__.startswith(
            "livekit_bithuman"
        ):
            waiting += gc.get_referents(thing)
    return held


async def test_an_empty_room_costs_no_memory(stage_of: StageOf) -> None:
    voice = marker_voice(1, RATE // 2, RATE)
    async with stage_of() as stage:
        output = tail(stage)
        told = Told(output)

        async def held_after(replies: int) -> int:
            for _ in range(replies):
                await asyncio.wait_for(stage.say(voice, RATE).wait_for_playout(), 20)
            return bytes_held(stage.avatar)

        before = await held_after(1)
        after = await held_after(4)
        assert told.finished == [(0.5, False)] * 5
        assert after - before < voice.nbytes, "in bytes, after four more replies"
