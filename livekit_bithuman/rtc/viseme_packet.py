"""What a data packet says of the mouth that one picture shows, for faces that are drawn by the viewer.

It is sent beside each picture, under the topic `TOPIC`. 37 bytes, little-endian:

    offset  type    meaning
    0       u8      version: 1
    1       u8      flags: 1 = the mouth belongs to a segment, 0 = it is at rest or on its way there
    2       u16     frames per second of the slots
    4       u32     sequence: counts packets; one that is not higher than the last is late, and to be dropped
    8       u32     generation: counts interruptions and pauses
    12      u32     segment: counts utterances; 0 at rest
    16      u32     slot: the segment's slot; at rest the presentation's tick
    20      u8      openness: 0 closed .. 255 wide open
    21      i8      width: -127 puckered .. 127 spread
    22      u8 x 15 weights of sil PP FF TH DD kk CH SS nn RR aa E ih oh ou, in 1/255
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ..pose import VISEMES, VisemeWeights
from ..speech.shape import mouth_shape

TOPIC = "livekit_bithuman.visemes"
VERSION = 1
_HEADER = struct.Struct("<BBHIIIIBb")
_SIZE = _HEADER.size + len(VISEMES)
_SPEAKING = 1


@dataclass(frozen=True, eq=False)
class VisemePacket:
    """One picture's mouth.

    Attributes:
        sequence: Counts packets.
        generation: Counts interruptions and pauses.
        segment: The utterance, counted from 0; None: at rest.
        slot: Which 1/fps of the utterance the mouth belongs to; at rest the presentation's tick.
        fps: Of the slots.
        weights: float32, shape (15,), in `VISEMES` order, each 0..1.
    """

    sequence: int
    generation: int
    segment: int | None
    slot: int
    fps: int
    weights: VisemeWeights

    @property
    def openness(self) -> float:
        """0 closed .. 1 wide open."""
        return float(mouth_shape(self.weights)[0])

    @property
    def width(self) -> float:
        """-1 puckered .. 1 spread."""
        return float(mouth_shape(self.weights)[1])

    def pack(self) -> bytes:
        """As the packet's payload."""
        flags = 0 if self.segment is None else _SPEAKING
        counts = (self.sequence, self.generation, self.segment or 0, self.slot)
        header = _HEADER.pack(
            VERSION,
            flags,
            self.fps,
            *(count & 0xFFFFFFFF for count in counts),
            round(min(max(self.openness, 0.0), 1.0) * 255),
            round(min(max(self.width, -1.0), 1.0) * 127),
        )
        return header + np.clip(np.rint(self.weights * 255), 0, 255).astype(np.uint8).tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> VisemePacket | None:
        """From a payload; None if it is not ours, or of a version that is not known here."""
        if len(data) < _SIZE or data[0] != VERSION:
            return None
        _, flags, fps, sequence, generation, segment, slot, _, _ = _HEADER.unpack_from(data)
        if not fps:
            return None
        weights = np.frombuffer(data[_HEADER.size : _SIZE], np.uint8).astype(np.float32) / np.float32(255)
        return cls(sequence, generation, segment if flags & _SPEAKING else None, slot, fps, weights)
