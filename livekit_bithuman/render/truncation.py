"""How long a file says it is, for the formats whose header can be believed.

Decoders play what is left of a file that was cut off, without a word. The header tells. It is not asked where FFmpeg
only estimates a duration (MP3 without a Xing header, raw AAC), where streams have none (OGG), and where writers that
could not seek back left a placeholder (WAV from a pipe).
"""

from __future__ import annotations

import struct
from pathlib import Path

import av
from av.container import InputContainer

_EXACT_FORMATS = frozenset({"flac", "mov,mp4,m4a,3gp,3g2,mj2", "aiff", "w64", "caf", "au"})
_PLACEHOLDERS = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF})  # data sizes of WAV files that were written to a pipe
_PIPED_FROM = 0x7FFFF000  # and what sox and FFmpeg make of them


def declared_seconds(path: Path, container: InputContainer) -> float | None:
    """Seconds of the first audio stream by the file's own account; None if it gives none that can be believed."""
    stream = container.streams.audio[0]
    name = container.format.name
    if name == "wav":
        return _wav_seconds(path)
    if name in _EXACT_FORMATS or (name == "mp3" and _has_xing(path)):
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return None if container.duration is None else container.duration / av.time_base
    return None


def _wav_seconds(path: Path) -> float | None:
    """By the sizes in the RIFF header."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF":
            return None  # RF64 and friends: FFmpeg reads their sizes, we need not
        bytes_per_second = 0
        while len(chunk := file.read(8)) == 8:
            kind, size = struct.unpack("<4sI", chunk)
            if kind == b"fmt ":
                body = file.read(size + size % 2)
                bytes_per_second = struct.unpack_from("<I", body, 8)[0] if len(body) >= 12 else 0
            elif kind == b"data":
                if size in _PLACEHOLDERS or size >= _PIPED_FROM or bytes_per_second == 0:
                    return None
                return float(size / bytes_per_second)
            else:
                file.seek(size + size % 2, 1)
    return None


def _has_xing(path: Path) -> bool:
    """Whether an MP3's first frame counts all frames. Tags before it may hold a picture, hence the wide net."""
    with path.open("rb") as file:
        head = file.read(10)
        start = 0
        if head[:3] == b"ID3" and len(head) == 10:
            start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(start)
        first_frame = file.read(4096)
    return b"Xing" in first_frame or b"Info" in first_frame
