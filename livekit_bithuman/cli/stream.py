"""`livekit-bithuman stream`: PCM on standard input, pictures on standard output."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import AvatarOption, SeedOption, SizeOption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HELP = """Speak what comes on standard input; its pictures go to standard output.

In: 16-bit little-endian mono PCM at --rate, in pieces of any size. Out: bgr24, three bytes a pixel, row by row, without
header or padding; or y4m, which FFmpeg reads. 25 pictures a second of sound, each as soon as the 110 ms of sound after
it are there, the last ones when the input ends; then the program ends. Input is taken as fast as it comes, so a
program may write everything before it reads."""
EXAMPLES = """\
livekit-bithuman stream --rate 24000 --size 512x512 < speech.pcm > frames.bgr
ffmpeg -i a.mp3 -f s16le -ac 1 -ar 16000 - | livekit-bithuman stream --format y4m | ffplay -
arecord -f S16_LE -r 16000 | livekit-bithuman stream --format y4m --realtime | ffplay -fflags nobuffer -
"""

_READ_BYTES = 65_536


def run(
    rate: Annotated[int, typer.Option(metavar="HZ", min=8_000, max=192_000, help="Of the PCM.")] = 16_000,
    form: Annotated[
        Literal["bgr24", "y4m"], typer.Option("--format", metavar="bgr24|y4m", help="Of the pictures.")
    ] = "bgr24",
    avatar: AvatarOption = None,
    size: SizeOption = None,
    seed: SeedOption = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Let pictures leave 25 a second, and not as fast as they are drawn.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="First tell size, frame rate and bytes a picture, as a line of JSON on stderr."),
    ] = False,
) -> int:
    """Push and drain until the input ends.

    Raises:
        AvatarError: The avatar cannot be used.
    """
    if sys.stdin.isatty() or sys.stdout.isatty():
        raise typer.BadParameter("standard input and output are bytes: connect both with pipes or files")
    received: queue.SimpleQueue[bytes | OSError] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(received,), name="stdin", daemon=True).start()
    from ..engine.compose import Demeanour, speak  # the net, OpenCV and FFmpeg load meanwhile
    from ..engine.embedded import DEFAULT_SEED, EmbeddedEngine
    from ..engine.protocol import Turn
    from ..render.raw import bgr24_frame, y4m_frame, y4m_header

    chosen_seed = DEFAULT_SEED if seed is None else seed
    engine = EmbeddedEngine(avatar, seed=chosen_seed, size=size)
    fps = engine.info.fps
    width, height = engine.info.size
    if as_json:
        about = {"format": form, "width": width, "height": height, "fps": fps, "rate": rate}
        about["frame_bytes"] = _frame_bytes(form, width, height)
        print(json.dumps(about), file=sys.stderr, flush=True)
    if form == "y4m":
        _send(y4m_header((width, height), fps))
    wait = _Pace(fps).wait if realtime else _at_once
    try:
        for frame in speak(engine, Demeanour(chosen_seed, fps).speaking, Turn(0, rate), _samples(received)):
            if frame.bgr_image is not None:  # there is none of no sound at all
                data = bgr24_frame(frame.bgr_image) if form == "bgr24" else y4m_frame(frame.bgr_image)
                wait()
                _send(data)
    finally:
        engine.close()
    return 0


def _frame_bytes(form: str, width: int, height: int) -> int:
    """Of one picture as it is sent, with the line before it."""
    if form == "bgr24":
        return width * height * 3
    return len(b"FRAME\n") + width * height + 2 * (-(-width // 2) * -(-height // 2))


def _receive(received: queue.SimpleQueue[bytes | OSError]) -> None:
    """Take the input as it comes, in a thread of its own: whoever writes it may do so before reading a picture.

    Nothing slows it down, as nothing slows `AsyncBithuman.push_audio` down: PCM is small.
    """
    try:
        while data := os.read(sys.stdin.fileno(), _READ_BYTES):
            received.put(data)
    except OSError as error:
        received.put(error)
    received.put(b"")


def _samples(received: queue.SimpleQueue[bytes | OSError]) -> Iterator[NDArray[np.int16]]:
    """The input's samples, until it ends.

    Raises:
        MediaFileError: It cannot be read.
    """
    from ..errors import MediaFileError
    from ..speech.pcm import PcmCarry

    carry = PcmCarry()
    while data := received.get():
        if isinstance(data, OSError):
            raise MediaFileError("-", f"Standard input cannot be read: {data.strerror}. Connect a pipe or a file.")
        yield carry.push(data)
    if carry.finish():
        print(
            "livekit-bithuman stream: the input ended in half a sample, which was dropped. Send 16-bit PCM.",
            file=sys.stderr,
        )


class _Pace:
    """Pictures leave at their rate; where the voice was late, the schedule gives way."""

    def __init__(self, fps: int) -> None:
        from ..runtime.pacing import FramePacer

        self._pacer = FramePacer(fps, backlog=1)
        self._pacer.resume(time.monotonic())

    def wait(self) -> None:
        """Until the next picture may leave."""
        time.sleep(self._pacer.wait(time.monotonic()))
        self._pacer.left(time.monotonic())


def _at_once() -> None:
    """As fast as pictures are drawn."""


def _send(data: bytes) -> None:
    """Write all of it, and keep nothing back.

    Raises:
        BrokenPipeError: Nobody reads any more.
        MediaFileError: It cannot be written.
    """
    from ..errors import MediaFileError

    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MediaFileError(
            "-", f"Standard output cannot be written: {error.strerror}. Check that the disk has room."
        ) from error
