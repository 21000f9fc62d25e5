"""A reply that shows what it says, to a video: `python emotions.py speech.wav out.mp4`.

The same messages work beside live speech: push them in between pieces of audio. In a LiveKit agent the same is
`avatar.set_emotion("joy")` and `avatar.act("nod", at=1.5)`.
"""

import asyncio
import sys
from fractions import Fraction

import av
import soundfile as sf

from livekit_bithuman import AsyncBithuman, Emotion, EmotionPrediction, VideoControl


async def main(speech: str, output: str) -> None:
    """Surprise at first, a nod after one second, joy after two."""
    pcm, rate = sf.read(speech, dtype="int16", always_2d=True)
    mono = pcm[:, 0]
    runtime = await AsyncBithuman.create()

    await runtime.push(VideoControl(emotion_preds=[EmotionPrediction(Emotion.SURPRISE, 0.9)]))
    await runtime.push_audio(mono[:rate], rate, last_chunk=False)
    await runtime.push(VideoControl(action="nod"))
    await runtime.push_audio(mono[rate : 2 * rate], rate, last_chunk=False)
    await runtime.push(VideoControl(emotion_preds=[EmotionPrediction(Emotion.JOY, 1.0)]))
    await runtime.push_audio(mono[2 * rate :], rate, last_chunk=True)

    frames = 0
    with av.open(output, "w") as video:
        stream = video.add_stream("mpeg4", rate=runtime.fps)
        stream.width, stream.height = runtime.frame_width or 0, runtime.frame_height or 0
        stream.pix_fmt = "yuv420p"
        async for frame in runtime.run():
            if frame.bgr_image is not None:
                picture = av.VideoFrame.from_ndarray(frame.bgr_image, format="bgr24")
                picture.pts, picture.time_base = frames, Fraction(1, runtime.fps)
                video.mux(stream.encode(picture))
                frames += 1
            if frame.end_of_speech:
                break
        video.mux(stream.encode(None))
    await runtime.stop()
    print(f"{output}: {frames} frames")


asyncio.run(main(sys.argv[1], sys.argv[2]))
