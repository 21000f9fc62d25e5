"""What every published picture says of itself, beside its pixels.

livekit carries up to 248 bytes of `user_data` with a picture; its server takes them off for viewers that do not know of
them. Ours, little-endian:

    offset  type    meaning
    0       u8      version: 1
    1       u8      flags: 1 = the picture belongs to a segment, 0 = the avatar at rest
    2       u16     frames per second of the slots
    4       u32     generation: counts interruptions and pauses
    8       u32     segment: counts utterances; 0 at rest
    12      u32     slot: the segment's slot; at rest the presentation's tick
    16      u8 ...  loudness of the slot's voice, one byte per 10 ms: 255 is full scale, 2 is a decibel, 0 is silence
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

VERSION = 1
_HEADER = struct.Struct("<BBHIII")
_SPEAKING = 1


@dataclass(frozen=True)
class FrameInfo:
    """One picture's own account.

    Attributes:
        generation: Counts interruptions and pauses: a picture of a lower one than was seen before is stale.
        segment: The utterance, counted from 0; None: the avatar at rest.
        slot: Which 1/fps of the utterance the picture shows; at rest the presentation's tick.
        fps: Of the slots.
        loudness: Of the slot's voice per 10 ms, 0..255, two to a decibel under full scale; empty at rest. It lets a
            viewer find in any voice that it hears where the picture belongs.
    """

    generation: int
    segment: int | None
    slot: int
    fps: int
    loudness: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """As `user_data` of livekit's `FrameMetadata`."""
        flags = 0 if self.segment is None else _SPEAKING
        header = _HEADER.pack(
            VERSION, flags, self.fps, *(n & 0xFFFFFFFF for n in (self.generation, self.segment or 0, self.slot))
        )
        return header + bytes(self.loudness)

    @classmethod
    def unpack(cls, data: bytes) -> FrameInfo | None:
        """From `user_data`; None if it is not ours, or of a version that is not known here."""
        if len(data) < _HEADER.size or data[0] != VERSION:
            return None
        _, flags, fps, generation, segment, slot = _HEADER.unpack_from(data)
        if not fps:
            return None
        speaking = flags & _SPEAKING
        return cls(generation, segment if speaking else None, slot, fps, tuple(data[_HEADER.size :]))
