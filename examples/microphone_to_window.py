"""Your own voice moves the avatar's mouth, in a window: microphone to window, with nothing in between.

    pip install livekit-bithuman pygame-ce sounddevice
    python examples/microphone_to_window.py                   until the window is closed
    python examples/microphone_to_window.py --wav speech.wav  a 16-bit mono file in the microphone's place

pygame-ce shows the pictures; sounddevice hears you, and needs PortAudio: `apt-get install libportaudio2` on Debian.
"""

import argparse
import asyncio
import wave
from collections.abc import AsyncIterator

import pygame

from livekit_bithuman import AsyncBithuman

RATE = 16_000
CHUNK_S = 0.02


async def microphone() -> AsyncIterator[tuple[bytes, int]]:
    """What is said, in pieces of 20 ms, for ever."""
    import sounddevice  # PortAudio loads, which a file does not need

    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    def hear(data: object, *_: object) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, bytes(data))  # type: ignore[call-overload]

    with sounddevice.RawInputStream(RATE, round(RATE * CHUNK_S), channels=1, dtype="int16", callback=hear):
        while True:
            yield await pieces.get(), RATE


async def recording(path: str) -> AsyncIterator[tuple[bytes, int]]:
    """What is in a file, as if it were said now."""
    with wave.open(path) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise SystemExit(f"{path} is not 16-bit mono. Convert it first.")
        rate = file.getframerate()
        while data := file.readframes(round(rate * CHUNK_S)):
            yield data, rate
            await asyncio.sleep(CHUNK_S)


async def listen(runtime: AsyncBithuman, voice: AsyncIterator[tuple[bytes, int]]) -> None:
    """Push the voice as it comes. It is one long turn: the silence in it is silence."""
    async for data, rate in voice:
        await runtime.push_audio(data, rate, last_chunk=False)
    await runtime.flush()


async def main(arguments: argparse.Namespace) -> None:
    runtime = await AsyncBithuman.create(model_path=arguments.avatar, filler_images=True)
    width, height = runtime.settings.OUTPUT_WIDTH, runtime.frame_height or 0
    pygame.display.init()
    window = pygame.display.set_mode((width, height))
    pygame.display.set_caption("livekit-bithuman")
    listening = asyncio.create_task(listen(runtime, recording(arguments.wav) if arguments.wav else microphone()))
    spoken = 0
    async for frame in runtime.run():
        if frame.bgr_image is not None:
            window.blit(pygame.image.frombuffer(frame.bgr_image.tobytes(), (width, height), "BGR"), (0, 0))
            pygame.display.flip()
            spoken += frame.audio_chunk is not None
        if any(event.type == pygame.QUIT for event in pygame.event.get()) or frame.end_of_speech:
            break
        if listening.done():
            listening.result()  # a microphone that failed says so
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await runtime.stop()
    pygame.quit()
    print(f"{spoken} pictures of speech were shown")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Your own voice moves the avatar's mouth.")
    parser.add_argument("--avatar", help="a character's name, an .avatar file, or a portrait")
    parser.add_argument("--wav", help="a 16-bit mono file in the microphone's place")
    asyncio.run(main(parser.parse_args()))
