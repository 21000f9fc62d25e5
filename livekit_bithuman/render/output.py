"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import MediaFileError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` that takes its place on success, and is removed on any error or interruption.

    Yields:
        The file's present path, with the suffix of `path`; the file exists and is empty.

    Raises:
        MediaFileError: The file cannot be made or moved.
    """
    partial = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as exc:
        raise write_error(path, exc) from exc
    try:
        yield partial
        try:
            os.replace(partial, path)
        except OSError as exc:
            raise write_error(path, exc) from exc
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file, whole or not at all.

    Raises:
        MediaFileError: It cannot be written.
    """
    with replacing(path) as partial:
        try:
            partial.write_bytes(data)
        except OSError as exc:
            raise write_error(path, exc) from exc


def write_error(path: Path, cause: Exception) -> MediaFileError:
    """What to say when `path` could not be written."""
    reason = getattr(cause, "strerror", None) or str(cause)
    return MediaFileError(
        str(path),
        f"{path} could not be written: {reason}. "
        "Check that the folder exists, that you may write there, and that the disk has room.",
    )
