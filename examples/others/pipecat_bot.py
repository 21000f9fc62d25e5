"""pipecat-bithuman with our engine under it: a recording is spoken by a face, in a Pipecat pipeline.

    python examples/others/pipecat_bot.py speech.wav

In a bot of yours `BitHumanVideoService` stands between the TTS service and `transport.output()`.
"""

import asyncio
import sys
import wave

from pipecat.frames.frames import EndFrame, Frame, OutputImageRawFrame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pipecat_bithuman import BitHumanVideoService

from livekit_bithuman import AsyncBithuman


async def make_runtime() -> AsyncBithuman:
    """What the service would make of bitHuman's SDK, a model and a key."""
    return await AsyncBithuman.create(filler_images=True)


class Count(FrameProcessor):
    """Stands where `transport.output()` would: counts what comes out."""

    pictures = 0
    seconds = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            self.pictures += 1
        elif isinstance(frame, TTSAudioRawFrame):
            self.seconds += frame.num_frames / frame.sample_rate
        await self.push_frame(frame, direction)


async def main(path: str) -> None:
    with wave.open(path) as recording:
        rate, channels = recording.getframerate(), recording.getnchannels()
        pcm = recording.readframes(recording.getnframes())

    count = Count()
    worker = PipelineWorker(Pipeline([BitHumanVideoService(runtime_factory=make_runtime), count]), enable_rtvi=False)
    runner = WorkerRunner()
    await runner.add_workers(worker)
    step = rate // 50 * 2 * channels  # 20 ms, as a TTS sends it
    speech = [TTSAudioRawFrame(pcm[at : at + step], rate, channels) for at in range(0, len(pcm), step)]
    await worker.queue_frames([*speech, TTSStoppedFrame(), EndFrame()])
    await runner.run()
    print(f"{count.pictures} pictures, {count.seconds:.2f} s of voice")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
