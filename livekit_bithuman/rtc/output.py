"""The agent's side of the avatar: an audio output as livekit-agents defines it."""

from __future__ import annotations

import numpy as np
from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities
from numpy.typing import NDArray

from ..playout import Finished, Progressed, Started
from ..playout.events import Event
from .player import AvatarPlayer, wall_clock


class AvatarAudioOutput(AudioOutput):
    """Takes the agent's voice in any rate and channel count and reports what was heard of it.

    Each segment is answered by one `playback_finished`, and by one `playback_started` before it if any of it was heard.
    Positions are samples that left the audio source. `capture_frame` takes its frame at once, so it cannot be cancelled
    half-way, and returns when the player has room for the next.

    Args:
        player: Its events become this output's.
    """

    def __init__(self, player: AvatarPlayer) -> None:
        super().__init__(label="Avatar", capabilities=AudioOutputCapabilities(pause=True), sample_rate=None)
        self._rate = player.rate
        self._player = player
        player.on_event = self._on_event
        self._capturing = False  # the open segment has had a frame
        self._resampler: rtc.AudioResampler | None = None
        self._resampler_rate = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame of the agent's voice."""
        await super().capture_frame(frame)
        self._capturing = True
        self._player.capture(self._to_voice(frame))
        await self._player.room_for_voice()

    def flush(self) -> None:
        """The segment has all its voice."""
        super().flush()
        if not self._capturing:
            return
        self._capturing = False
        self._player.capture(self._drain_resampler())
        self._player.flush()

    def clear_buffer(self) -> None:
        """Stop at once."""
        self._resampler = None
        self._player.clear()

    def pause(self) -> None:
        """Hold the voice and the mouth."""
        super().pause()
        self._player.pause()

    def resume(self) -> None:
        """Go on where the listener left off."""
        super().resume()
        self._player.resume()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started):
            self.on_playback_started(created_at=wall_clock(event.at))
        elif isinstance(event, Progressed):
            self.on_playback_progressed(
                started_at=wall_clock(event.started_at),
                offset=event.offset / self._rate,
                duration=event.count / self._rate,
            )
        elif isinstance(event, Finished):
            self.on_playback_finished(playback_position=event.position / self._rate, interrupted=event.interrupted)

    def _to_voice(self, frame: rtc.AudioFrame) -> NDArray[np.int16]:
        """Mono samples at the player's rate."""
        samples = np.frombuffer(frame.data, np.int16)
        if frame.num_channels > 1:
            channels = samples.reshape(-1, frame.num_channels).astype(np.int32)
            samples = (channels.sum(axis=1) // frame.num_channels).astype(np.int16)
        if self._resampler is not None and frame.sample_rate != self._resampler_rate:
            drained = self._drain_resampler()
        else:
            drained = np.zeros(0, np.int16)
        if frame.sample_rate == self._rate:
            return np.concatenate([drained, samples])
        if self._resampler is None:
            self._resampler = rtc.AudioResampler(frame.sample_rate, self._rate)
            self._resampler_rate = frame.sample_rate
        mono = rtc.AudioFrame(samples.tobytes(), frame.sample_rate, 1, len(samples))
        return np.concatenate([drained, *map(_samples, self._resampler.push(mono))])

    def _drain_resampler(self) -> NDArray[np.int16]:
        """What the resampler still holds."""
        resampler, self._resampler = self._resampler, None
        if resampler is None:
            return np.zeros(0, np.int16)
        return np.concatenate([np.zeros(0, np.int16), *map(_samples, resampler.flush())])


def _samples(frame: rtc.AudioFrame) -> NDArray[np.int16]:
    return np.frombuffer(frame.data, np.int16)
