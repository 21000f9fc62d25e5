"""The push and drain loop of bitHuman's SDK, on the embedded engine: only the import and `model_path` differ.

Run it beside a `speech.wav`. The embedded engine needs no secret, and any BITHUMAN_API_SECRET will do.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, type-arg, no-any-return"

import asyncio
import os

import numpy as np
import soundfile as sf

from livekit_bithuman import AsyncBithuman


def load_audio(path: str) -> tuple[np.ndarray, int]:
    audio, sr = sf.read(path, dtype="float32", always_2d=False)
    if audio.ndim > 1:
        audio = audio.mean(axis=1)
    return audio, sr


def float32_to_int16(arr: np.ndarray) -> np.ndarray:
    return (np.clip(arr, -1.0, 1.0) * 32767.0).astype(np.int16)


async def main():
    rt = await AsyncBithuman.create(
        model_path=None,  # the built-in character
        api_secret=os.environ["BITHUMAN_API_SECRET"],
    )

    pcm, sr = load_audio("speech.wav")
    pcm = float32_to_int16(pcm)
    chunk = sr // 100  # 10 ms chunks
    for i in range(0, len(pcm), chunk):
        await rt.push_audio(pcm[i : i + chunk].tobytes(), sr, last_chunk=False)
    await rt.flush()

    async for frame in rt.run():
        if frame.has_image:
            image = frame.bgr_image  # numpy (H, W, 3) uint8  # noqa: F841 - yours to show
        if frame.end_of_speech:
            break
    await rt.stop()


asyncio.run(main())
