"""What a file says of itself when its pictures carry the badge: that they were generated."""

from __future__ import annotations

import struct
import zlib

DISCLOSURE = "AI-generated: a synthetic avatar speaks (livekit_bithuman)"


def disclosed(data: bytes, suffix: str) -> bytes:
    """A picture file's bytes with the disclosure as its comment: a PNG's text, or a JPEG's comment segment."""
    text = DISCLOSURE.encode("ascii")
    if suffix.lower() == ".png":
        body = b"tEXt" + b"Comment\0" + text
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:33] + chunk + data[33:]  # after the signature and the header's chunk
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]
