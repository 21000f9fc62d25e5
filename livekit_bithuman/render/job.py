"""Rendering one speech file: to a video of exactly its length, or to one picture out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cues import Feel
from ..engine.compose import Demeanour, PresentationAt, speak
from ..engine.embedded import DEFAULT_SEED, EmbeddedEngine
from ..engine.protocol import Engine, Turn, TurnFrame
from ..errors import EngineError, MediaFileError
from ..face.avatar import Avatar
from ..pose import Picture
from ..speech.shape import mouth_shape
from .disclosure import DISCLOSURE, disclosed
from .output import replacing, write_whole
from .sound import Sound, SoundFile, mono_pcm
from .video import SUFFIXES, VideoFile, check_suffix

STILL_SUFFIXES = (".png", ".jpg", ".jpeg")

Report = Callable[[int, int | None], None]  # frames drawn so far, and in all if the file says how long it is


@dataclass(frozen=True)
class Rendered:
    """What was written."""

    path: Path
    frames: int
    seconds: float  # of speech
    size: tuple[int, int]  # (width, height) in pixels
    codecs: str  # for people


def render_speech(
    speech: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    avatar: Avatar | str | os.PathLike[str] | None = None,
    size: tuple[int, int] | None = None,
    seed: int = DEFAULT_SEED,
    background: str | None = None,
    feeling: Feel | None = None,
    badge: bool = False,
    at: float | None = None,
    report: Report | None = None,
) -> Rendered:
    """Let an avatar speak a file, into a video or, if `output` is a picture's name, into a still.

    Args:
        speech: Anything with sound that FFmpeg reads.
        output: .mp4, .m4v, .mov or .mkv; or .png or .jpg. What was there is replaced, and only by a whole file.
        avatar: See `EmbeddedEngine`, as for `size`, `seed` and `background`.
        feeling: What the face looks like throughout.
        badge: Show a small "AI" in each picture, and say in the files that they were generated.
        at: Seconds into the speech that a still shows; None: a good moment.
        report: Called after each frame of a video.

    Raises:
        MediaFileError: `speech` cannot be read, or `output` not written.
        AvatarNotFoundError, AvatarFormatError: There is no such avatar, or it cannot be used.
    """
    source, target = Path(speech), Path(output)
    check_suffix(target, SUFFIXES + STILL_SUFFIXES)
    with closing(EmbeddedEngine(avatar, seed=seed, size=size, background=background, badge=badge)) as engine:
        presentation = Demeanour(seed, engine.info.fps, feeling).speaking
        if target.suffix.lower() in STILL_SUFFIXES:
            return render_still(source, target, engine, presentation, at, disclose=badge)
        return render_video(source, target, engine, presentation, report, disclose=badge)


def render_video(
    source: Path,
    output: Path,
    engine: Engine,
    presentation: PresentationAt,
    report: Report | None = None,
    *,
    disclose: bool = False,
) -> Rendered:
    """Let the avatar speak a file.

    The video has max(1, ceil(seconds * fps)) pictures, no lead-in and no tail, and the file's own sound: its rate and
    channels where AAC has them.

    Args:
        source: Anything with sound that FFmpeg reads.
        output: Its suffix is one of `video.SUFFIXES`; what was there is replaced, and only by a whole file.
        engine: One that is in no turn yet; it is not closed.
        presentation: Of each slot.
        report: Called after each picture.
        disclose: Say in the file that it was generated.

    Raises:
        MediaFileError: `source` cannot be read, or `output` not written.
    """
    check_suffix(output, SUFFIXES)
    fps, size = engine.info.fps, engine.info.size
    frames = 0
    with SoundFile(source) as speech:
        _refuse_same_file(source, output)
        with (
            replacing(output) as partial,
            VideoFile(partial, output, fps=fps, size=size, sound_rate=speech.rate, sound_layout=speech.layout) as video,
        ):
            if disclose:
                video.describe(DISCLOSURE)
            for picture in spoken(speech, engine, presentation, report, video.write_sound):
                video.write_picture(picture)
                frames += 1
            codecs = video.codecs
        return Rendered(output, frames, speech.heard_s, size, codecs)


def spoken(
    speech: SoundFile,
    engine: Engine,
    presentation: PresentationAt,
    report: Report | None = None,
    hear: Callable[[Sound], None] | None = None,
) -> Iterator[Picture]:
    """The pictures of an avatar that speaks a file, each drawn when it is asked for.

    Args:
        speech: Not read yet.
        engine: One that is in no turn yet.
        presentation: Of each slot.
        report: Called when a picture was taken.
        hear: Called with each block of the sound as it is read.

    Raises:
        MediaFileError: The speech cannot be read.
        EngineError: The engine gives no pictures.
    """
    expected = None if speech.seconds is None else max(1, int(np.ceil(speech.seconds * engine.info.fps)))

    def heard() -> Iterator[NDArray[np.int16]]:
        for sound in speech.blocks():
            if hear is not None:
                hear(sound)
            yield mono_pcm(sound)

    for count, frame in enumerate(speak(engine, presentation, Turn(0, speech.rate), heard()), 1):
        if frame.bgr_image is None:
            raise EngineError("The engine gave a frame without a picture. Report this as a bug of the engine.")
        yield frame.bgr_image
        if report is not None:
            report(count, expected)


def render_still(
    source: Path,
    output: Path,
    engine: Engine,
    presentation: PresentationAt,
    at: float | None = None,
    *,
    disclose: bool = False,
) -> Rendered:
    """One picture of the avatar speaking a file.

    Args:
        source: Anything with sound that FFmpeg reads.
        output: Its suffix is one of `STILL_SUFFIXES`.
        engine: One that is in no turn yet; it is not closed.
        presentation: Of each slot.
        at: Seconds into the speech; None: where the mouth is open widest and the eyes are, too.

    Raises:
        MediaFileError: `source` cannot be read or is shorter than `at`, or `output` cannot be written.
    """
    check_suffix(output, STILL_SUFFIXES)
    fps = engine.info.fps
    with SoundFile(source) as speech:
        _refuse_same_file(source, output)
        engine.open_turn(Turn(0, speech.rate))
        for sound in speech.blocks():
            engine.push(mono_pcm(sound))
        engine.end_turn()
        frames = engine.poll()
        seconds = speech.heard_s
    if at is not None and not 0 <= at < seconds:
        raise MediaFileError(str(source), f"{source} has no moment {at:g} s: it is {seconds:.2f} s long. Pass less.")
    frame = _most_telling(frames, presentation) if at is None else frames[int(at * fps)]
    _write_picture(output, engine.draw(frame, presentation(frame.index, frame.emphasis)), disclose=disclose)
    return Rendered(output, 1, seconds, engine.info.size, output.suffix.lower().lstrip("."))


def _most_telling(frames: list[TurnFrame], presentation: PresentationAt) -> TurnFrame:
    """The frame whose mouth is open widest, eyes open."""

    def openness(frame: TurnFrame) -> float:
        if frame.mouth is None:
            return 0.0
        return float(mouth_shape(frame.mouth)[0]) * (1.0 - presentation(frame.index, frame.emphasis).blink)

    return max(frames, key=openness)


def _write_picture(output: Path, picture: Picture, *, disclose: bool) -> None:
    encoded, data = cv2.imencode(output.suffix.lower(), picture)
    if not encoded:
        raise MediaFileError(str(output), f"{output} could not be encoded. Try another suffix: {STILL_SUFFIXES}.")
    written = data.tobytes()
    write_whole(output, disclosed(written, output.suffix) if disclose else written)


def _refuse_same_file(source: Path, output: Path) -> None:
    if output.exists() and output.samefile(source):
        raise MediaFileError(str(output), f"{output} is the speech itself. Give the output another name.")
