"""Reading speech: the first audio stream of any file that FFmpeg reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from ..errors import MediaFileError
from .truncation import declared_seconds

MIN_RATE, MAX_RATE = 8_000, 192_000  # Hz, what engines take; sounds outside are resampled to the nearer bound
TOLERANCE_S = 0.2  # a file may fall this much short of its own header: encoders pad, decoders trim
PCM_SCALE = 32768.0  # int16 of the float sample 1.0 as FFmpeg has it, so that 16-bit files come out as they were

#: Channel layouts that AAC carries; all others are mixed down to stereo.
KEPT_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})

Sound = NDArray[np.float32]


def mono_pcm(sound: Sound) -> NDArray[np.int16]:
    """All channels' average as int16: shape (channels, n) to (n,); what is beyond full scale is clipped."""
    mixed = sound.mean(axis=0, dtype=np.float64) * PCM_SCALE
    pcm: NDArray[np.int16] = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
    return pcm


class SoundFile:
    """A file's first audio stream, decoded once from start to end. A context manager.

    Attributes:
        rate: Of the blocks, in Hz: the file's own from 8 to 192 kHz, else the nearer bound.
        layout: The blocks' channels by FFmpeg's name: the file's own if AAC carries it, else stereo.
        seconds: How long the file says it is; None if it does not say. Progress bars may trust it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            MediaFileError: There is no such file, it cannot be read, or it has no sound.
        """
        self._path = path
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as exc:
            raise _open_error(path, exc) from exc
        if not self._container.streams.audio:
            self._container.close()
            raise MediaFileError(str(path), f"{path} has no sound in it. Pass a file with speech: WAV, MP3, MP4 ...")
        self._stream = self._container.streams.audio[0]
        self.rate = min(max(self._stream.rate, MIN_RATE), MAX_RATE)
        name = self._stream.layout.name
        self.layout = name if name in KEPT_LAYOUTS else "mono" if self._stream.channels == 1 else "stereo"
        self.seconds = None if self._container.duration is None else self._container.duration / av.time_base
        self._samples = 0  # decoded so far

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def heard_s(self) -> float:
        """Seconds of sound that were read so far."""
        return self._samples / self.rate

    def blocks(self) -> Iterator[Sound]:
        """The sound in pieces of whatever size the codec has: float32, shape (channels, n), n > 0.

        Raises:
            MediaFileError: The file is damaged, cut off, or empty, or has samples that are not numbers.
        """
        resample = _Planar(self.layout, self.rate)
        try:
            for frame in self._container.decode(self._stream):
                yield from self._checked(resample.push(frame))
        except (av.FFmpegError, OSError) as exc:
            raise self._damaged(str(exc)) from exc
        yield from self._checked(resample.finish())
        if self._samples == 0:
            raise MediaFileError(str(self._path), f"{self._path} has no samples in it. Record or export it again.")
        declared = declared_seconds(self._path, self._container)
        decoded = self._samples / self.rate
        if declared is not None and decoded < declared - TOLERANCE_S:
            raise self._damaged(f"it says it has {declared:.1f} s of sound, and {decoded:.1f} s are there")

    def _checked(self, sounds: list[Sound]) -> Iterator[Sound]:
        for sound in sounds:
            if not np.isfinite(sound).all():
                raise MediaFileError(
                    str(self._path),
                    f"{self._path} has samples that are not finite numbers. Export it again as 16-bit PCM.",
                )
            if sound.shape[1]:
                self._samples += sound.shape[1]
                yield sound

    def _damaged(self, reason: str) -> MediaFileError:
        return MediaFileError(
            str(self._path), f"{self._path} is damaged or cut off ({reason}). Copy or export it again."
        )


class _Planar:
    """Decoded frames as float32 of one layout and rate, also where the stream changes its format midway."""

    def __init__(self, layout: str, rate: int) -> None:
        self._layout = layout
        self._rate = rate
        self._source: tuple[str, str, int] | None = None  # format, layout and rate of the frames that come in
        self._resampler: av.AudioResampler | None = None  # for frames like that

    def push(self, frame: AudioFrame) -> list[Sound]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        sounds: list[Sound] = []
        if source != self._source:
            sounds += self.finish()
            self._source = source
            self._resampler = av.AudioResampler("fltp", self._layout, self._rate)
        assert self._resampler is not None
        frame.pts = None  # gaps in the file's clock are not sound
        return sounds + [np.asarray(out.to_ndarray(), np.float32) for out in self._resampler.resample(frame)]

    def finish(self) -> list[Sound]:
        if self._resampler is None:
            return []
        tail = [np.asarray(out.to_ndarray(), np.float32) for out in self._resampler.resample(None)]
        self._resampler = None
        return tail


def _open_error(path: Path, cause: Exception) -> MediaFileError:
    if isinstance(cause, FileNotFoundError):
        return MediaFileError(str(path), f"There is no file {path}. Check the path.")
    if isinstance(cause, IsADirectoryError):
        return MediaFileError(str(path), f"{path} is a folder. Pass a file with speech in it.")
    if isinstance(cause, PermissionError):
        return MediaFileError(str(path), f"{path} may not be read by you. Change its permissions, or copy it.")
    return MediaFileError(
        str(path), f"{path} is not a sound or video file that FFmpeg can read. Pass a WAV, MP3, FLAC, OGG or MP4 file."
    )
