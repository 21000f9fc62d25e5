"""Runs a playout against real sources: the tasks, the worker thread, and the two tracks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..engine.protocol import Engine
from ..playout import EngineFailed, PictureDue, Playout, PlayoutOptions, Presenter, Stop
from ..playout.events import Event
from ..playout.presenter import Motion
from ..pose import Picture, Presentation
from .options import PublishOptions
from .source import QUEUE_MS, audio_frame, find_tick

logger = logging.getLogger("livekit_bithuman")

#: A picture is drawn this long before it is due: room for drawing and for the hop to the worker thread and back.
DRAW_LEAD_S = 0.015
#: A room that is going down may never answer.
UNPUBLISH_TIMEOUT_S = 2.0


class Alarm:
    """Wakes one waiting task at a time, or earlier when it is rung."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the task, or keep its next wait from waiting."""
        self._rung.set()

    async def wait(self, until: float | None) -> None:
        """Return at `until` (the loop's clock; None: never) or when rung, whichever is first."""
        loop = asyncio.get_running_loop()
        handle = loop.call_at(until, self._rung.set) if until is not None else None
        try:
            await self._rung.wait()
        finally:
            self._rung.clear()
            if handle is not None:
                handle.cancel()


class AvatarPlayer:
    """One avatar's sources, tracks and tasks.

    `prepare()` makes it able to take voice; `publish()` shows it in a room; `aclose()` ends both. Voice that comes
    before it is published plays all the same, so that an agent never waits for a room.

    Args:
        engine: Owned from here on, and closed by `aclose`.
        motion: Idle motion.
        rate: Of the voice, in Hz, a multiple of 100.
        options: For the tracks.
        playout: Timing.
    """

    def __init__(
        self,
        engine: Engine,
        motion: Motion,
        *,
        rate: int,
        options: PublishOptions | None = None,
        playout: PlayoutOptions | None = None,
    ) -> None:
        self._engine = engine
        self._motion = motion
        self.rate = rate
        self.on_event: Callable[[Event], None] | None = None  # told what playout reports, in order
        self._options = options or PublishOptions()
        self._playout_options = playout
        self._painter = ThreadPoolExecutor(1, thread_name_prefix="avatar-painter")
        self._voice_alarm = Alarm()
        self._picture_alarm = Alarm()
        self._tasks: list[asyncio.Task[None]] = []
        self._hand_overs: set[asyncio.Task[None]] = set()  # fades on their way to the source
        self._room: rtc.Room | None = None
        self._publications: list[rtc.LocalTrackPublication] = []
        self._draw_failed = False  # the last picture could not be drawn; said once
        self._closing: asyncio.Task[None] | None = None
        self.pictures = 0  # captured into the video source

    async def prepare(self) -> None:
        """Create the sources, find the audio source's tick, draw the first picture, and start the tasks."""
        loop = asyncio.get_running_loop()
        self._audio = rtc.AudioSource(self.rate, 1, queue_size_ms=QUEUE_MS)
        self._video = rtc.VideoSource(*self._engine.info.size)
        painting = loop.run_in_executor(self._painter, self._paint, None, self._motion.at(0))
        clock, first = await asyncio.gather(find_tick(self._audio), painting)
        # until a picture is captured the source sends black
        self._video.capture_frame(first)
        self._playout = Playout(
            self._engine,
            Presenter(self._motion, self._engine.info.fps),
            rate=self.rate,
            clock=clock,
            now=loop.time(),
            options=self._playout_options,
        )
        self._tasks = [
            asyncio.create_task(self._send_voice(), name="avatar voice"),
            asyncio.create_task(self._show_pictures(), name="avatar pictures"),
        ]

    async def publish(self, room: rtc.Room) -> None:
        """Publish both tracks at once, whoever is in the room.

        If the room refuses the video alone, one warning says so and the voice is published.

        Raises:
            rtc.participant.PublishTrackError: The room refuses the voice.
        """
        options = self._options
        size, fps = self._engine.info.size, self._engine.info.fps
        voice = rtc.LocalAudioTrack.create_audio_track(options.audio_track_name, self._audio)
        pictures = rtc.LocalVideoTrack.create_video_track(options.video_track_name, self._video)
        self._room = room
        results = await asyncio.gather(
            room.local_participant.publish_track(voice, options.audio()),
            room.local_participant.publish_track(pictures, options.video(size, fps)),
            return_exceptions=True,
        )
        self._publications = [result for result in results if isinstance(result, rtc.LocalTrackPublication)]
        if isinstance(results[0], BaseException):
            raise results[0]
        if isinstance(results[1], BaseException):
            logger.warning("the avatar's video could not be published, its voice is: %s", results[1])

    async def aclose(self) -> None:
        """Finish what is pending, unpublish, and free everything. Idempotent, also for two callers at once."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar close")
        await asyncio.shield(self._closing)

    # what the agent does; each takes effect within the call

    def capture(self, samples: NDArray[np.int16]) -> None:
        """Append voice to the open segment, or open one: int16 mono, shape (n,), at the player's rate."""
        self._playout.capture(samples)
        self._after()

    def flush(self) -> None:
        """The open segment has all its voice."""
        self._playout.flush()
        self._after()

    def clear(self) -> None:
        """Silence at once; every unfinished segment ends as interrupted."""
        self._playout.clear(self._now())
        self._after()

    def pause(self) -> None:
        """Hold voice and mouth."""
        self._playout.pause(self._now())
        self._after()

    def resume(self) -> None:
        """Go on from the first unheard sample."""
        self._playout.resume(self._now())
        self._after()

    # tasks

    async def _send_voice(self) -> None:
        while True:
            now = self._now()
            self._playout.advance(now)
            piece = self._playout.voice(now)
            self._report()
            if piece is None:
                await self._voice_alarm.wait(self._playout.voice_wakeup(now))
                continue
            self._picture_alarm.ring()  # the slice dates its slots
            await self._audio.capture_frame(audio_frame(piece.samples, self.rate))
            if piece.generation != self._playout.generation:
                # cleared while it was under way: it may have landed behind the clearing
                self._audio.clear_queue()

    async def _show_pictures(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = self._now()
            picture = self._playout.picture(now, DRAW_LEAD_S)
            self._report()
            if picture is None:
                await self._picture_alarm.wait(self._playout.picture_wakeup(now, DRAW_LEAD_S))
                continue
            frame = await loop.run_in_executor(self._painter, self._paint_safely, picture)
            await asyncio.sleep(max(0.0, picture.due - self._now()))
            stale = picture.segment is not None and picture.generation != self._playout.generation
            if frame is not None and not stale:
                self._video.capture_frame(frame)
                self.pictures += 1

    # inside

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _after(self) -> None:
        """Execute what the agent's call asked for, and let the tasks look again."""
        self._report()
        self._voice_alarm.ring()
        self._picture_alarm.ring()

    def _report(self) -> None:
        for event in self._playout.take_events():
            if isinstance(event, Stop):
                self._audio.clear_queue()
                if len(event.fade):
                    self._hand_over(event.fade)
            else:
                if isinstance(event, EngineFailed):
                    logger.error(
                        "the avatar's engine failed; its voice goes on, its face rests until the next reply",
                        exc_info=event.error,
                    )
                if self.on_event is not None:
                    self.on_event(event)

    def _hand_over(self, samples: NDArray[np.int16]) -> None:
        task = asyncio.create_task(self._audio.capture_frame(audio_frame(samples, self.rate)), name="avatar fade")
        self._hand_overs.add(task)
        task.add_done_callback(self._hand_overs.discard)

    def _paint_safely(self, picture: PictureDue) -> rtc.VideoFrame | None:
        """Paint, in the worker thread; None if the engine failed, which leaves the last picture standing."""
        try:
            frame = self._paint(picture, picture.presentation)
        except Exception:
            if not self._draw_failed:
                logger.exception("the avatar could not be drawn; the last picture stays")
            self._draw_failed = True
            return None
        self._draw_failed = False
        return frame

    def _paint(self, picture: PictureDue | None, presentation: Presentation) -> rtc.VideoFrame:
        image: Picture = self._engine.draw(picture.frame if picture else None, presentation)
        width, height = self._engine.info.size
        if image.shape != (height, width, 3):
            raise ValueError(f"the engine drew {image.shape[1]}x{image.shape[0]} instead of {width}x{height}")
        i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
        return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, i420.tobytes())

    async def _close(self) -> None:
        if self._tasks:
            self._playout.close(self._now())
            self._report()
        for task in [*self._tasks, *self._hand_overs]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._hand_overs, return_exceptions=True)
        if self._room is not None and self._room.isconnected():
            for publication in self._publications:
                with contextlib.suppress(Exception):  # the room may be going down beside us
                    unpublishing = self._room.local_participant.unpublish_track(publication.sid)
                    await asyncio.wait_for(unpublishing, UNPUBLISH_TIMEOUT_S)
        self._publications.clear()
        await asyncio.get_running_loop().run_in_executor(self._painter, self._engine.close)
        self._painter.shutdown(wait=False)
        if self._tasks:
            await self._audio.aclose()
            await self._video.aclose()


def wall_clock(moment: float) -> float:
    """A moment of the running loop's clock as wall-clock time, which is what livekit-agents' events carry."""
    return time.time() - asyncio.get_running_loop().time() + moment
