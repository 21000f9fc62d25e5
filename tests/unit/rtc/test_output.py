"""The audio output on livekit's native sources, without a room: what an agent's forwarding task may do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import pytest_asyncio
from livekit import rtc
from livekit.agents.voice.io import PlaybackFinishedEvent, PlaybackStartedEvent
from numpy.typing import NDArray

from livekit_bithuman.playout import VoiceSlice
from livekit_bithuman.rtc.output import AvatarAudioOutput
from livekit_bithuman.rtc.player import AvatarPlayer
from livekit_bithuman.testing import MarkerEngine, StillMotion, marker_voice

RATE = 24_000


@dataclass
class Rig:
    """A player that nobody watches, its output, and what was handed over and reported."""

    player: AvatarPlayer
    output: AvatarAudioOutput
    slices: list[VoiceSlice] = field(default_factory=list)
    started: list[PlaybackStartedEvent] = field(default_factory=list)
    finished: list[PlaybackFinishedEvent] = field(default_factory=list)

    @property
    def sent(self) -> NDArray[np.int16]:
        """Everything that was handed to the audio source."""
        return np.concatenate([np.zeros(0, np.int16), *(piece.samples for piece in self.slices)])

    @property
    def ends(self) -> list[tuple[float, bool]]:
        return [(event.playback_position, event.interrupted) for event in self.finished]

    async def ended(self) -> None:
        await asyncio.wait_for(self.output.wait_for_playout(), 20)

    async def first_voice(self) -> None:
        """Return when the open segment is heard."""
        heard = asyncio.Event()
        self.output.once("playback_started", lambda _: heard.set())
        await asyncio.wait_for(heard.wait(), 20)


@pytest_asyncio.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    player = AvatarPlayer(MarkerEngine((64, 64)), StillMotion(), rate=RATE)
    await player.prepare()
    made = Rig(player, AvatarAudioOutput(player))
    made.output.on("playback_started", made.started.append)
    made.output.on("playback_finished", made.finished.append)
    take: Callable[[float], VoiceSlice | None] = player._playout.voice

    def watched(now: float) -> VoiceSlice | None:
        piece = take(now)
        if piece is not None:
            made.slices.append(piece)
        return piece

    monkeypatch.setattr(player._playout, "voice", watched)
    yield made
    await player.aclose()


def frame(samples: NDArray[np.int16], rate: int = RATE, channels: int = 1) -> rtc.AudioFrame:
    interleaved = np.repeat(samples[:, None], channels, axis=1)
    return rtc.AudioFrame(interleaved.tobytes(), rate, channels, len(samples))


async def test_a_capture_cancelled_while_it_waits_leaves_a_segment_that_ends(rig: Rig) -> None:
    capturing = asyncio.create_task(rig.output.capture_frame(frame(marker_voice(1, 5 * RATE, RATE))))
    await rig.first_voice()
    assert not capturing.done(), "five seconds are more than is taken at once"
    capturing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await capturing
    rig.output.flush()
    rig.output.clear_buffer()
    rig.output.clear_buffer()
    await rig.ended()
    assert [interrupted for _, interrupted in rig.ends] == [True]
    assert 0 < rig.ends[0][0] < 5
    assert rig.output._pending_playback_count == 0

    await rig.output.capture_frame(frame(marker_voice(2, RATE // 5, RATE)))
    rig.output.flush()
    await rig.ended()
    assert rig.ends[1:] == [(0.2, False)]
    assert len(rig.started) == 2


async def test_a_capture_cancelled_before_it_ran_leaves_nothing_pending(rig: Rig) -> None:
    capturing = asyncio.create_task(rig.output.capture_frame(frame(marker_voice(1, RATE, RATE))))
    capturing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await capturing
    rig.output.flush()
    rig.output.clear_buffer()
    assert rig.output.captured_playout_segments == rig.output._pending_playback_count == 0
    assert not rig.finished


async def test_a_cancelled_capture_that_is_only_flushed_is_spoken_to_its_end(rig: Rig) -> None:
    voice = marker_voice(1, RATE, RATE)
    capturing = asyncio.create_task(rig.output.capture_frame(frame(voice)))
    await rig.first_voice()
    capturing.cancel()
    await asyncio.gather(capturing, return_exceptions=True)
    rig.output.flush()
    await rig.ended()
    assert rig.ends == [(1.0, False)]
    assert np.array_equal(rig.sent, voice)


async def test_frames_of_a_cleared_reply_never_reach_the_next(rig: Rig) -> None:
    old, new = marker_voice(1, RATE, RATE), marker_voice(2, RATE // 2, RATE)
    await rig.output.capture_frame(frame(old[: RATE // 4]))
    await rig.first_voice()
    rig.output.clear_buffer()
    handed = len(rig.sent)
    await rig.output.capture_frame(frame(old[RATE // 4 :]))
    rig.output.flush()
    await rig.output.capture_frame(frame(new))
    rig.output.flush()
    await rig.ended()
    assert np.array_equal(rig.sent[handed:], new)
    assert [interrupted for _, interrupted in rig.ends] == [True, False]
    assert rig.ends[1][0] == 0.5
    assert len(rig.started) == 2


@pytest.mark.parametrize("count", [1, 7, 239, 241])
async def test_a_reply_of_a_few_samples_is_spoken_and_counted_exactly(rig: Rig, count: int) -> None:
    voice = marker_voice(1, count, RATE)
    await rig.output.capture_frame(frame(voice))
    rig.output.flush()
    await rig.ended()
    assert rig.ends == [(count / RATE, False)]
    assert np.array_equal(rig.sent[:count], voice)
    assert not rig.sent[count:].any()
    assert len(rig.started) == 1


async def test_a_reply_without_samples_ends_without_having_started(rig: Rig) -> None:
    await rig.output.capture_frame(frame(np.zeros(0, np.int16)))
    rig.output.flush()
    await rig.ended()
    rig.output.flush()
    assert rig.ends == [(0.0, False)]
    assert not rig.started


async def test_a_voice_cut_into_odd_pieces_is_the_same_voice(rig: Rig) -> None:
    voice = marker_voice(1, RATE // 2, RATE)
    at = 0
    for size in [1, 3, 479, 481, 0, 961] * 20:
        await rig.output.capture_frame(frame(voice[at : at + size]))
        at += size
    await rig.output.capture_frame(frame(voice[at:]))
    rig.output.flush()
    await rig.ended()
    assert rig.ends == [(0.5, False)]
    assert np.array_equal(rig.sent, voice)


async def test_stereo_is_mixed_down(rig: Rig) -> None:
    left, right = marker_voice(1, RATE // 4, RATE), marker_voice(2, RATE // 4, RATE)
    both = np.stack([left, right], axis=1)
    await rig.output.capture_frame(rtc.AudioFrame(both.tobytes(), RATE, 2, len(left)))
    rig.output.flush()
    await rig.ended()
    assert rig.ends == [(0.25, False)]
    assert np.array_equal(rig.sent, (both.astype(int).sum(axis=1) // 2).astype(np.int16))


async def test_a_rate_that_changes_in_mid_reply_loses_nothing(rig: Rig) -> None:
    for rate in (8_000, 24_000, 48_000, 22_050):
        await rig.output.capture_frame(frame(marker_voice(rate, rate // 4, rate), rate))
    rig.output.flush()
    await rig.ended()
    assert rig.ends[0][0] == pytest.approx(1.0, abs=0.005)
    assert [interrupted for _, interrupted in rig.ends] == [False]


async def test_an_interrupted_reply_at_another_rate_leaves_nothing_in_the_resampler(rig: Rig) -> None:
    await rig.output.capture_frame(frame(marker_voice(1, 8_000 // 4, 8_000), 8_000))
    rig.output.clear_buffer()
    rig.output.flush()
    handed = len(rig.sent)
    voice = marker_voice(2, RATE // 4, RATE)
    await rig.output.capture_frame(frame(voice))
    rig.output.flush()
    await rig.ended()
    assert np.array_equal(rig.sent[handed:], voice)
    assert rig.ends[1:] == [(0.25, False)]


@pytest.mark.parametrize("pause_first", [True, False])
async def test_a_listener_to_the_end_may_use_the_output_within_it(rig: Rig, pause_first: bool) -> None:
    """livekit-agents resumes, clears and speaks again from within the events."""

    def again(_: PlaybackFinishedEvent) -> None:
        rig.output.clear_buffer()
        rig.output.resume()

    rig.output.once("playback_finished", again)
    if pause_first:
        rig.output.pause()
    await rig.output.capture_frame(frame(marker_voice(1, RATE // 4, RATE)))
    rig.output.flush()
    if pause_first:
        rig.output.clear_buffer()
    await rig.ended()
    assert len(rig.finished) == 1
    await rig.output.capture_frame(frame(marker_voice(2, RATE // 4, RATE)))
    rig.output.flush()
    await rig.ended()
    assert rig.ends[1:] == [(0.25, False)]
