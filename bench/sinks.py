"""What the sink kit finds in an audio output: `python -m bench.sinks ours` or `python -m bench.sinks framework`.

For each promise it looks for a sequence that breaks it, shortens it, and prints it. `framework` is livekit-agents' own
`QueueAudioOutput` with its `AvatarRunner`, in a real room with a viewer, around a runtime that keeps bitHuman's
contract. Takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, AvatarRunner, QueueAudioOutput, VideoGenerator
from livekit.agents.voice.io import AudioOutput

from livekit_bithuman.media import VideoFrame
from livekit_bithuman.rtc.output import AvatarAudioOutput
from livekit_bithuman.rtc.player import AvatarPlayer
from livekit_bithuman.server import ServerAddress, ServerProcess, find_binary
from livekit_bithuman.testing import BrokenPromise, MarkerEngine, SinkPromise, StillMotion, Viewer, sink_test
from livekit_bithuman.testing.stage import agent_token

from .playout.engine import SpeakingMarkerEngine
from .playout.official import EngineRuntime

SIZE = (64, 64)


@asynccontextmanager
async def our_sink() -> AsyncIterator[AudioOutput]:
    """Our output with its player, on real sources."""
    player = AvatarPlayer(MarkerEngine(SIZE), StillMotion(), rate=24_000)
    await player.prepare()
    try:
        yield AvatarAudioOutput(player)
    finally:
        await player.aclose()


class RuntimeGenerator(VideoGenerator):
    """A runtime as the framework's runner wants it, the way the official plugin does it."""

    def __init__(self, runtime: EngineRuntime) -> None:
        self._runtime = runtime

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Voice, or the end of a segment."""
        if isinstance(frame, AudioSegmentEnd):
            await self._runtime.flush()
        else:
            await self._runtime.push_audio(bytes(frame.data), frame.sample_rate, last_chunk=False)

    def clear_buffer(self) -> None:
        """Forget it."""
        self._runtime.interrupt()

    def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        return self._frames()

    async def _frames(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        async for frame in self._runtime.run():
            for part in _parts(frame):
                yield part


def _parts(frame: VideoFrame) -> list[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
    """Picture, voice, and the end of the segment, as far as a frame has them."""
    parts: list[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd] = []
    if frame.bgr_image is not None:
        height, width = frame.bgr_image.shape[:2]
        rgb = frame.bgr_image[:, :, ::-1].tobytes()
        parts.append(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, rgb))
    chunk = frame.audio_chunk
    if chunk is not None:
        parts.append(rtc.AudioFrame(chunk.bytes, chunk.sample_rate, 1, len(chunk.array)))
    if frame.end_of_speech:
        parts.append(AudioSegmentEnd())
    return parts


def framework_sink(server: ServerAddress) -> Callable[[], AbstractAsyncContextManager[AudioOutput]]:
    """The framework's own output and runner, each time in a room of their own with somebody in it."""

    @asynccontextmanager
    async def make() -> AsyncIterator[AudioOutput]:
        name = f"sink-{uuid.uuid4().hex[:8]}"
        runtime = EngineRuntime(SpeakingMarkerEngine(SIZE), filler_images=True)
        await runtime.set_model()
        room = rtc.Room()
        await room.connect(server.url, agent_token(server.api_key, server.api_secret, name))
        viewer = Viewer.joining(server.url, server.api_key, server.api_secret, name)
        output = QueueAudioOutput(sample_rate=runtime.sample_rate, wait_playback_start=True)
        options = AvatarOptions(*SIZE, runtime.fps, runtime.sample_rate, 1)
        runner = AvatarRunner(room, audio_recv=output, video_gen=RuntimeGenerator(runtime), options=options)
        try:
            async with viewer:
                await runner.start()
                await viewer.until(lambda: viewer.pictures)
                yield output
        finally:
            await runner.aclose()
            await runtime.stop()
            await room.disconnect()

    return make


def search(
    make_sink: Callable[[], AbstractAsyncContextManager[AudioOutput]], promise: SinkPromise, examples: int, steps: int
) -> BrokenPromise | None:
    """The shortest sequence found that breaks one promise."""
    try:
        sink_test(make_sink, examples=examples, steps=steps, patience_s=2.0, promises=[promise])()
    except BrokenPromise as broken:
        return broken
    return None


def main() -> int:
    """Print one line of result per promise."""
    parser = argparse.ArgumentParser(prog="python -m bench.sinks", description=__doc__)
    parser.add_argument("sink", choices=["ours", "framework"])
    parser.add_argument("--promise", action="append", choices=[promise.name for promise in SinkPromise])
    parser.add_argument("--examples", type=int, default=25, help="sequences per promise")
    parser.add_argument("--steps", type=int, default=12, help="of a sequence, at most")
    arguments = parser.parse_args()
    promises = [SinkPromise[name] for name in arguments.promise or SinkPromise.__members__]
    with ExitStack() as stack:
        make_sink: Callable[[], AbstractAsyncContextManager[AudioOutput]] = our_sink
        if arguments.sink == "framework":
            binary = find_binary()
            if binary is None:
                print("There is no livekit-server. Build one: python -m livekit_bithuman.server", file=sys.stderr)
                return 69
            make_sink = framework_sink(stack.enter_context(ServerProcess(binary)))
        for promise in promises:
            broken = search(make_sink, promise, arguments.examples, arguments.steps)
            print(f"{promise.name}: " + ("nothing found" if broken is None else f"broken\n  {broken}"), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
