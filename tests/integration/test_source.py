"""What the native audio source really sends, seen by a tap on it, beside what playout says of it."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from livekit import rtc

from livekit_bithuman.playout import TICK_S, Finished, PlayoutOptions, Started
from livekit_bithuman.playout.events import Event
from livekit_bithuman.rtc.player import AvatarPlayer
from livekit_bithuman.rtc.source import audio_frame, see_tick
from livekit_bithuman.testing import MarkerEngine, StillMotion, Tap

RATE = 16_000
BLOCK = RATE // 100
#: A ramp at the end of an interrupted voice would leave the source too.
PLAIN = PlayoutOptions(fade_s=0.0)


async def test_the_tick_is_seen_in_silence_and_in_speech_alike() -> None:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=1000)
    silent = [await see_tick(source) for _ in range(5)]
    await source.capture_frame(audio_frame(np.full(90 * BLOCK, 7, np.int16), RATE))
    speaking = [await see_tick(source) for _ in range(5)]
    await source.aclose()
    pairs = [(later, earlier) for later in speaking for earlier in silent if later is not None and earlier is not None]
    offsets = [(later - earlier + TICK_S / 2) % TICK_S - TICK_S / 2 for later, earlier in pairs]
    assert min(map(abs, offsets)) < TICK_S / 5, offsets  # any one look may have met a busy machine


async def test_a_loop_that_was_blocked_has_seen_no_tick() -> None:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=1000)
    quiet = [await see_tick(source) for _ in range(5)]
    known = next(fired for fired in quiet if fired is not None)
    for _ in range(4):
        looking = asyncio.ensure_future(see_tick(source))
        await asyncio.sleep(0.03)
        time.sleep(0.2)  # noqa: ASYNC251 - it is the fault: the blocks come in one go
        fired = await looking
        assert fired is None or abs((fired - known + TICK_S / 2) % TICK_S - TICK_S / 2) < TICK_S / 4
    await source.aclose()


async def test_a_player_that_was_closed_answers_whoever_still_speaks_into_it() -> None:
    player = AvatarPlayer(MarkerEngine((64, 64)), StillMotion(), rate=RATE)
    await player.prepare()
    events: list[Event] = []
    player.on_event = events.append
    await player.aclose()
    for _ in range(2):
        player.capture(np.ones(RATE, np.int16))
        player.clear()
        player.clear()
        player.flush()
    ends = [event for event in events if isinstance(event, Finished)]
    assert [(end.position, end.interrupted) for end in ends] == [(0, True), (0, True)]


async def test_positions_are_what_left_the_source() -> None:
    player = AvatarPlayer(MarkerEngine((64, 64)), StillMotion(), rate=RATE, playout=PLAIN)
    await player.prepare()
    events: list[Event] = []
    player.on_event = events.append
    loop = asyncio.get_running_loop()
    errors, lateness = [], []
    try:
        async with Tap.on(player._audio) as tap:
            for turn in range(12):
                begin = loop.time()
                player.capture((np.arange(RATE) % 30_000 + 1).astype(np.int16))
                player.flush()
                await asyncio.sleep(0.2 + 0.0137 * turn)
                player.clear()
                end = events[-1]
                assert isinstance(end, Finished)
                assert end.interrupted
                await asyncio.sleep(0.06)  # what had left by then has arrived
                left = [(at, block) for at, block in tap.since(begin) if block.any()]
                assert np.array_equal(np.concatenate([block for _, block in left]), np.arange(1, len(left) * BLOCK + 1))
                errors.append(end.position - len(left) * BLOCK)
                started = [event for event in events if isinstance(event, Started)][-1]
                lateness.append(left[0][0] - started.at)
    finally:
        await player.aclose()
    assert abs(np.median(errors)) <= BLOCK, errors
    assert abs(np.median(lateness)) <= TICK_S, lateness


async def test_an_interrupted_voice_ends_in_its_ramp_without_a_gap() -> None:
    player = AvatarPlayer(MarkerEngine((64, 64)), StillMotion(), rate=RATE)
    await player.prepare()
    loop = asyncio.get_running_loop()
    whole = 0
    try:
        async with Tap.on(player._audio) as tap:
            for turn in range(12):
                begin = loop.time()
                player.capture(np.full(RATE, 8000, np.int16))
                player.flush()
                await asyncio.sleep(0.2 + 0.0137 * turn)
                player.clear()
                await asyncio.sleep(0.06)
                levels = [int(np.abs(block).mean()) for _, block in tap.since(begin)]
                last_full = max(place for place, level in enumerate(levels) if level == 8000)
                assert any(0 < level < 8000 for level in levels), "the ramp left"
                whole += 0 < levels[last_full + 1] < 8000
                assert not any(levels[last_full + 2 + (levels[last_full + 1] == 0) :]), "and nothing after it"
    finally:
        await player.aclose()
    assert whole >= 10, "of 12; the timer may fire between emptying the queue and handing over"
