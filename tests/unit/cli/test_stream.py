"""`livekit-bithuman stream` as its own program, driven as a program in another language would."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from livekit_bithuman import AsyncBithuman

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests" / "data" / "speech.wav"
SIZE = (66, 48)
FRAME = SIZE[0] * SIZE[1] * 3


@pytest.fixture(scope="module")
def pcm() -> tuple[bytes, int]:
    samples, rate = soundfile.read(SPEECH, dtype="int16")
    return samples.tobytes(), rate


def program(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "livekit_bithuman", "stream", "--size", f"{SIZE[0]}x{SIZE[1]}", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip


def finished(process: subprocess.Popen[bytes], given: bytes) -> bytes:
    """What it wrote; standard error must stay empty."""
    out, told = process.communicate(given, timeout=120)
    assert (process.returncode, told) == (0, b"")
    return out


async def test_the_pictures_are_those_of_async_bithuman(pcm: tuple[bytes, int]) -> None:
    data, rate = pcm
    runtime = await AsyncBithuman.create(output_size=SIZE, output_buffer_size=0)
    await runtime.push_audio(data, rate)
    drawn = []
    async for frame in runtime.run():
        if frame.bgr_image is not None:
            drawn.append(frame.bgr_image.tobytes())
        if frame.end_of_speech:
            break
    await runtime.stop()
    assert len(drawn) == 108
    assert finished(program("--rate", str(rate)), data) == b"".join(drawn)


def test_pictures_come_before_the_input_ends_and_the_last_after_it(pcm: tuple[bytes, int]) -> None:
    data, rate = pcm
    with program("--rate", str(rate), "--realtime") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        second, rest = data[: 2 * rate], data[2 * rate :]
        process.stdin.write(second[:1001])  # half a sample at its end
        process.stdin.write(second[1001:])
        process.stdin.flush()
        early = process.stdout.read(22 * FRAME)  # all but the last 110 ms of a second; a program that waits hangs here
        assert len(early) == 22 * FRAME
        process.stdin.write(rest)
        process.stdin.close()
        late = process.stdout.read()
        assert len(late) == (108 - 22) * FRAME
        assert process.wait(60) == 0
    assert early + late == finished(program("--rate", str(rate)), data)


def test_y4m_is_read_by_ffmpeg(pcm: tuple[bytes, int]) -> None:
    data, rate = pcm
    out = finished(program("--rate", str(rate), "--format", "y4m"), data)
    with av.open(io.BytesIO(out), format="yuv4mpegpipe") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (*SIZE, 25)
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
    assert len(pictures) == 108
    raw = finished(program("--rate", str(rate)), data)
    wanted = np.frombuffer(raw, np.uint8).reshape(108, SIZE[1], SIZE[0], 3)
    assert np.abs(np.asarray(pictures, np.int16) - wanted).mean() < 3, "the colours are the same"


@pytest.mark.parametrize("form", ["bgr24", "y4m"])
def test_a_line_of_json_says_how_to_read_it(form: str) -> None:
    process = program("--format", form, "--json", "--size", "33x17")
    out, told = process.communicate(bytes(3200), timeout=60)
    about = json.loads(told)
    assert (about["width"], about["height"], about["fps"], about["rate"]) == (33, 17, 25, 16_000)
    head = 0 if form == "bgr24" else out.index(b"\n") + 1
    assert len(out) - head == 3 * about["frame_bytes"], "100 ms are three pictures"


def test_without_sound_there_is_no_picture() -> None:
    assert finished(program(), b"") == b""


def test_half_a_sample_is_told() -> None:
    process = program()
    out, told = process.communicate(bytes(641), timeout=60)
    assert (process.returncode, len(out)) == (0, FRAME)
    assert b"half a sample" in told


def test_nobody_reads_any_more(pcm: tuple[bytes, int]) -> None:
    data, rate = pcm
    with program("--rate", str(rate), "--size", "512x512") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(data)
        process.stdin.flush()
        process.stdout.read(FRAME)
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_while_it_waits_for_input(number: signal.Signals, code: int) -> None:
    with program("--format", "y4m") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # the header: it is ready, and waits
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--rate", "7999"], 2, "--rate"),
        (["--format", "rgb"], 2, "--format"),
        (["--avatar", "nobody"], 66, "nobody"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(arguments: list[str], code: int, says: str) -> None:
    process = program(*arguments)
    out, told = process.communicate(b"", timeout=60)
    assert (process.returncode, out) == (code, b"")
    (line,) = told.decode().splitlines()
    assert says in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(pcm: tuple[bytes, int]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "livekit_bithuman", "stream", "--size", "64x64"],
            input=pcm[0], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, check=False,
        )  # fmt: skip
    assert done.returncode == 74
    (line,) = done.stderr.decode().splitlines()
    assert "Standard output cannot be written" in line
