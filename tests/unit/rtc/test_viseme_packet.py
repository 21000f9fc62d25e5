"""A picture's mouth as the bytes of a data packet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_bithuman import VisemePacket
from livekit_bithuman.pose import VISEMES, resting_mouth

COUNTS = st.integers(0, 2**32 - 1)


@given(
    counts=st.tuples(COUNTS, COUNTS, st.none() | COUNTS, COUNTS, st.integers(1, 100)),
    shares=st.lists(st.floats(0, 1, width=32), min_size=15, max_size=15).filter(lambda shares: sum(shares) > 0.01),
)
def test_it_comes_back_from_its_bytes(counts: tuple[int, int, int | None, int, int], shares: list[float]) -> None:
    packet = VisemePacket(*counts, (np.array(shares) / sum(shares)).astype(np.float32))
    data = packet.pack()
    assert len(data) == 37
    back = VisemePacket.unpack(data)
    assert back is not None
    assert (back.sequence, back.generation, back.segment, back.slot, back.fps) == counts
    np.testing.assert_allclose(back.weights, packet.weights, atol=0.51 / 255)
    assert back.pack()[22:] == data[22:]
    assert data[20] / 255 == pytest.approx(packet.openness, abs=0.51 / 255)
    assert (data[21] ^ 0x80) - 0x80 == pytest.approx(packet.width * 127, abs=0.51)


def test_the_layout_is_the_one_that_is_documented() -> None:
    weights = np.zeros(15, np.float32)
    weights[VISEMES.index("ou")] = 1.0
    packet = VisemePacket(sequence=5, generation=3, segment=2, slot=0x01020304, fps=25, weights=weights)
    assert packet.pack() == bytes.fromhex("01 01 1900 05000000 03000000 02000000 04030201 4d 81") + bytes(14) + b"\xff"
    assert packet.openness == pytest.approx(0.3)
    assert packet.width == -1.0
    rest = VisemePacket(6, 3, None, 9, 25, resting_mouth()).pack()
    assert rest == bytes.fromhex("01 00 1900 06000000 03000000 00000000 09000000 00 00 ff") + bytes(14)


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(36), bytes(37), b"\x01" + bytes(36), b"\x02\0\x19" + bytes(40)])
def test_other_bytes_are_nothing(data: bytes) -> None:
    assert VisemePacket.unpack(data) is None
