"""What pictures say of themselves, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc

from livekit_bithuman import FrameInfo, PublishOptions

COUNTS = st.integers(0, 2**32 - 1)


@given(
    st.builds(
        FrameInfo,
        COUNTS,
        st.none() | COUNTS,
        COUNTS,
        st.integers(1, 240),
        st.lists(st.integers(0, 255), max_size=10).map(tuple),
    )
)
def test_it_comes_back_from_its_bytes(info: FrameInfo) -> None:
    data = info.pack()
    assert len(data) <= 248, "livekit carries no more"
    assert FrameInfo.unpack(data) == info


def test_the_layout_is_the_one_that_is_documented() -> None:
    info = FrameInfo(generation=3, segment=2, slot=0x01020304, fps=25, loudness=(255, 0))
    assert info.pack() == bytes.fromhex("01 01 1900 03000000 02000000 04030201 ff 00")


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(16), bytes(40), b"\x02" + bytes(19), b"somebody else's data"])
def test_other_bytes_are_nothing(data: bytes) -> None:
    assert FrameInfo.unpack(data) is None


def test_pictures_are_described_unless_the_codec_is_layered() -> None:
    feature = rtc.FrameMetadataFeature.FMF_USER_DATA
    assert list(PublishOptions().video((512, 512), 25).frame_metadata_features) == [feature]
    vp9 = PublishOptions(video_codec=rtc.VideoCodec.VP9)
    assert not vp9.describes_frames
    assert not list(PublishOptions(frame_metadata=False).video((512, 512), 25).frame_metadata_features)
    assert PublishOptions(video_codec=rtc.VideoCodec.VP9, frame_metadata=True).describes_frames
