"""What an avatar tells of each reply by `metrics_collected`, beside what livekit-agents' own avatars tell."""

from __future__ import annotations

import time
from collections.abc import Callable

from livekit.agents.metrics.base import AvatarMetrics, Metadata

from ..playout.measures import Listener, Measure, Reply
from .player import wall_clock


class ReplyMetrics(AvatarMetrics):
    """One reply that is over, as it was sent: what a network and a viewer add is not in it. Times are in seconds.

    A reply is a segment of the agent's voice, ended by its `flush`. `timestamp` is when it was over, `playback_latency`
    the time from its first voice being taken to its first sample leaving the audio source.

    Attributes:
        session_id: Names the `AvatarSession`, as its spans do.
        segment_id: Counts its replies, as `FrameInfo` does.
        started_at: When its first sample left the audio source, Unix time; None: none did.
        playback_position: Of its voice, what left the audio source.
        interrupted: It was stopped before its end.
        interrupt_to_silence: From the last call that stopped or paused it to the last of it leaving the audio source,
            by the clock of that; None: it was not stopped while it was heard.
        pictures: Speaking pictures that were handed to the video source before it was over.
        fps: Of those per second, from the first to the last, pauses not counted; None: fewer than two.
        skipped_pictures: Pictures that were overdue by more than a frame and were never drawn.
        underruns: Times that its voice ran dry before its end.
        frame_time: From asking for a picture to having it, the way to the drawing thread and back included: the mean.
        frame_time_max: The longest.
        lookahead: How far the engine's mouths reached beyond the picture that was asked for, while it was still given
            voice: the mean.
        lookahead_min: The least; 0: a picture was a guess.
        av_offset: How much later than meant its pictures were handed to the video source: the mean. Meant is
            `PlayoutOptions.lag_s` after their voice leaves the audio source, which puts both in step at a viewer.
        av_offset_max: The largest.
    """

    session_id: str
    segment_id: int
    started_at: float | None = None
    playback_position: float = 0.0
    interrupted: bool = False
    interrupt_to_silence: float | None = None
    pictures: int = 0
    fps: float | None = None
    skipped_pictures: int = 0
    underruns: int = 0
    frame_time: float | None = None
    frame_time_max: float | None = None
    lookahead: float | None = None
    lookahead_min: float | None = None
    av_offset: float | None = None
    av_offset_max: float | None = None


class ReplyReporter(Listener):
    """Makes metrics of each reply that is over.

    Args:
        session: Names the session.
        rate: Of the voice, in Hz.
        tell: Takes them.
    """

    def __init__(self, session: str, rate: int, tell: Callable[[ReplyMetrics], None]) -> None:
        self._session = session
        self._rate = rate
        self._tell = tell

    def ended(self, reply: Reply) -> None:
        """A reply is over."""
        frame_time, lookahead, offset = map(reply.spread, (Measure.FRAME_TIME, Measure.LOOKAHEAD, Measure.AV_OFFSET))
        begun = reply.started_at
        self._tell(
            ReplyMetrics(
                timestamp=time.time(),
                playback_latency=0.0 if begun is None else max(0.0, begun - reply.opened_at),
                metadata=Metadata(model_provider="livekit_bithuman"),
                session_id=self._session,
                segment_id=reply.segment,
                started_at=None if begun is None else wall_clock(begun),
                playback_position=reply.position / self._rate,
                interrupted=reply.interrupted,
                interrupt_to_silence=reply.silence_s,
                pictures=reply.pictures,
                fps=reply.fps,
                skipped_pictures=reply.skipped,
                underruns=reply.underruns,
                frame_time=frame_time.mean,
                frame_time_max=frame_time.most if frame_time.count else None,
                lookahead=lookahead.mean,
                lookahead_min=lookahead.least if lookahead.count else None,
                av_offset=offset.mean,
                av_offset_max=offset.most if offset.count else None,
            )
        )
