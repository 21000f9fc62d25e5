"""Sound as it arrives, to samples."""

from __future__ import annotations

import numpy as np
import pytest

from livekit_bithuman.errors import AudioFormatError
from livekit_bithuman.speech.pcm import PcmCarry, pcm_from_float


def test_samples_are_little_endian() -> None:
    assert PcmCarry().push(b"\x01\x00\xff\xff\x00\x80").tolist() == [1, -1, -32768]


def test_half_a_sample_waits_for_its_other_half() -> None:
    carry = PcmCarry()
    assert carry.push(b"\x34").tolist() == []
    assert carry.push(b"").tolist() == []
    assert carry.push(bytearray(b"\x12\x78")).tolist() == [0x1234]
    assert carry.push(memoryview(b"\x56")).tolist() == [0x5678]


def test_finish_tells_whether_half_a_sample_was_dropped() -> None:
    carry = PcmCarry()
    carry.push(b"\x01\x02\x03")
    assert carry.finish()
    assert not carry.finish()
    assert carry.push(b"\x01\x00").tolist() == [1]


def test_floats_are_rounded_and_clipped() -> None:
    assert pcm_from_float(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.4 / 32767])).tolist() == [
        0, 32767, -32767, 32767, -32768, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(AudioFormatError, match="finite"):
        pcm_from_float(np.array([0.0, bad], np.float32))
