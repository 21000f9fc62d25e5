"""Writing video: H.264 pictures and AAC sound in one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from ..errors import MediaFileError
from ..pose import Picture
from .output import write_error
from .sound import Sound

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")

#: Rates that AAC has (ISO/IEC 14496-3, table 1.18) and that players play; a sound of another is resampled to the next.
AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)

_BT709 = 1  # the code of its primaries and transfer in ITU-T H.273
_X264_OPTIONS = {"crf": "18", "preset": "veryfast", "tune": "animation"}  # visually lossless on drawn faces


def aac_rate(rate: int) -> int:
    """The lowest AAC rate that carries everything at `rate`, or the highest there is. In Hz."""
    return next((known for known in AAC_RATES if known >= rate), AAC_RATES[-1])


class VideoFile:
    """A file with one picture track and one sound track, both from time 0. A context manager.

    The sound begins with its first sample, as the file's edit list says how much the encoder put before it, and ends
    within one AAC frame of 1024 samples of its last.
    """

    def __init__(
        self, path: Path, named: Path, *, fps: int, size: tuple[int, int], sound_rate: int, sound_layout: str
    ) -> None:
        """Open the file.

        Args:
            path: What to write; its suffix, one of `SUFFIXES`, says the container.
            named: The file's name in error messages.
            fps: Pictures per second.
            size: (width, height) of the pictures, in pixels.
            sound_rate: Hz, of the sound that will come.
            sound_layout: Its channels, by FFmpeg's name.

        Raises:
            MediaFileError: It cannot be written.
        """
        self._named = named
        self._fps = fps
        self._sound_rate = sound_rate
        self._sound_layout = sound_layout
        self._pictures = 0  # written so far
        self._samples = 0  # of sound, written so far
        try:
            self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
            self._video = self._add_video(*size)
            self._audio = self._add_audio()
        except (av.FFmpegError, OSError) as exc:
            raise write_error(named, exc) from exc
        self._resampler = av.AudioResampler("fltp", sound_layout, aac_rate(sound_rate))

    @property
    def codecs(self) -> str:
        """What is inside, for people: `h264, aac 24000 Hz`."""
        return f"{self._video.codec.canonical_name}, aac {self._audio.rate} Hz"

    def describe(self, text: str) -> None:
        """Give the file a comment; before the first picture."""
        self._container.metadata["comment"] = text

    def write_picture(self, picture: Picture) -> None:
        """Append one picture: BGR uint8, shape (height, width, 3).

        Raises:
            MediaFileError: It cannot be written.
        """
        frame = av.VideoFrame.from_ndarray(_even(picture), format="bgr24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts = self._pictures
        frame.time_base = Fraction(1, self._fps)
        self._pictures += 1
        self._mux(self._video, frame)

    def write_sound(self, sound: Sound) -> None:
        """Append sound: float32, shape (channels, n), n > 0.

        Raises:
            MediaFileError: It cannot be written.
        """
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=self._sound_layout)
        frame.sample_rate = self._sound_rate
        frame.pts = None
        self._mux_sound(frame)

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._mux(self._video, None)
                self._mux_sound(None)
                self._mux(self._audio, None)
            self._container.close()
        except (av.FFmpegError, OSError) as exc:
            if error is None:
                raise write_error(self._named, exc) from exc

    def _add_video(self, width: int, height: int) -> VideoStream:
        h264 = "libx264" in av.codecs_available
        stream = self._container.add_stream(
            "libx264" if h264 else "mpeg4", rate=self._fps, options=_X264_OPTIONS if h264 else {"q": "2"}
        )
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        return stream

    def _add_audio(self) -> AudioStream:
        rate = aac_rate(self._sound_rate)
        stream = self._container.add_stream("aac", rate=rate, layout=self._sound_layout)
        per_channel = min(max(32_000, rate * 8 // 3), 128_000)  # 64 kbit/s at 24 kHz, 128 at 48: transparent for speech
        stream.bit_rate = per_channel * stream.layout.nb_channels
        return stream

    def _mux_sound(self, frame: av.AudioFrame | None) -> None:
        for ready in self._resampler.resample(frame):
            ready.pts = self._samples
            ready.time_base = Fraction(1, self._audio.rate)
            self._samples += ready.samples
            self._mux(self._audio, ready)

    def _mux(self, stream: VideoStream | AudioStream, frame: av.VideoFrame | av.AudioFrame | None) -> None:
        try:
            self._container.mux(stream.encode(frame))  # type: ignore[arg-type]
        except (av.FFmpegError, OSError) as exc:
            raise write_error(self._named, exc) from exc


def _even(picture: Picture) -> Picture:
    """4:2:0 video has even sides: an odd one gets one more row or column like its last."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def check_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a path whose kind of file we do not write.

    Raises:
        MediaFileError: Its suffix is none of `suffixes`.
    """
    if path.suffix.lower() not in suffixes:
        raise MediaFileError(
            str(path), f"{path} is no kind of file that can be written here. Give it one of: {', '.join(suffixes)}."
        )
