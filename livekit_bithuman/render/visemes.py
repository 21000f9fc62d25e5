"""Speech files to visemes: JSON, a row for each frame, and a picture of them on request.

    {"fps": 25, "hop_ms": 40, "frames": [
    {"t": 0.0, "openness": 0.0, "width": 0.0, "visemes": {"sil": 1.0, "PP": 0.0, …}},
    …
    ]}

It is written while the speech is read, so an hour of it needs no more memory than a second; a picture keeps its rows.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import MediaFileError
from ..speech.visemes import VisemeFrame, VisemeStream, fps_of_hop
from .job import Report
from .output import replacing, write_error
from .sound import SoundFile, mono_pcm

if TYPE_CHECKING:
    from .plot import SpeechPlot

DEFAULT_HOP_MS = 40  # the pictures' own

#: Of every number but the time.
_DECIMALS = 4


@dataclass(frozen=True)
class Described:
    """What was written."""

    frames: int
    seconds: float  # of speech


def render_visemes(
    speech: str | os.PathLike[str],
    output: str | os.PathLike[str] | TextIO,
    *,
    hop_ms: int = DEFAULT_HOP_MS,
    arkit: bool = False,
    plot: str | os.PathLike[str] | None = None,
    report: Report | None = None,
) -> Described:
    """Write down the mouth of every frame of a speech file, by the path that drives the face.

    frames[i] describes the sound of [i * hop, (i + 1) * hop), and there are ceil(duration / hop) of them.

    Args:
        speech: Anything with sound that FFmpeg reads.
        output: A file to write as JSON, or an open one. Either gets all of it, or nothing if something fails. What was
            there is replaced.
        hop_ms: Between two frames, in ms; it divides a second and is 10 or more.
        arkit: Add ARKit's blendshapes to each frame.
        plot: A picture to draw as well: .png, .svg or .pdf.
        report: Called as frames are written.

    Raises:
        ValueError: `hop_ms` is not possible.
        MediaFileError: `speech` cannot be read, or `output` or `plot` not written.
        MissingDependencyError: `plot` was asked for, and matplotlib is not installed.
    """
    fps = fps_of_hop(hop_ms)
    source = Path(speech)
    picture = None if plot is None else Path(plot)
    chart = None if picture is None else _chart(picture)
    with SoundFile(source) as sound:
        _refuse_one_file_twice(source, picture, Path(output) if isinstance(output, (str, os.PathLike)) else None)
        job = _Job(sound, hop_ms, fps, arkit, chart, report)
        with _whole_text(output) as text:
            if chart is None or picture is None:
                text.writelines(job.text())
            else:
                with replacing(picture) as partial:
                    text.writelines(job.text())
                    _draw(chart, partial, picture, source.name)
    return Described(job.frames, job.samples / sound.rate)


@contextmanager
def _whole_text(output: str | os.PathLike[str] | TextIO) -> Iterator[TextIO]:
    """A file whose text is `output`'s at the end, and never in part."""
    if not isinstance(output, (str, os.PathLike)):
        with tempfile.TemporaryFile("w+", encoding="utf-8") as text:
            yield text
            text.seek(0)
            shutil.copyfileobj(text, output)
        return
    target = Path(output)
    try:
        if target.exists() and not target.is_file():  # a pipe or a device must stay what it is
            with target.open("w", encoding="utf-8") as file, _whole_text(file) as text:
                yield text
            return
        with replacing(target) as partial, partial.open("w", encoding="utf-8") as text:
            yield text
    except OSError as exc:
        raise write_error(target, exc) from exc


def _draw(chart: SpeechPlot, partial: Path, picture: Path, title: str) -> None:
    try:
        chart.draw(partial, title)
    except OSError as exc:
        raise write_error(picture, exc) from exc


class _Job:
    """One file's speech on its way to JSON."""

    def __init__(
        self, sound: SoundFile, hop_ms: int, fps: int, arkit: bool, chart: SpeechPlot | None, report: Report | None
    ) -> None:
        self._sound = sound
        self._hop_ms = hop_ms
        self._fps = fps
        self._arkit = arkit
        self._chart = chart
        self._report = report
        self.frames = 0  # written so far
        self.samples = 0  # read so far

    def text(self) -> Iterator[str]:
        """The JSON, in pieces."""
        yield f'{{"fps": {self._fps}, "hop_ms": {self._hop_ms}, "frames": [\n'
        for frame in self._told():
            yield (",\n" if frame.index else "") + json.dumps(self._row(frame))
        yield "\n]}\n"

    def _told(self) -> Iterator[VisemeFrame]:
        stream = VisemeStream(self._sound.rate, self._fps)
        if self._chart is not None:
            self._chart.begin(self._sound.rate, self._fps)
        expected = None if self._sound.seconds is None else -(-int(self._sound.seconds * 1000) // self._hop_ms)
        for block in self._sound.blocks():
            pcm = mono_pcm(block)
            self.samples += len(pcm)
            if self._chart is not None:
                self._chart.hear(pcm)
            yield from self._counted(stream.push(pcm))
            if self._report is not None:
                self._report(self.frames, expected)
        yield from self._counted(stream.finish())

    def _counted(self, frames: Iterable[VisemeFrame]) -> Iterator[VisemeFrame]:
        for frame in frames:
            self.frames += 1
            if self._chart is not None:
                self._chart.see(frame)
            yield frame

    def _row(self, frame: VisemeFrame) -> dict[str, object]:
        row: dict[str, object] = {
            "t": frame.index * self._hop_ms / 1000,
            "openness": _rounded(frame.openness),
            "width": _rounded(frame.width),
            "visemes": {name: _rounded(weight) for name, weight in frame.visemes.items()},
        }
        if self._arkit:
            row["arkit"] = {name: _rounded(share) for name, share in frame.arkit.items()}
        return row


def _chart(picture: Path) -> SpeechPlot:
    from .plot import SpeechPlot, check_suffix  # matplotlib is needed for nothing else

    check_suffix(picture)
    return SpeechPlot()


def _rounded(number: float) -> float:
    return round(number, _DECIMALS) + 0.0  # no -0.0


def _refuse_one_file_twice(source: Path, *written: Path | None) -> None:
    paths = [path for path in (source, *written) if path is not None]
    for index, path in enumerate(paths):
        for other in paths[:index]:
            if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
                raise MediaFileError(
                    str(path), f"{path} is named twice: the speech and what is written need a file each."
                )
