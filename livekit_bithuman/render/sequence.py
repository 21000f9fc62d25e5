"""Every picture of a speech file as a file of its own, in a folder that appears whole or not at all."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ..engine.compose import PresentationAt
from ..engine.protocol import Engine
from ..errors import MediaFileError
from ..pose import Picture
from .disclosure import disclosed
from .job import STILL_SUFFIXES, Rendered, Report, spoken
from .output import write_error
from .sound import SoundFile
from .video import check_suffix

_NAME = re.compile(r"\d{5,}(" + "|".join(re.escape(suffix) for suffix in STILL_SUFFIXES) + ")")


def render_sequence(
    source: Path,
    folder: Path,
    engine: Engine,
    presentation: PresentationAt,
    report: Report | None = None,
    *,
    suffix: str = ".png",
    disclose: bool = False,
) -> Rendered:
    """Let the avatar speak a file, a picture a file: `00000.png` and so on, at the engine's frame rate.

    Args:
        source: Anything with sound that FFmpeg reads.
        folder: A new one, or one with such pictures alone, which are replaced.
        engine: One that is in no turn yet; it is not closed.
        presentation: Of each slot.
        report: Called after each picture.
        suffix: One of `STILL_SUFFIXES`.
        disclose: Say in each file that it was generated.

    Raises:
        MediaFileError: `source` cannot be read, or the pictures not written.
    """
    check_suffix(folder / f"00000{suffix}", STILL_SUFFIXES)
    count = 0
    with SoundFile(source) as speech, _replacing_folder(folder) as partial:
        pictures = spoken(speech, engine, presentation, report)
        for picture in pictures:
            _write(partial / f"{count:05d}{suffix}", picture, folder, disclose=disclose)
            count += 1
        return Rendered(folder, count, speech.heard_s, engine.info.size, suffix.lstrip("."))


def _write(path: Path, picture: Picture, named: Path, *, disclose: bool) -> None:
    try:
        data = cv2.imencode(path.suffix, picture)[1].tobytes()
        path.write_bytes(disclosed(data, path.suffix) if disclose else data)
    except OSError as exc:
        raise write_error(named, exc) from exc


@contextmanager
def _replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place on success, and is removed on any error or interruption."""
    _refuse_strangers(folder)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        partial.mkdir()
    except OSError as exc:
        raise write_error(folder, exc) from exc
    try:
        yield partial
        try:
            if folder.exists():
                _refuse_strangers(folder)
                shutil.rmtree(folder)
            partial.rename(folder)
        except OSError as exc:
            raise write_error(folder, exc) from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_strangers(folder: Path) -> None:
    """Nothing is removed that a sequence before this one did not write."""
    if not folder.exists():
        return
    try:
        stranger = next((path.name for path in folder.iterdir() if not _NAME.fullmatch(path.name)), None)
    except OSError as exc:
        raise write_error(folder, exc) from exc
    if stranger is not None:
        raise MediaFileError(
            str(folder), f"{folder} has other files in it, {stranger} for one. Name a new or an empty folder."
        )
