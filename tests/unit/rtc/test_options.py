"""What is asked of the encoder."""

from __future__ import annotations

import pytest
from livekit import rtc

from livekit_bithuman import PublishOptions


def test_the_default_keeps_every_picture() -> None:
    options = PublishOptions().video((512, 512), 25)
    assert options.video_encoding.max_framerate > 25
    assert options.video_encoding.max_bitrate == pytest.approx(1_500_000, rel=0.02)
    assert not options.simulcast
    assert options.source == rtc.TrackSource.SOURCE_CAMERA


def test_the_bitrate_follows_the_size() -> None:
    small = PublishOptions().video((128, 128), 25).video_encoding.max_bitrate
    large = PublishOptions().video((1280, 720), 25).video_encoding.max_bitrate
    assert small == 300_000
    assert large > 5_000_000


def test_choices_are_passed_on() -> None:
    chosen = PublishOptions(
        video_codec=rtc.VideoCodec.H264,
        max_bitrate=700_000,
        max_framerate=20,
        degradation_preference=rtc.DegradationPreference.MAINTAIN_RESOLUTION,
        simulcast=True,
        stream="face",
    )
    video, audio = chosen.video((512, 512), 25), chosen.audio()
    assert video.video_codec == rtc.VideoCodec.H264
    assert (video.video_encoding.max_bitrate, video.video_encoding.max_framerate) == (700_000, 20)
    assert video.simulcast
    assert video.degradation_preference == rtc.DegradationPreference.MAINTAIN_RESOLUTION.value
    assert not PublishOptions().video((512, 512), 25).HasField("degradation_preference")
    assert (video.stream, audio.stream) == ("face", "face")
