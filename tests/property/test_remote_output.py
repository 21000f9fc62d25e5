"""Any order of what agents, avatars and faces do to the cloud avatar's output, on virtual time: each segment ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import rtc
from livekit.agents.voice.io import (
    AudioOutput,
    AudioOutputCapabilities,
    PlaybackFinishedEvent,
    PlaybackStartedEvent,
)
from numpy.typing import NDArray

from livekit_bithuman.rtc.remote import output as remote_output
from livekit_bithuman.rtc.remote.output import RemoteAudioOutput, Route
from tests.virtual_time import run

RATE = 1000
#: Longer than any segment here takes to end, with every grace there is.
AT_LAST_S = 60.0


@dataclass(frozen=True)
class Manners:
    """How a remote avatar behaves."""

    latency: float = 0.1  # before it begins to play what it is sent
    tells_starts: bool = True
    tells_ends: bool = True
    answers_clears: bool = True
    says_more: bool = False  # it reports ends that nobody asked for
    refuses: bool = False  # what is sent to it fails
    swallows: bool = False  # what is sent to it is never taken


class Playing:
    """Something that plays segments in real time, one after the other, and reports as it is told to."""

    def __init__(
        self, latency: float, on_started: Callable[[], None], on_finished: Callable[[float, bool], None]
    ) -> None:
        self._latency, self._on_started, self._on_finished = latency, on_started, on_finished
        self._queue: asyncio.Queue[float | None] = asyncio.Queue()  # seconds of voice; None: the segment's end
        self._position = 0.0
        self._begun = False
        self._task = asyncio.create_task(self._play())

    def push(self, seconds: float) -> None:
        self._queue.put_nowait(seconds)

    def end(self) -> None:
        self._queue.put_nowait(None)

    def clear(self) -> None:
        """Report what was begun, drop the rest."""
        begun, position = self._begun, self._position
        self.stop()
        self._queue, self._position, self._begun = asyncio.Queue(), 0.0, False
        self._task = asyncio.create_task(self._play())
        if begun:
            self._on_finished(position, True)

    def stop(self) -> None:
        self._task.cancel()

    async def _play(self) -> None:
        while True:
            seconds = await self._queue.get()
            if seconds is None:
                self._on_finished(self._position, False)
                self._position, self._begun = 0.0, False
                continue
            if not self._begun:
                await asyncio.sleep(self._latency)
                self._begun = True
                self._on_started()
            await asyncio.sleep(seconds)
            self._position += seconds


class ScriptedPeer:
    """In place of the protocol with a remote avatar: one whose manners a test chose."""

    manners = Manners()

    def __init__(
        self,
        room: object,
        identity: str,
        rate: int,
        *,
        on_started: Callable[[], None],
        on_finished: Callable[[float, bool], None],
    ) -> None:
        self._on_started, self._on_finished = on_started, on_finished
        self._playing: Playing | None = None
        self._streaming = False
        self.segment = ""  # of the stream that is open

    def listen(self) -> None: ...

    def close(self) -> None:
        if self._playing is not None:
            self._playing.stop()

    async def send(self, samples: NDArray[np.int16], segment: str) -> None:
        if self.manners.refuses:
            raise ConnectionError("no")
        if self.manners.swallows:
            await asyncio.wait_for(asyncio.Event().wait(), 5.0)
        await asyncio.sleep(0.001)
        if self._playing is None:
            self._playing = Playing(self.manners.latency, self._started, self._finished)
        self._streaming = True
        self.segment = segment
        self._playing.push(len(samples) / RATE)

    async def end(self) -> None:
        await asyncio.sleep(0.001)
        if self._streaming and self._playing is not None:
            self._playing.end()
        self._streaming = False

    def drop(self) -> None:
        self._streaming = False

    async def clear(self) -> bool:
        await asyncio.sleep(0.01 if self.manners.answers_clears else 2.0)
        if self._playing is not None and self.manners.answers_clears:
            self._playing.clear()
        return self.manners.answers_clears

    def _started(self) -> None:
        if self.manners.tells_starts:
            self._on_started()

    def _finished(self, position: float, interrupted: bool) -> None:
        for _ in range(1 + self.manners.says_more):
            if self.manners.tells_ends:
                self._on_finished(position, interrupted)


class LocalOutput(AudioOutput):
    """A well-behaved output of this process."""

    def __init__(self) -> None:
        super().__init__(label="local", capabilities=AudioOutputCapabilities(pause=False))
        self._playing = Playing(0.01, self._started, self._finished)
        self._capturing = False

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._capturing = True
        self._playing.push(frame.samples_per_channel / RATE)
        await asyncio.sleep(0.001)

    def flush(self) -> None:
        super().flush()
        if self._capturing:
            self._capturing = False
            self._playing.end()

    def clear_buffer(self) -> None:
        pending = self._pending_playback_count
        self._playing.clear()
        while self._pending_playback_count and pending:
            self.on_playback_finished(playback_position=0.0, interrupted=True)

    def stop(self) -> None:
        self._playing.stop()

    def _started(self) -> None:
        self.on_playback_started(created_at=0.0)

    def _finished(self, position: float, interrupted: bool) -> None:
        if self._pending_playback_count:
            self.on_playback_finished(playback_position=position, interrupted=interrupted)


class SlowLocalOutput(LocalOutput):
    """One that reports what was heard some time after it was cleared."""

    def clear_buffer(self) -> None:
        asyncio.get_running_loop().call_later(0.1, super().clear_buffer)


Step = tuple[str, float]
SETTINGS = settings(deadline=None, max_examples=200)

steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["capture", "cut"]), st.sampled_from([0.0, 0.02, 0.1, 0.4])),
        st.tuples(st.just("say"), st.sampled_from([0.05, 0.5, 2.0])),
        st.tuples(
            st.sampled_from(
                ["flush", "clear", "hold", "stream", "local", "drop", "pause", "resume", "turn", "reclaim"]
            ),
            st.just(0.0),
        ),
        st.tuples(st.just("tell"), st.sampled_from([0.0, 0.1, 5.0])),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0])),
    ),
    max_size=14,
)
manners = st.builds(
    Manners,
    latency=st.sampled_from([0.0, 0.1, 1.5]),
    tells_starts=st.booleans(),
    tells_ends=st.booleans(),
    answers_clears=st.booleans(),
    says_more=st.booleans(),
    refuses=st.booleans(),
    swallows=st.booleans(),
)


@contextmanager
def scripted(chosen: Manners) -> Iterator[None]:
    with patch.object(remote_output, "RemotePeer", ScriptedPeer), patch.object(ScriptedPeer, "manners", chosen):
        yield


class Scene:
    """An output, what was captured, and what was reported."""

    def __init__(self) -> None:
        self.output = RemoteAudioOutput(rtc.Room(), "avatar", RATE, pause=True)
        self.reported: list[PlaybackStartedEvent | PlaybackFinishedEvent] = []
        self.lengths: list[float] = []  # of the segments, as far as they were taken
        self.output.on("playback_started", self.reported.append)
        self.output.on("playback_finished", self.reported.append)
        self._capturing = False
        self._locals: list[LocalOutput] = []

    def speak_through(self, local: LocalOutput) -> None:
        self._locals.append(local)
        self.output.speak_through(local)

    async def do(self, step: Step) -> None:
        name, value = step
        await getattr(self, f"_{name}")(value)

    async def close(self) -> None:
        await self.output.aclose()
        for local in self._locals:
            local.stop()

    async def _capture(self, seconds: float, patience: float = 0.5) -> None:
        if not self._capturing:
            self._capturing = True
            self.lengths.append(0.0)
        self.lengths[-1] += seconds
        samples = np.zeros(round(seconds * RATE), np.int16)
        frame = rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))
        capturing = asyncio.create_task(self.output.capture_frame(frame))
        await asyncio.sleep(0)
        if patience:
            await asyncio.wait({capturing}, timeout=patience)
        capturing.cancel()  # an agent that is interrupted does; what was captured stays captured
        await asyncio.gather(capturing, return_exceptions=True)

    async def _cut(self, seconds: float) -> None:
        await self._capture(seconds, patience=0.0)

    async def _say(self, seconds: float) -> None:
        await self._capture(seconds)
        await self._flush(0.0)

    async def _flush(self, _: float) -> None:
        self._capturing = False
        self.output.flush()

    async def _clear(self, _: float) -> None:
        self.output.clear_buffer()

    async def _hold(self, _: float) -> None:
        self.output.hold()

    async def _stream(self, _: float) -> None:
        self.output.stream()

    async def _local(self, _: float) -> None:
        if self.output.route is not Route.LOCAL:
            self.speak_through(LocalOutput())

    async def _drop(self, _: float) -> None:
        self.output.drop()

    async def _reclaim(self, _: float) -> None:
        """As a face does that gives the voice back to the avatar."""
        if self.output.route is Route.LOCAL:
            self.output.reclaim()
            self.output.stream()

    async def _pause(self, _: float) -> None:
        self.output.pause()

    async def _resume(self, _: float) -> None:
        self.output.resume()

    async def _turn(self, _: float) -> None:
        self.output.turn_to("another avatar")
        self.output.stream()

    async def _tell(self, seconds: float) -> None:
        peer: Any = self.output._peer
        self.output.tell_progress(peer.segment, round(seconds * RATE))

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def check(self) -> None:
        """Every segment has ended once, begun at most once, and was heard no longer than it is."""
        assert self.output.captured_playout_segments == len(self.lengths)
        started, ends = 0, []
        for event in self.reported:
            if isinstance(event, PlaybackStartedEvent):
                started += 1
                continue
            assert started <= 1, "it began twice"
            assert started or not event.playback_position, "it was heard and did not begin"
            started = 0
            ends.append(event)
        assert not started, "it began and did not end"
        assert len(ends) == len(self.lengths)
        for end, length in zip(ends, self.lengths, strict=True):
            assert 0.0 <= end.playback_position <= length + 1e-9


@SETTINGS
@given(steps=steps, first=st.sampled_from(["stream", "hold", "local", "drop"]), manners=manners)
def test_every_segment_ends_once_whatever_happens(steps: list[Step], first: str, manners: Manners) -> None:
    async def play() -> None:
        scene = Scene()
        for step in [(first, 0.0), *steps, ("flush", 0.0), ("resume", 0.0)]:
            await scene.do(step)
        if scene.output.route is Route.HELD:
            await scene.do(("drop", 0.0))  # a face does not hold for ever
        await asyncio.wait_for(scene.output.wait_for_playout(), AT_LAST_S)
        scene.check()
        await scene.close()
        scene.check()

    with scripted(manners):
        run(play())


@SETTINGS
@given(steps=steps, first=st.sampled_from(["stream", "hold", "local"]), manners=manners)
def test_closing_ends_what_is_pending_at_any_moment(steps: list[Step], first: str, manners: Manners) -> None:
    async def play() -> None:
        scene = Scene()
        for step in [(first, 0.0), *steps]:
            await scene.do(step)
        await scene.close()
        await scene.close()
        assert scene.output.idle
        scene.check()
        await scene.do(("capture", 0.1))
        await scene.do(("flush", 0.0))
        scene.check()

    with scripted(manners):
        run(play())


# single cases


def _played(
    play: Callable[[Scene], Coroutine[Any, Any, None]], chosen: Manners | None = None
) -> list[tuple[float, bool]]:
    """What was reported at the end of a scene that begins with a remote avatar."""

    async def scene() -> Scene:
        made = Scene()
        await made.do(("stream", 0.0))
        await play(made)
        await asyncio.wait_for(made.output.wait_for_playout(), AT_LAST_S)
        made.check()
        await made.close()
        return made

    with scripted(chosen or Manners()):
        ends = [event for event in run(scene()).reported if isinstance(event, PlaybackFinishedEvent)]
    return [(round(end.playback_position, 2), end.interrupted) for end in ends]


def test_capture_flush_and_clear_in_one_step_end_one_segment() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 0.4))
        scene.output.clear_buffer()
        scene.output.clear_buffer()

    assert _played(play)[0][1]
    assert len(_played(play)) == 1


def test_what_is_captured_after_a_clear_waits_for_it_and_is_spoken() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 6.0))
        await scene.do(("wait", 1.0))
        await scene.do(("clear", 0.0))
        await scene.do(("say", 0.5))

    for answers in (True, False):
        first, second = _played(play, Manners(answers_clears=answers))
        assert first[1]
        assert 0.5 <= first[0] <= 1.1
        assert second == (0.5, False)


def test_a_pause_keeps_what_was_not_heard_and_ends_nothing() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 3.0))
        await scene.do(("wait", 1.0))
        for _ in range(2):
            await scene.do(("pause", 0.0))
            await scene.do(("wait", 20.0))
            assert not [event for event in scene.reported if isinstance(event, PlaybackFinishedEvent)]
            heard = scene.output._segments[0].base
            assert heard == scene.output._segments[0].sent, "nothing is handed on in a pause"
            await scene.do(("resume", 0.0))
            await scene.do(("wait", 0.5))

    for answers in (True, False):
        assert _played(play, Manners(answers_clears=answers)) == [(3.0, False)]


def test_a_pause_can_become_an_end() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 3.0))
        await scene.do(("wait", 1.0))
        scene.output.pause()
        scene.output.clear_buffer()
        await scene.do(("wait", 3.0))
        await scene.do(("resume", 0.0))
        await scene.do(("say", 0.5))
        await scene.do(("wait", 1.0))
        await scene.do(("pause", 0.0))
        await scene.do(("wait", 1.0))
        await scene.do(("say", 0.5))
        scene.output.clear_buffer()  # while it is silent already

    first, second, third = _played(play)
    assert first[1]
    assert 0.5 <= first[0] <= 1.1
    assert second == (0.5, False)
    assert third == (0.0, True)


def test_who_takes_over_goes_on_at_the_position_that_was_told_last() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 3.0))
        await scene.do(("wait", 1.0))
        await scene.do(("tell", 0.7))
        await scene.do(("wait", 0.15))
        scene.output.turn_to("another avatar")
        assert scene.output._segments[0].base == 0.7 * RATE
        await scene.do(("tell", 2.0))  # by who plays no more
        scene.output.stream()

    assert _played(play) == [(3.0, False)]


def test_an_end_that_is_reported_late_does_not_end_the_next_segment() -> None:
    """The avatar answers the clear too late, and its word of it reaches the next segment."""

    async def play(scene: Scene) -> None:
        await scene.do(("say", 6.0))
        await scene.do(("wait", 1.0))
        await scene.do(("clear", 0.0))
        await scene.do(("wait", 7.0))
        await scene.do(("say", 2.0))
        await scene.do(("wait", 1.0))
        scene.output._on_peer_finished(0.9, True)

    chosen = Manners(answers_clears=False)
    assert _played(play, chosen)[1] == (2.0, False)


def test_a_pause_that_the_avatar_takes_for_the_end_does_not_cost_the_rest() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("capture", 0.4))
        await scene.do(("wait", 7.0))
        peer: Any = scene.output._peer
        await peer.end()  # it has waited long enough
        await scene.do(("wait", 1.0))
        await scene.do(("capture", 0.4))
        await scene.do(("flush", 0.0))

    assert _played(play) == [(0.8, False)]


def test_an_avatar_that_never_began_has_spoken_nothing() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 0.5))
        await scene.output.wait_for_playout()
        peer: Any = scene.output._peer
        peer._playing.stop()
        await scene.do(("say", 0.5))

    assert _played(play) == [(0.5, False), (0.0, True)]


def test_another_player_goes_on_where_the_avatar_was() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 2.0))
        await scene.do(("wait", 1.0))
        await scene.do(("hold", 0.0))
        assert scene.output._segments[0].unsent / RATE == pytest.approx(1.1, abs=0.15)
        await scene.do(("wait", 7.0))
        await scene.do(("local", 0.0))

    assert _played(play) == [(2.0, False)]


def test_the_avatar_goes_on_where_the_local_output_was() -> None:
    async def play(scene: Scene) -> None:
        scene.speak_through(LocalOutput())
        await scene.do(("say", 3.0))
        await scene.do(("wait", 1.0))
        scene.output.reclaim()
        (segment,) = scene.output._segments
        assert segment.base / RATE == pytest.approx(1.0, abs=0.15)
        assert segment.base == segment.sent, "what was not heard is handed on anew"
        scene.output.stream()

    assert _played(play) == [(3.0, False)]


def test_a_local_output_that_does_not_answer_gives_the_voice_back_all_the_same() -> None:
    async def play(scene: Scene) -> None:
        scene.speak_through(SlowLocalOutput())
        await scene.do(("say", 3.0))
        await scene.do(("wait", 1.0))
        scene.output.reclaim()
        assert scene.output._segments[0].base / RATE == pytest.approx(1.0, abs=0.15), "as it is thought to have played"
        scene.output.stream()

    assert _played(play) == [(3.0, False)]


def test_a_pause_of_the_voice_is_where_the_listener_comes_to_it() -> None:
    async def play(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        scene.speak_through(LocalOutput())
        voice = np.full(3 * RATE, 9000, np.int16)
        voice[2 * RATE : round(2.5 * RATE)] = 0
        begun = loop.time()
        for at in range(0, len(voice), RATE // 10):
            await scene.output.capture_frame(rtc.AudioFrame(voice[at : at + RATE // 10].tobytes(), RATE, 1, RATE // 10))
        scene.lengths.append(3.0)
        scene.output.flush()
        await asyncio.sleep(begun + 1.0 - loop.time())
        assert scene.output.next_pause_in == pytest.approx(begun + 2.0 - loop.time(), abs=0.05)
        scene.output.pause()
        await scene.do(("wait", 0.5))
        assert scene.output.next_pause_in is None
        scene.output.resume()
        assert scene.output.next_pause_in == pytest.approx(begun + 2.5 - loop.time(), abs=0.05)
        await asyncio.sleep(begun + 2.65 - loop.time())
        assert scene.output.next_pause_in == 0.0

    assert _played(play) == [(3.0, False)]


def test_what_a_second_avatar_never_began_is_not_skipped() -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 4.0))
        await scene.do(("wait", 1.0))
        scene.output.turn_to("another avatar")
        scene.output.stream()
        base = scene.output._segments[0].base
        await scene.do(("wait", 0.8))  # it takes longer to begin
        scene.output.hold()
        assert scene.output._segments[0].base == base
        await scene.do(("local", 0.0))

    assert _played(play, Manners(latency=0.9)) == [(4.0, False)]


def test_a_voice_that_does_not_get_through_is_said_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def play(scene: Scene) -> None:
        await scene.do(("say", 2.0))

    caplog.set_level(logging.WARNING, "livekit_bithuman")
    assert _played(play, Manners(refuses=True)) == [(2.0, False)]
    assert caplog.text.count("does not reach the remote avatar") == 1
