"""Runs a playout against real sources: the tasks, the engine's restarts, and the two tracks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..cues import Cue
from ..engine.protocol import Engine, EngineInfo
from ..errors import RoomError
from ..playout import EngineFailed, PictureDue, Playout, PlayoutOptions, Presenter, Stop, TickClock
from ..playout.events import Event
from ..playout.measures import Measures
from ..playout.presenter import Motion
from ..trace import TracedPlayout, micros
from . import permission
from .alarm import Alarm
from .drawn import DrawLead, DrawnPictures
from .eager import start_now
from .frame_info import FrameInfo
from .options import PublishOptions
from .painter import Painter
from .reviver import Reviver
from .source import QUEUE_MS, audio_frame, see_tick
from .statistics import AvatarStatistics
from .stepping import Step, Stepper
from .viseme_sender import VisemeSender

logger = logging.getLogger("livekit_bithuman")

T = TypeVar("T")

#: Voice taken ahead of what was handed to the source; beyond that the agent's forwarding task waits. A reply that is
#: there at once would otherwise run through the framework's audio chain in one go (its speaking-rate detector is the
#: costly part), holding the event loop and the interpreter's lock just when the first pictures are due.
BACKLOG_S = 0.5
#: A room that is going down may never answer. livekit itself gives a publication up after 10 s.
PUBLISH_TIMEOUT_S = 15.0
UNPUBLISH_TIMEOUT_S = 2.0
#: Wait before a task that failed runs again.
AFTER_ERROR_S = 0.2
#: So long before a tick is thought to fire it may have fired already, and so long after it not yet.
TICK_UNSURE_S, TICK_SETTLED_S = 0.0012, 0.0004
#: A source that has not taken a slice by then has lost it.
HAND_OVER_TIMEOUT_S = 2.0
#: How often the tick is looked for at the start, where the machine is too busy to see it.
FIRST_LOOKS = 5
#: A slice that was handed over has reached the source's queue by then.
LANDING_S = 0.002
#: The ramp that ends a voice leaves within a tick of its being handed over.
RAMP_LEFT_S = 0.015
#: How often the tick is looked at.
TICK_EVERY_S = 10.0
#: The first picture may still find everything cold.
FIRST_PICTURE_TIMEOUT_S = 20.0


class AvatarPlayer:
    """One avatar's sources, tracks and tasks.

    `prepare()` makes it able to take voice; `publish()` shows it in a room; `aclose()` ends both. Voice that comes
    before it is published plays all the same, so that an agent never waits for a room.

    Args:
        engine: Owned from here on, and closed by `aclose`.
        make_engine: Makes another one like it after it has failed; see `Reviver`.
        motion: Idle motion.
        seed: Of what chance decides in how cues are followed.
        rate: Of the voice, in Hz, a multiple of 100.
        options: For the tracks.
        playout: Timing.
        trace: Makes of a playout one that is recorded; told the clock's origin and the time as well.
        visemes: Send each picture's mouth as a data packet too, also while the video is taken away.
    """

    def __init__(
        self,
        engine: Engine,
        motion: Motion,
        *,
        rate: int,
        seed: int = 0,
        make_engine: Callable[[], Engine] | None = None,
        options: PublishOptions | None = None,
        playout: PlayoutOptions | None = None,
        trace: Callable[[Playout, float, float], TracedPlayout] | None = None,
        visemes: bool = False,
    ) -> None:
        self._painter = Painter(engine)
        self._reviver = Reviver(make_engine, self._install, self._tell_of_engine)
        self._motion = motion
        self._seed = seed
        self.rate = rate
        self.on_event: Callable[[Event], None] | None = None  # told what playout reports, in order
        self.on_engine: Callable[[Exception | None], None] | None = None  # told of a failure, and with None of its end
        self.measures = Measures()  # of what leaves
        self._swaps = 0  # engines that were replaced because somebody asked
        self._options = options or PublishOptions()
        self._playout_options = playout
        self._trace = trace
        self._visemes = VisemeSender() if visemes else None
        self._voice_alarm = Alarm()
        self._picture_alarm = Alarm()
        self._drawn_alarm = Alarm()
        self._drawn = DrawnPictures()
        self._lead = DrawLead()
        self._stepper = Stepper(engine.info.fps, 0.0, Step.HALF if self._options.step_down else Step.FULL)
        self._skipped_before = 0  # pictures that were skipped before the last one that was drawn
        self._handed_over = 0.0  # when the newest slice was handed to the source, seconds of the loop's clock
        self._drained = asyncio.Event()  # rung whenever the backlog may have become less
        self._tasks: list[asyncio.Task[None]] = []
        self._side_tasks: set[asyncio.Task[None]] = set()  # fades on their way to the source; painters that close
        self._sources: list[rtc.AudioSource | rtc.VideoSource] = []
        self._room: rtc.Room | None = None
        self._voice_track: rtc.LocalAudioTrack | None = None  # while published
        self._pictures_track: rtc.LocalVideoTrack | None = None
        self._video_enabled = True
        self._video_lock = asyncio.Lock()  # held while the video track comes or goes
        self._publishing: set[asyncio.Task[None]] = set()  # under way
        self._closing: asyncio.Task[None] | None = None
        self._playout: Playout | TracedPlayout

    async def prepare(self) -> None:
        """Create the sources, find the audio source's tick, draw the first picture, and start the tasks."""
        self._audio = rtc.AudioSource(self.rate, 1, queue_size_ms=QUEUE_MS)
        info = self._painter.engine.info
        self._video = rtc.VideoSource(*info.size)
        self._sources = [self._audio, self._video]
        first = await self._painter.draw(None, self._motion.at(0), FIRST_PICTURE_TIMEOUT_S)
        origin = await self._first_tick()
        # until a picture is captured the source sends black
        self._video.capture_frame(first)
        now = self._now()
        playout = Playout(
            self._painter.engine,
            Presenter(self._motion, info.fps, self._seed),
            rate=self.rate,
            clock=TickClock(origin),
            now=now,
            options=self._playout_options,
        )
        self._playout = playout if self._trace is None else self._trace(playout, origin, now)
        self._stepper.restart(now)
        self._tasks = [
            asyncio.create_task(self._keep(self._send_voice), name="avatar voice"),
            asyncio.create_task(self._keep(self._draw_pictures), name="avatar drawing"),
            asyncio.create_task(self._keep(self._show_pictures), name="avatar pictures"),
            asyncio.create_task(self._keep(self._watch_tick), name="avatar tick"),
        ]

    async def publish(self, room: rtc.Room) -> None:
        """Publish both tracks at once, whoever is in the room.

        If the room refuses the video alone, one warning says so and the voice is published.

        Raises:
            RoomError: The room refuses the voice.
        """
        self._room = room
        self._voice_track = self._pictures_track = None  # those of an earlier connection went with it
        await self._to_the_end(self._publish_both(room))

    @property
    def published(self) -> set[str]:
        """The sids of the tracks that are published now."""
        return {track.sid for track in (self._voice_track, self._pictures_track) if track is not None}

    async def set_video_enabled(self, enabled: bool) -> None:
        """Take the video track away and stop drawing, or publish it again. The voice is not touched.

        Of several calls at once the last one wins. While livekit looks for a lost server it is left until then.

        Raises:
            RoomError: The room refuses the video.
        """
        self._video_enabled = enabled
        await self.settle_video()

    async def settle_video(self) -> None:
        """Let the room have the video track if it is wanted, and not otherwise.

        Raises:
            RoomError: The room refuses the video.
        """
        if self._room is not None:
            await self._to_the_end(self._publish_pictures(self._room))

    async def aclose(self) -> None:
        """Finish what is pending, unpublish, and free everything. Idempotent, also for two callers at once."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar close")
        await asyncio.shield(self._closing)

    def replace_engine(self, engine: Engine, make_engine: Callable[[], Engine] | None) -> None:
        """Show another avatar on the same tracks, in mid-reply too; the engine before is closed.

        Args:
            engine: Owned from here on.
            make_engine: As for the constructor.

        Raises:
            ValueError: The new engine's frame rate is another.
        """
        self._install(engine, make_engine)
        self._swaps += 1

    @property
    def engine(self) -> Engine:
        """The engine that is shown."""
        return self._painter.engine

    @property
    def engine_info(self) -> EngineInfo:
        """Of the engine that is shown."""
        return self._painter.engine.info

    @property
    def heard(self) -> int | None:
        """Samples of the oldest unfinished segment that have left the source; None if none is pending."""
        return self._playout.heard(self._now())

    @property
    def backlog(self) -> int:
        """Samples taken and not handed to the source."""
        return self._playout.backlog

    @property
    def waiting_pictures(self) -> int:
        """Pictures that are drawn and not due yet."""
        return len(self._drawn)

    @property
    def step(self) -> Step:
        """What is given up now because the machine is short of time."""
        return self._stepper.step

    @property
    def fps(self) -> float:
        """Pictures handed to the video source per second, of the last seconds; may be asked for from another thread."""
        return self.measures.fps(time.monotonic())

    @property
    def statistics(self) -> AvatarStatistics:
        """Counts since `prepare`."""
        return AvatarStatistics(
            interruptions=self._playout.generation,
            underruns=self._playout.underruns,
            skipped_pictures=self._playout.skipped,
            swaps=self._swaps,
            engine_failures=self._reviver.failures,
            engine_restarts=self._reviver.restarts,
            steps_down=self._stepper.downs,
            unsent_visemes=0 if self._visemes is None else self._visemes.unsent,
        )

    # what the agent does; each takes effect within the call

    def capture(self, samples: NDArray[np.int16]) -> None:
        """Append voice to the open segment, or open one: int16 mono, shape (n,), at the player's rate."""
        newest = self._playout.newest
        self._playout.capture(samples)
        if self._playout.newest != newest:
            self.measures.opened(self._playout.newest, self._now())
        self._after()

    async def room_for_voice(self) -> None:
        """Return when more voice can be taken; at once if none is pending, after a clear, and when closed.

        Yields to other tasks in any case.
        """
        await asyncio.sleep(0)
        while self._playout.backlog > self._most_backlog_s * self.rate:
            self._drained.clear()
            await self._drained.wait()

    @property
    def _most_backlog_s(self) -> float:
        """An engine that makes its pictures in chunks is given seconds of voice ahead, which have to be there then."""
        info = self.engine_info
        ahead = (self._playout_options or PlayoutOptions()).ahead_s
        return max(BACKLOG_S, ahead + info.lookahead_s + info.first_frame_s)

    def flush(self) -> None:
        """The open segment has all its voice."""
        self._playout.flush()
        self._after()

    def clear(self) -> None:
        """Silence at once; every unfinished segment ends as interrupted."""
        asked = self._now()
        self._playout.clear(self._between_ticks())
        self.measures.stopped(asked, self._playout.silent_at)
        self._after()

    def pause(self) -> None:
        """Hold voice and mouth."""
        asked = self._now()
        self._playout.pause(self._between_ticks())
        self.measures.stopped(asked, self._playout.silent_at)
        self._after()

    def resume(self) -> None:
        """Go on from the first unheard sample."""
        self._playout.resume(self._now())
        self._after()

    def cue(self, cue: Cue, at_s: float | None = None) -> None:
        """Tell the face something, now or at a moment of the reply; see `Playout.cue`."""
        self._playout.cue(cue, at_s)

    # tasks

    async def _keep(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a task that must not end: without it the agent would wait for ever for the end of its reply."""
        while True:
            try:
                await work()
            except Exception:
                logger.exception("an error in the avatar's playout; it goes on")
            await asyncio.sleep(AFTER_ERROR_S)

    async def _send_voice(self) -> None:
        while True:
            now = self._now()
            self._playout.advance(now)
            piece = self._playout.voice(now)
            if piece is None:
                self._report()
                await self._voice_alarm.wait(self._playout.voice_wakeup(now))
                continue
            self._handed_over = now
            handing_over = self._hand_over(piece.samples, "avatar slice")  # before anything else: it is dated by now
            self._report()
            self._picture_alarm.ring()  # the slice dates its slots
            self._drained.set()
            if handing_over is not None:
                # what is not taken is left to the clock: the segment ends all the same, and the agent is told
                await asyncio.wait({handing_over}, timeout=HAND_OVER_TIMEOUT_S)
            if piece.generation != self._playout.generation:
                # stopped while it was under way: if it landed behind the ramp after all, it goes when that has left
                await asyncio.sleep(RAMP_LEFT_S)
                self._audio.clear_queue()

    async def _draw_pictures(self) -> None:
        while True:
            now = self._now()
            picture = self._playout.picture(now, self._lead.seconds)
            self._report()
            if picture is None:
                await self._picture_alarm.wait(self._playout.picture_wakeup(now, self._lead.seconds))
                continue
            wanted = self._video_enabled and self.step.shows(picture.slot, speech=picture.segment is not None)
            frame = await self._draw(picture) if wanted else None
            if frame is not None or self._visemes is not None:
                self._drawn.add(picture, frame)
                self._drawn_alarm.ring()

    async def _draw(self, picture: PictureDue) -> rtc.VideoFrame | None:
        """The picture's pixels; None if the engine fails: then the last picture stays."""
        painter, asked = self._painter, self._now()
        lookahead = None if picture.segment is None else self._playout.lookahead_s
        try:
            size = self.step.size(painter.engine.info.size)
            frame = await painter.draw(picture.frame, picture.presentation, size=size)
        except Exception as error:
            if painter is self._painter:
                self._reviver.failed(error, in_draw=True)
            return None
        self._reviver.drew(speech=picture.frame is not None)
        now = self._now()
        self._lead.drawn(picture, now - picture.due)
        self.measures.drew(picture, now - asked, lookahead)
        self._step(painter.seconds, now, speech=picture.segment is not None)
        return frame

    async def _show_pictures(self) -> None:
        while True:
            due = self._drawn.next_due
            if due is None or due > self._now():
                await self._drawn_alarm.wait(due)
                continue
            picture, frame = self._drawn.take()
            if picture.segment is not None and picture.generation != self._playout.generation:
                continue
            if frame is not None:
                self._video.capture_frame(frame, metadata=self._describe(picture))
                self.measures.shown(picture, self._now())
            if self._visemes is not None and self._room is not None:
                self._visemes.show(self._room, picture, self.engine_info.fps)

    async def _watch_tick(self) -> None:
        """See the tick again and again: at the start the machine may have been too busy to see it well."""
        while True:
            await asyncio.sleep(TICK_EVERY_S)
            fired = await see_tick(self._audio)
            if fired is not None:
                self._playout.rephase(micros(fired))

    # inside

    def _install(self, engine: Engine, make_engine: Callable[[], Engine] | None) -> None:
        self._playout.replace_engine(engine)
        self._reviver.take_over(make_engine)
        old, self._painter = self._painter, Painter(engine)
        self._stepper.restart(self._now())
        self._aside(old.aclose(), "avatar painter closing")
        self._voice_alarm.ring()

    def _step(self, seconds: float, now: float, *, speech: bool) -> None:
        """Step down, or up again, by what a picture took."""
        skipped, before = self._playout.skipped, self.step
        if self._stepper.drawn(seconds, now, skipped=skipped > self._skipped_before, speech=speech):
            level, why = (
                (logging.WARNING, "the machine is short of time")
                if self.step > before
                else (logging.INFO, "there is time again")
            )
            logger.log(level, "%s: the avatar's pictures are %s", why, self.step.told)
        self._skipped_before = skipped

    async def _first_tick(self) -> float:
        """A firing of the source's timer; on a machine too busy to see one, any moment, until a later look mends it."""
        for _ in range(FIRST_LOOKS):
            fired = await see_tick(self._audio)
            if fired is not None:
                return micros(fired)
        return self._now()

    async def _to_the_end(self, publishing: Coroutine[None, None, None]) -> None:
        """Publish, and if the caller is cancelled go on: nobody could take away what is half published."""
        task = asyncio.create_task(publishing, name="avatar tracks")
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)
        await asyncio.shield(task)

    async def _publish_both(self, room: rtc.Room) -> None:
        permission.require(room, rtc.TrackSource.SOURCE_MICROPHONE)  # no face is seen where the voice will be refused
        voice, pictures = await asyncio.gather(
            self._publish_voice(room), self._publish_pictures(room), return_exceptions=True
        )
        if isinstance(voice, BaseException):
            raise voice
        if isinstance(pictures, BaseException):
            logger.warning("the avatar's video could not be published, its voice is: %s", pictures)

    async def _publish_voice(self, room: rtc.Room) -> None:
        track = rtc.LocalAudioTrack.create_audio_track(self._options.audio_track_name, self._audio)
        await _publish(room, track, self._options.audio())
        self._voice_track = track

    async def _publish_pictures(self, room: rtc.Room) -> None:
        """Publish the pictures, or take them away, until the room has what is wanted by then."""
        async with self._video_lock:
            while self._video_enabled != (self._pictures_track is not None):
                # what is published while livekit looks for a lost server, it publishes twice
                if room.connection_state != rtc.ConnectionState.CONN_CONNECTED:
                    return
                if not self._video_enabled:
                    track, self._pictures_track = self._pictures_track, None
                    assert track is not None
                    await self._unpublish(track)
                    continue
                info = self._painter.engine.info
                new = rtc.LocalVideoTrack.create_video_track(self._options.video_track_name, self._video)
                await _publish(room, new, self._options.video(info.size, info.fps))
                self._pictures_track = new

    def _describe(self, picture: PictureDue) -> rtc.FrameMetadata | None:
        if not self._options.describes_frames:
            return None
        fps = self._painter.engine.info.fps
        info = FrameInfo(picture.generation, picture.segment, picture.slot, fps, picture.loudness)
        return rtc.FrameMetadata(user_data=info.pack())

    async def _unpublish(self, track: rtc.LocalTrack) -> None:
        if self._room is None or not self._room.isconnected():
            return
        try:
            unpublishing = self._room.local_participant.unpublish_track(track.sid)
            await asyncio.wait_for(unpublishing, UNPUBLISH_TIMEOUT_S)
        except (rtc.participant.UnpublishTrackError, asyncio.TimeoutError) as error:
            # the room may be going down beside us
            logger.debug("the room did not let go of the avatar's track %s: %s", track.name, str(error) or "no answer")

    async def _withdraw(self) -> None:
        """Take both tracks out of the room, those too that are just being published."""
        publishing = set(self._publishing)
        if publishing:
            await asyncio.wait(publishing, timeout=UNPUBLISH_TIMEOUT_S)
            for task in publishing:
                task.cancel()
            await asyncio.gather(*publishing, return_exceptions=True)
        tracks = [track for track in (self._voice_track, self._pictures_track) if track is not None]
        await asyncio.gather(*map(self._unpublish, tracks), return_exceptions=True)
        self._voice_track = self._pictures_track = self._room = None  # while a track is held, its source's thread runs

    def _now(self) -> float:
        return micros(asyncio.get_running_loop().time())

    def _between_ticks(self) -> float:
        """Now, or up to four milliseconds later, when it is known what has left the source and what it holds.

        A tick is seen to fire up to a millisecond after it did, and a slice lands a little after it was handed over. A
        voice that is stopped in between would be reported a block short, or end in a click: its ramp has to continue
        what left.
        """
        now = self._now()
        if not self._playout.pending:
            return now
        landed = self._handed_over + LANDING_S
        tick = self._playout.next_tick(max(now, landed) - TICK_SETTLED_S) + TICK_SETTLED_S
        unsure = tick - max(now, landed) < TICK_UNSURE_S + TICK_SETTLED_S
        wait = (tick if unsure else landed) - now
        if wait > 0:
            time.sleep(wait)
            now = self._now()
        return now

    def _after(self) -> None:
        """Execute what the agent's call asked for, and let the tasks look again."""
        self._report()
        self._drained.set()
        self._voice_alarm.ring()
        self._picture_alarm.ring()

    def _report(self) -> None:
        for event in self._playout.take_events():
            if isinstance(event, Stop):
                self._silence(event.fade)
            else:
                if isinstance(event, EngineFailed):
                    self._reviver.failed(event.error, in_draw=False)
                self.measures.happened(event, self._now(), self._playout.skipped, self._playout.underruns)
                if self.on_event is not None:
                    _tell(self.on_event, event)

    def _silence(self, fade: NDArray[np.int16]) -> None:
        """Empty the source's queue, and in the same breath hand over how the voice ends.

        If the source's timer came between, the voice would break off for 10 ms and end in two clicks.
        """
        try:
            self._audio.clear_queue()
        except Exception:
            logger.exception("the audio source's queue could not be emptied")
        if len(fade):
            self._hand_over(fade, "avatar fade")

    def _hand_over(self, samples: NDArray[np.int16], name: str) -> asyncio.Task[None] | None:
        """Hand samples to the source within this call; the task ends when it has taken them, and raises nothing."""
        return self._remember(start_now(self._taken(samples), name))

    async def _taken(self, samples: NDArray[np.int16]) -> None:
        try:
            await self._audio.capture_frame(audio_frame(samples, self.rate))
        except Exception:
            logger.exception("the audio source did not take the avatar's voice")

    def _tell_of_engine(self, error: Exception | None) -> None:
        if self.on_engine is not None:
            _tell(self.on_engine, error)

    def _aside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Let something small finish by itself."""
        self._remember(asyncio.create_task(work, name=name))

    def _remember(self, task: asyncio.Task[None] | None) -> asyncio.Task[None] | None:
        if task is not None:
            self._side_tasks.add(task)
            task.add_done_callback(self._side_tasks.discard)
        return task

    async def _close(self) -> None:
        if self._tasks:
            self._playout.close(self._now())
            self._report()
            self._drained.set()
        for task in [*self._tasks, *self._side_tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._side_tasks, return_exceptions=True)
        if self._visemes is not None:
            await self._visemes.aclose()
        await self._reviver.aclose()
        await self._withdraw()
        await self._painter.aclose()
        for source in self._sources:
            await source.aclose()


def _tell(listener: Callable[[T], None], news: T) -> None:
    try:
        listener(news)
    except Exception:
        logger.exception("a listener of the avatar's playback raised; the playback goes on")


async def _publish(room: rtc.Room, track: rtc.LocalTrack, options: rtc.TrackPublishOptions) -> None:
    """Publish a track.

    Raises:
        RoomError: The agent's token does not allow it, or the room did not take it in time.
    """
    permission.require(room, options.source)
    try:
        await asyncio.wait_for(room.local_participant.publish_track(track, options), PUBLISH_TIMEOUT_S)
    except (rtc.participant.PublishTrackError, asyncio.TimeoutError) as error:
        raise RoomError(
            f"The room did not take the track {track.name}: {str(error) or 'it does not answer'}"
        ) from error


def wall_clock(moment: float) -> float:
    """A moment of the running loop's clock as wall-clock time, which is what livekit-agents' events carry."""
    return time.time() - asyncio.get_running_loop().time() + moment
