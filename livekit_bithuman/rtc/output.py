"""The agent's side of the avatar: an audio output as livekit-agents defines it."""

from __future__ import annotations

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from ..playout import Finished, Progressed, Started
from ..playout.events import Event
from .player import AvatarPlayer, wall_clock
from .voice_intake import VoiceIntake


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
        self._intake = VoiceIntake(player.rate)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame of the agent's voice."""
        await super().capture_frame(frame)
        self._capturing = True
        self._player.capture(self._intake.take(frame))
        await self._player.room_for_voice()

    def flush(self) -> None:
        """The segment has all its voice."""
        super().flush()
        if not self._capturing:
            return
        self._capturing = False
        self._player.capture(self._intake.drain())
        self._player.flush()

    def clear_buffer(self) -> None:
        """Stop at once."""
        self._intake.forget()
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
