"""Rendering to files: exact lengths, the file's own sound, every kind of input, and nothing left after an error."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from livekit_bithuman.engine.protocol import EngineInfo
from livekit_bithuman.errors import MediaFileError
from livekit_bithuman.render import Rendered, render_still, render_video

from ...slate import SIZE, SlateEngine, read, upright

SPEECH = Path(__file__).parents[2] / "data" / "speech.wav"
AAC_FRAME = 1024  # samples

Samples = NDArray[np.float32]


def decode(path: Path) -> tuple[list[tuple[int, Fraction]], Samples, int]:
    """A video's (slot, time) of each picture, its sound (channels, n), and the sound's rate."""
    with av.open(str(path)) as container:
        pictures = [
            (read(frame.to_ndarray(format="bgr24"))[1], frame.pts * frame.time_base)
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    return pictures, sound.astype(np.float32), rate


def render(source: Path, output: Path) -> Rendered:
    return render_video(source, output, SlateEngine(), upright)


def slot_of(still: Path) -> int:
    picture = cv2.imread(str(still))
    assert picture is not None
    return read(picture)[1]


def tone(seconds: float, rate: int, channels: int = 1) -> Samples:
    """Noise below about 1 kHz, another one in each channel: shape (n, channels)."""
    noise = np.random.default_rng(channels).standard_normal((int(seconds * rate), channels))
    window = np.hanning(rate // 500)
    smooth = np.apply_along_axis(np.convolve, 0, noise, window / np.linalg.norm(window), "same")
    return (0.1 * smooth).astype(np.float32)


def correlation(one: Samples, other: Samples) -> float:
    length = min(len(one), len(other))
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_real_speech_becomes_a_video_of_exactly_its_length(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    reported: list[tuple[int, int | None]] = []
    done = render_video(SPEECH, output, SlateEngine(), upright, lambda frames, of: reported.append((frames, of)))
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    frames = math.ceil(len(samples) * 25 / rate)
    assert (done.frames, done.size, done.seconds) == (frames, SIZE, len(samples) / rate)
    assert reported == [(k + 1, frames) for k in range(frames)]
    pictures, sound, sound_rate = decode(output)
    assert pictures == [(k, Fraction(k, 25)) for k in range(frames)]
    assert sound_rate == rate
    assert 0 <= sound.shape[1] - len(samples) < AAC_FRAME
    assert correlation(sound[0], samples) > 0.99
    assert files_in(tmp_path) == {"out.mp4"}


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rates_and_channels_are_the_files_own(tmp_path: Path, rate: int, channels: int) -> None:
    source, output = tmp_path / "in.wav", tmp_path / "out.mp4"
    sound = tone(0.61, rate, channels)
    soundfile.write(source, sound, rate, subtype="FLOAT")
    done = render(source, output)
    assert done.frames == 16
    pictures, decoded, decoded_rate = decode(output)
    assert [slot for slot, _ in pictures] == list(range(16))
    assert decoded_rate == rate
    assert decoded.shape[0] == channels
    assert 0 <= decoded.shape[1] - len(sound) < AAC_FRAME
    assert all(correlation(decoded[channel], sound[:, channel]) > 0.98 for channel in range(channels))


@pytest.mark.parametrize(("rate", "becomes"), [(6_000, 8_000), (11_000, 11_025), (50_000, 64_000), (192_000, 96_000)])
def test_rates_that_aac_lacks_become_the_next_it_has(tmp_path: Path, rate: int, becomes: int) -> None:
    source, output = tmp_path / "in.wav", tmp_path / "out.mp4"
    soundfile.write(source, tone(0.5, rate), rate)
    assert render(source, output).frames == 13
    _, sound, sound_rate = decode(output)
    assert sound_rate == becomes
    assert abs(sound.shape[1] / becomes - 0.5) < AAC_FRAME / becomes + 0.001


@pytest.mark.parametrize("samples", [1, 639, 640, 641, 16_000])
def test_the_frame_count_is_exact_at_the_edges(tmp_path: Path, samples: int) -> None:
    source, output = tmp_path / "in.wav", tmp_path / "out.mp4"
    soundfile.write(source, tone(2, 16_000)[:samples], 16_000)
    assert render(source, output).frames == math.ceil(samples / 640)
    assert len(decode(output)[0]) == math.ceil(samples / 640)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".flac", ".aiff"])
def test_compressed_speech_is_read(tmp_path: Path, suffix: str) -> None:
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    source = tmp_path / f"in{suffix}"
    soundfile.write(source, samples, rate)
    output = tmp_path / "out.mkv"
    assert render(source, output).frames == 108
    assert correlation(decode(output)[1][0], samples) > 0.95


def test_a_videos_sound_is_read_and_its_pictures_are_not(tmp_path: Path) -> None:
    render(SPEECH, tmp_path / "first.mp4")
    done = render(tmp_path / "first.mp4", tmp_path / "second.mov")
    assert done.frames == math.ceil(done.seconds * 25)
    assert abs(done.seconds - 4.3) < AAC_FRAME / 24_000


def test_the_engine_hears_the_average_of_all_channels(tmp_path: Path) -> None:
    class Listener(SlateEngine):
        heard = np.zeros(0, np.int16)

        def push(self, pcm: NDArray[np.int16]) -> None:
            self.heard = np.concatenate([self.heard, pcm])
            super().push(pcm)

    source = tmp_path / "in.wav"
    stereo = np.random.default_rng(0).integers(-9_000, 9_000, (5_000, 2)).astype(np.int16) * 2
    soundfile.write(source, stereo, 16_000)
    engine = Listener()
    render_video(source, tmp_path / "out.mp4", engine, upright)
    assert np.array_equal(engine.heard, stereo.mean(axis=1))


def test_pictures_with_odd_sides_get_even_ones(tmp_path: Path) -> None:
    class Odd(SlateEngine):
        def __init__(self) -> None:
            super().__init__()
            self.info = EngineInfo(fps=25, size=(63, 15))

        def draw(self, *args: object) -> NDArray[np.uint8]:
            return np.full((15, 63, 3), 128, np.uint8)

    output = tmp_path / "out.mp4"
    render_video(SPEECH, output, Odd(), upright)
    with av.open(str(output)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == SIZE


def test_colours_survive_and_are_declared(tmp_path: Path) -> None:
    class Red(SlateEngine):
        def draw(self, *args: object) -> NDArray[np.uint8]:
            return np.full((SIZE[1], SIZE[0], 3), (40, 60, 220), np.uint8)

    output = tmp_path / "out.mp4"
    render_video(SPEECH, output, Red(), upright)
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.colorspace == 1  # BT.709
        frame = next(container.decode(video=0))
        rgb = frame.reformat(format="bgr24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(rgb.astype(int) - (40, 60, 220)).max() <= 4


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_still_shows_the_widest_mouth_or_the_moment_asked_for(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    render_still(SPEECH, output, SlateEngine(), upright)
    assert slot_of(output) == 107
    render_still(SPEECH, output, SlateEngine(), upright, at=1.01)
    assert slot_of(output) == 25
    assert files_in(tmp_path) == {output.name}
    for moment in (-0.1, 4.31, math.nan):
        with pytest.raises(MediaFileError, match=r"4\.30 s long"):
            render_still(SPEECH, output, SlateEngine(), upright, at=moment)


def broken(folder: Path, kind: str) -> Path:
    """A source that cannot be rendered."""
    path = folder / f"{kind}.wav"
    whole = SPEECH.read_bytes()
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    if kind == "folder":
        path.mkdir()
    elif kind == "not a number":
        samples[50_000] = np.nan
        soundfile.write(path, samples, rate, subtype="FLOAT")
    elif kind == "no samples":
        soundfile.write(path, samples[:0], rate)
    elif kind == "pictures only":
        path = path.with_suffix(".png")
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    elif kind in ("cut.flac", "cut.mp3"):
        path = folder / kind
        soundfile.write(path, samples, rate)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "cut.mp4":
        path = folder / kind
        render(SPEECH, path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    elif kind != "missing":
        contents = {
            "empty": b"",
            "noise": np.random.default_rng(0).bytes(5_000),
            "text": b"hello\n" * 50,
            "cut": whole[:150_000],
        }
        path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "There is no file"),
        ("folder", "is a folder"),
        ("empty", "not a sound or video file"),
        ("noise", "not a sound or video file"),
        ("text", "not a sound or video file"),
        ("pictures only", "has no sound"),
        ("no samples", "no samples"),
        ("not a number", "not finite numbers"),
        ("cut", "damaged or cut off"),
        ("cut.flac", "damaged or cut off"),
        ("cut.mp3", "damaged or cut off"),
        ("cut.mp4", "damaged or cut off"),
    ],
)
def test_bad_input_is_one_error_and_leaves_what_was_there(tmp_path: Path, kind: str, says: str) -> None:
    source = broken(tmp_path, kind)
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for name, job in (("out.mp4", render_video), ("out.png", render_still)):
        output = outputs / name
        output.write_bytes(b"before")
        with pytest.raises(MediaFileError, match=says) as caught:
            job(source, output, SlateEngine(), upright)
        assert caught.value.path == str(source)
        assert output.read_bytes() == b"before"
    assert files_in(outputs) == {"out.mp4", "out.png"}


def test_a_wav_from_a_pipe_has_no_length_and_is_no_error(tmp_path: Path) -> None:
    source = tmp_path / "piped.wav"
    whole = bytearray(SPEECH.read_bytes())
    whole[40:44] = b"\xff" * 4
    source.write_bytes(whole)
    assert render(source, tmp_path / "out.mp4").frames == 108


def test_output_that_cannot_be_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="No such file"):
        render(SPEECH, tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(MediaFileError, match="No such file"):
        render_still(SPEECH, tmp_path / "nowhere" / "out.png", SlateEngine(), upright)
    with pytest.raises(MediaFileError, match=r"\.mp4"):
        render(SPEECH, tmp_path / "out.gif")
    with pytest.raises(MediaFileError, match=r"\.png"):
        render_still(SPEECH, tmp_path / "out", SlateEngine(), upright)
    (tmp_path / "taken.mp4").mkdir()
    with pytest.raises(MediaFileError, match="could not be written"):
        render(SPEECH, tmp_path / "taken.mp4")
    assert files_in(tmp_path) == {"taken.mp4"}


def test_the_speech_itself_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "speech.mp4"
    source.write_bytes(SPEECH.read_bytes())  # FFmpeg looks at contents, not names
    with pytest.raises(MediaFileError, match="the speech itself"):
        render(source, source)
    assert source.read_bytes() == SPEECH.read_bytes()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.unit.render.test_render import render
from livekit_bithuman.errors import MediaFileError
resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
try:
    render(Path(sys.argv[1]), Path(sys.argv[2]))
except MediaFileError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no file size limit on this system")
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, SPEECH, output],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert "could not be written: File too large" in run.stdout
    assert run.stderr == ""
    assert files_in(tmp_path) == set()


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    class Interrupted(SlateEngine):
        def draw(self, frame: object, presentation: object) -> NDArray[np.uint8]:
            raise KeyboardInterrupt

    output = tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        render_video(SPEECH, output, Interrupted(), upright)
    assert files_in(tmp_path) == set()


def test_wav_headers_say_how_long_the_sound_is(tmp_path: Path) -> None:
    """The clip of the tests is what its README says."""
    with wave.open(str(SPEECH)) as clip:
        assert (clip.getframerate(), clip.getnchannels(), clip.getnframes()) == (24_000, 1, 103_200)
