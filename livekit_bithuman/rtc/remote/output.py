"""The agent's side of an avatar that plays elsewhere: every segment ends, whatever becomes of the avatar."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from enum import Enum

from livekit import rtc
from livekit.agents.voice.io import (
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackProgressedEvent,
    PlaybackStartedEvent,
)

from ..alarm import Alarm
from ..player import wall_clock
from ..voice_intake import VoiceIntake
from .peer import RemotePeer
from .segment import RemoteSegment

logger = logging.getLogger("livekit_bithuman")

#: Voice taken ahead of what was handed on; beyond that the agent's forwarding task waits.
BACKLOG_S = 0.5
#: Handed on at once, in seconds of voice.
PIECE_S = 0.1
#: So long after a segment should have been heard, the avatar's word for it is waited for.
FINISH_GRACE_S = 5.0
#: So long the word is waited for after a clear; livekit-agents waits as long.
CLEAR_GRACE_S = 2.0
#: So long an avatar's word that it began is waited for: one that gave it before, and one that is not known yet.
STARTED_GRACE_S, FIRST_STARTED_GRACE_S = 5.0, 1.0
#: An avatar that ends what it was sent, no more than this before its end, was waiting for more.
EARLY_END_S = 0.5


class Route(Enum):
    """Who plays what the agent says."""

    HELD = "nobody yet: the voice waits"
    REMOTE = "the remote avatar"
    LOCAL = "an output in this process"
    NOBODY = "nobody: segments end unheard"


class RemoteAudioOutput(AudioOutput):
    """Takes the agent's voice, gives it to whoever plays it now, and reports what was heard.

    Each segment is answered by exactly one `playback_finished`, and by one `playback_started` before it if any of it
    was heard. A segment whose end the remote avatar does not report ends a bounded time after it should have. When
    another player takes over in mid-segment, it goes on where the listener was; positions count from the beginning.

    Args:
        room: The agent's.
        identity: The avatar's participant.
        rate: Of the voice as it is handed on, in Hz.
        pause: Pause too: the avatar drops what it has, and is given the rest anew.
    """

    def __init__(self, room: rtc.Room, identity: str, rate: int, *, pause: bool = False) -> None:
        super().__init__(label="RemoteAvatar", capabilities=AudioOutputCapabilities(pause=pause), sample_rate=None)
        self._room = room
        self._rate = rate
        self._intake = VoiceIntake(rate)
        self._peer = self._peer_of(identity)
        self._route = Route.HELD
        self._local: AudioOutput | None = None  # of Route.LOCAL
        self._local_segments: deque[RemoteSegment] = deque()  # captured by it, and not reported as finished
        self._segments: deque[RemoteSegment] = deque()  # captured and not finished, in order
        self._reclaiming = False  # it is being cleared for another player, and its segments go on
        self._open: RemoteSegment | None = None  # not flushed
        self._discarding = False  # its end was reported; what comes until the flush belongs nowhere
        self._paused = False
        self._paused_at = 0.0
        self._streams = itertools.count()  # handed on so far
        self._through_at = 0.0  # when the remote avatar will have played what it was sent
        self._peer_tells_starts: bool | None = None
        self._moved = asyncio.Event()  # rung whenever the backlog may have become less
        self._send_alarm = Alarm()
        self._time_alarm = Alarm()
        self._peer_lock = asyncio.Lock()  # held while something is sent, or cleared: a piece never follows a clear
        self._clearing: asyncio.Task[None] | None = None
        self._cleared_segments: list[tuple[RemoteSegment, int]] = []  # being cleared, and the samples heard by then
        self._holding = False  # they are cleared for a pause, and go on after it
        self._late_words = 0  # clears that the avatar has not answered with an end yet
        self._sending: asyncio.Task[None] | None = None  # for the present route
        self._senders: set[asyncio.Task[None]] = set()  # it, and those of earlier routes that are not done yet
        self._timing: asyncio.Task[None] | None = None
        self._closed = False
        self.on_idle: Callable[[], None] | None = None  # told when nothing is pending any more
        self.on_answered: Callable[[], None] | None = None  # told when the avatar reported an end
        self.on_unanswered: Callable[[], None] | None = None  # told when it did not
        self.on_stream: Callable[[], None] | None = None  # told when the avatar is given the first of a segment
        self.on_silent: Callable[[], None] | None = None  # told when it seems not to play what it was sent

    # what the agent does

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame of the agent's voice; it is taken within the call, however that ends."""
        await super().capture_frame(frame)
        if not self._discarding:
            if self._open is None:
                self._open = RemoteSegment(self._rate)
                self._segments.append(self._open)
            self._open.append(self._intake.take(frame))
            self._look()
        await self._room_for_voice()

    def flush(self) -> None:
        """The segment has all its voice."""
        super().flush()
        self._discarding = False
        segment, self._open = self._open, None
        if segment is not None:
            segment.append(self._intake.drain())
            segment.flushed = True
            self._look()
        self._end_unplayable()

    def clear_buffer(self) -> None:
        """Be silent; every unfinished segment ends as interrupted."""
        self._intake.forget()
        if self._open is not None:
            self._open, self._discarding = None, True
        if self._local is not None:
            self._clear_local()
            self._end_all(but=set(self._local_segments))
        else:
            self._holding = False  # a pause that is under way becomes an end
            if self._clearing is None and self._playing_remotely() is not None:
                self._clear_peer()
            self._end_all(but={segment for segment, _ in self._cleared_segments})
        self._look()

    def pause(self) -> None:
        """Be silent; what was not heard is kept."""
        super().pause()
        if self._paused or not self.can_pause:
            return
        self._paused, self._paused_at = True, self._now()
        if self._local is not None:
            self._local.pause()
        elif self._clearing is None and self._playing_remotely() is not None:
            self._holding = True
            self._clear_peer()
        self._look()

    def resume(self) -> None:
        """Go on where the listener left off."""
        super().resume()
        if self._local is not None:
            for segment in self._local_segments if self._paused else ():
                segment.postpone(self._now() - self._paused_at)
            self._local.resume()
        self._paused = False
        self._look()

    # what the face does; each takes effect within the call

    @property
    def route(self) -> Route:
        """Who plays now."""
        return self._route

    @property
    def idle(self) -> bool:
        """Whether nothing is pending."""
        return not self._segments

    def listen(self) -> None:
        """Take the avatar's calls from now on; the room must be connected."""
        self._peer.listen()

    def turn_to(self, identity: str) -> None:
        """Another participant is the remote avatar from now on; it plays after `listen()` and `stream()`."""
        if self._route is Route.REMOTE:
            self.hold()
        self._peer.close()
        self._peer = self._peer_of(identity)

    def tell_progress(self, stream: str, samples: int) -> None:
        """The avatar says that so many samples of a stream were heard by now."""
        segment = self._playing_remotely()
        if segment is None or segment.stream != stream or self._cleared_segments:
            return
        if samples > 0:
            self._start(segment)
        segment.confirm(samples, self._now())

    @property
    def awaits_progress(self) -> bool:
        """Whether the remote avatar has voice to play, and could say how far it is."""
        return self._playing_remotely() is not None and self._clearing is None

    def hold(self) -> None:
        """Let nobody play; the voice waits from where the listener is."""
        self._take_over(Route.HELD)

    def stream(self) -> None:
        """Let the remote avatar play."""
        self._peer_tells_starts = None
        self._take_over(Route.REMOTE)

    def speak_through(self, local: AudioOutput) -> None:
        """Let an output of this process play."""
        self._take_over(Route.LOCAL)
        self._local = local
        local.on("playback_started", self._on_local_started)
        local.on("playback_progressed", self._on_local_progressed)
        local.on("playback_finished", self._on_local_finished)
        if self._paused:
            local.pause()
        else:
            local.resume()  # it may have been left in a pause

    @property
    def next_pause_in(self) -> float | None:
        """Seconds until the listener of the local output comes to a pause of the voice; None: none is known yet."""
        segment = self._segments[0] if self._segments else None
        if self._route is not Route.LOCAL or segment is None or not segment.started or self._paused:
            return None
        heard = segment.heard(self._now())
        pause = segment.pause_after(heard)
        return None if pause is None else (pause - heard) / self._rate

    def reclaim(self) -> None:
        """Take the voice back from the local output, where the listener is; it waits then, as after `hold()`."""
        self._reclaiming = True
        try:
            self._clear_local()  # which reports how far it came, or else that is estimated
        finally:
            self._reclaiming = False
            self.hold()

    def drop(self) -> None:
        """Nobody plays any more: segments end where the listener is."""
        self._take_over(Route.NOBODY)
        self._end_unplayable()

    async def silence_peer(self) -> bool:
        """Let an avatar that is not spoken through any more be silent; whether it answered."""
        return await self._peer.clear()

    async def is_peer_alive(self) -> bool:
        """Whether the avatar answers a call."""
        return await self._peer.is_alive()

    async def aclose(self) -> None:
        """End what is pending, as interrupted, and what comes later. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._clearing is None and self._playing_remotely() is not None:
            self._clear_peer()
        self._intake.forget()
        self._discarding, self._open = self._discarding or self._open is not None, None
        self._sending = None
        self._take_over(Route.NOBODY)  # finds out what was heard
        self._end_all()
        tasks = [*self._senders, *([self._timing] if self._timing is not None else [])]
        for task in tasks:
            task.cancel()
        clearing = [self._clearing] if self._clearing is not None else []
        await asyncio.gather(*tasks, *clearing, return_exceptions=True)  # a clear is bounded
        self._peer.close()

    # playback, as the remote avatar tells it

    def _on_peer_started(self) -> None:
        self._peer_tells_starts = True
        segment = self._playing_remotely()
        if segment is not None:
            self._start(segment)

    def _on_peer_finished(self, position: float, interrupted: bool) -> None:
        segment = self._playing_remotely()
        now = self._now()
        if segment is None or not segment.can_have_played(position * self._rate, now):
            logger.debug("the remote avatar reported the end of a segment that had ended (%.3f s)", position)
            return
        if self.on_answered is not None:
            self.on_answered()
        samples = min(segment.sent, segment.base + max(0, round(position * self._rate)))
        if self._cleared_segments:
            self._cleared_segments[0] = (segment, samples)
            self._end_cleared()
        elif interrupted and self._late_words:
            self._late_words -= 1
        elif segment.closed:
            self._end(segment, samples, interrupted=interrupted)
        elif segment.sent - samples <= EARLY_END_S * self._rate:
            # it took a pause of the voice for the end: what comes now is a stream of its own
            self._start(segment)
            segment.restart()
            self._peer.drop()

    def _playing_remotely(self) -> RemoteSegment | None:
        segment = self._segments[0] if self._segments and self._route is Route.REMOTE else None
        return segment if segment is not None and segment.opened_at is not None else None

    def _clear_peer(self) -> None:
        now = self._now()
        self._cleared_segments = [(segment, segment.heard(now)) for segment in self._segments]
        self._clearing = asyncio.create_task(self._cleared(), name="avatar remote clear")

    async def _cleared(self) -> None:
        """Let the avatar be silent, and wait a while for its word on how far it came."""
        try:
            async with self._peer_lock:
                answered = await self._peer.clear()
                until = self._now() + CLEAR_GRACE_S
                while answered and self._cleared_segments and self._now() < until:
                    self._moved.clear()
                    await _at_most(self._moved.wait(), until - self._now())
                await self._end_stream()
        finally:
            self._late_words += bool(self._cleared_segments)
            self._end_cleared()
            self._through_at = 0.0
            self._clearing = None
            self._look()

    def _end_cleared(self) -> None:
        cleared, self._cleared_segments = self._cleared_segments, []
        holding, self._holding = self._holding, False
        for segment, samples in cleared:
            if holding:
                if samples > 0:
                    self._start(segment)
                segment.rewind_to(samples)
            else:
                self._end(segment, samples, interrupted=True)

    # playback, as the local output tells it

    def _on_local_started(self, event: PlaybackStartedEvent) -> None:
        if self._local_segments:
            self._start(self._local_segments[0], created_at=event.created_at)

    def _on_local_progressed(self, event: PlaybackProgressedEvent) -> None:
        if self._local_segments:
            base = self._local_segments[0].base / self._rate
            self.on_playback_progressed(
                started_at=event.started_at, offset=base + event.offset, duration=event.duration
            )

    def _on_local_finished(self, event: PlaybackFinishedEvent) -> None:
        if self._local_segments:
            segment = self._local_segments.popleft()
            samples = segment.base + round(event.playback_position * self._rate)
            if self._reclaiming and event.interrupted:
                segment.rewind_to(samples)
            else:
                self._end(segment, samples, interrupted=event.interrupted)

    def _clear_local(self) -> None:
        assert self._local is not None
        if self._local_segments and not self._local_segments[-1].closed:
            self._local.flush()  # what it is given next is another segment
        self._local.clear_buffer()  # reports what was heard, in this call or later

    # tasks

    def _take_over(self, route: Route) -> None:
        """Stop whoever plays, and let another go on from where the listener is."""
        self._end_cleared()
        for sender in self._senders:
            sender.cancel()
        if self._local is not None:
            self._local.off("playback_started", self._on_local_started)
            self._local.off("playback_progressed", self._on_local_progressed)
            self._local.off("playback_finished", self._on_local_finished)
            self._local = None
        self._local_segments.clear()
        self._peer.drop()
        self._through_at, self._late_words = 0.0, 0
        now = self._now()
        for segment in self._segments:
            segment.rewind(now)
        self._route = route
        if not self._closed:
            self._sending = asyncio.create_task(self._keep(self._send), name="avatar remote voice")
            self._senders.add(self._sending)
            self._sending.add_done_callback(self._senders.discard)
            if self._timing is None:
                self._timing = asyncio.create_task(self._keep(self._watch_time), name="avatar remote time")
        self._look()

    async def _keep(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a task that must not fail: without it the agent would wait for ever for the end of its reply."""
        while True:
            try:
                return await work()
            except Exception:
                logger.exception("an error in the remote avatar's output; it goes on")
            await asyncio.sleep(PIECE_S)

    async def _send(self) -> None:
        # a cancellation may get lost where something else ends in the same moment
        while self._sending is asyncio.current_task():
            segment = next((each for each in self._segments if each.unsent or (each.flushed and not each.closed)), None)
            if self._clearing is not None:
                await asyncio.wait({self._clearing})
            elif segment is None or self._route in (Route.HELD, Route.NOBODY) or self._pauses_peer:
                await self._send_alarm.wait(None)
            elif self._route is Route.REMOTE:
                await self._send_to_peer(segment)
            else:
                await self._send_to_local(segment)

    async def _send_to_peer(self, segment: RemoteSegment) -> None:
        async with self._peer_lock:
            if segment not in self._segments or self._clearing is not None or self._pauses_peer:
                return
            try:
                if segment.unsent:
                    if segment.opened_at is None:
                        segment.stream = str(next(self._streams))
                        if self.on_stream is not None:
                            self.on_stream()
                    piece = segment.take(round(PIECE_S * self._rate), self._now(), self._through_at)
                    self._through_at = segment.ends
                    if not segment.lost:
                        await self._peer.send(piece, segment.stream or "")
                else:
                    segment.closed = True
                    await self._peer.end()
            except Exception as error:
                # what was lost is not said twice: the segment ends when it should have
                logger.warning("the voice does not reach the remote avatar: %s", str(error) or type(error).__name__)
                segment.lost = True
                self._peer.drop()
        self._end_unplayable()
        self._moved.set()
        self._time_alarm.ring()

    async def _send_to_local(self, segment: RemoteSegment) -> None:
        assert self._local is not None
        if segment.unsent:
            if segment.opened_at is None:
                self._local_segments.append(segment)
            piece = segment.take(round(PIECE_S * self._rate), self._now(), 0.0)
            self._moved.set()
            await self._local.capture_frame(rtc.AudioFrame(piece.tobytes(), self._rate, 1, len(piece)))
        else:
            segment.closed = True
            self._local.flush()
        self._end_unplayable()

    async def _watch_time(self) -> None:
        """Begin segments whose beginning nobody tells, and end those whose end nobody does."""
        while True:
            segment = self._playing_remotely()
            now, wake = self._now(), None
            if segment is not None and not self._cleared_segments:
                begins = None if segment.playing or segment.doubted else segment.begins + self._started_grace
                ends = segment.ends + FINISH_GRACE_S if segment.closed else None
                if begins is not None and now >= begins:
                    self._begin_untold(segment)
                    continue
                if ends is not None and now >= ends:
                    self._end_unanswered(segment)
                    continue
                wake = min((at for at in (begins, ends) if at is not None), default=None)
            await self._time_alarm.wait(wake)

    def _begin_untold(self, segment: RemoteSegment) -> None:
        if not self._peer_tells_starts:
            self._peer_tells_starts = False
            self._start(segment)
            return
        segment.doubted = True
        if self.on_silent is not None:
            self.on_silent()

    @property
    def _started_grace(self) -> float:
        if self._peer_tells_starts is None:
            return FIRST_STARTED_GRACE_S
        return STARTED_GRACE_S if self._peer_tells_starts else 0.0

    # inside

    def _peer_of(self, identity: str) -> RemotePeer:
        return RemotePeer(
            self._room, identity, self._rate, on_started=self._on_peer_started, on_finished=self._on_peer_finished
        )

    @property
    def _pauses_peer(self) -> bool:
        return self._paused and self._route is Route.REMOTE

    async def _room_for_voice(self) -> None:
        await asyncio.sleep(0)
        while self._backlog > BACKLOG_S * self._rate:
            self._moved.clear()
            await self._moved.wait()

    @property
    def _backlog(self) -> int:
        return 0 if self._route is Route.NOBODY else sum(segment.unsent for segment in self._segments)

    def _look(self) -> None:
        self._moved.set()
        self._send_alarm.ring()
        self._time_alarm.ring()

    async def _end_stream(self) -> None:
        try:
            await self._peer.end()
        except Exception as error:
            logger.debug("the stream to the remote avatar did not close: %s", error)

    def _start(self, segment: RemoteSegment, created_at: float | None = None) -> None:
        now = self._now()
        segment.began(now)
        if segment.started:
            return
        segment.started = True
        self.on_playback_started(created_at=wall_clock(now) if created_at is None else created_at)
        self._time_alarm.ring()

    def _end(self, segment: RemoteSegment, samples: int, *, interrupted: bool) -> None:
        if segment not in self._segments:
            return
        self._segments.remove(segment)
        if self._open is segment:
            self._open, self._discarding = None, True
        if samples > 0:
            self._start(segment)
        self.on_playback_finished(
            playback_position=min(samples, segment.captured) / self._rate, interrupted=interrupted
        )
        self._look()
        self._end_unplayable()
        if not self._segments and self.on_idle is not None:
            self.on_idle()

    def _end_all(self, *, but: Collection[RemoteSegment] = ()) -> None:
        """End what nobody plays, as interrupted.

        Args:
            but: Somebody reports the end of these.
        """
        for segment in [each for each in self._segments if each not in but]:
            self._end(segment, segment.base, interrupted=True)

    def _end_unplayable(self) -> None:
        """End segments that nobody will play, once they have all their voice."""
        for segment in [each for each in self._segments if each.flushed]:
            if self._route is Route.NOBODY:
                self._end(segment, segment.base, interrupted=segment.base < segment.captured)
            elif segment.closed and segment.opened_at is None and segment is self._segments[0]:
                self._end(segment, segment.base, interrupted=False)  # heard to its end before, or without a sample

    def _end_unanswered(self, segment: RemoteSegment) -> None:
        logger.warning("the remote avatar did not say that it had finished; the agent goes on")
        unheard = self._peer_tells_starts is True and not segment.playing
        self._end(segment, segment.base if unheard else segment.sent, interrupted=unheard)
        if self.on_unanswered is not None:
            self.on_unanswered()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


async def _at_most(waiting: Coroutine[None, None, object], seconds: float) -> None:
    """Wait, but not longer."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(waiting, max(0.0, seconds))
