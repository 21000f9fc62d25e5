"""How an avatar's two tracks are published."""

from __future__ import annotations

from dataclasses import dataclass

from livekit import rtc

#: Bits per pixel and frame of a talking head in VP8 or H.264: 1.5 Mbit/s at 512x512 and 25 FPS kept every picture.
BITS_PER_PIXEL = 0.23
MIN_BITRATE = 300_000


@dataclass(frozen=True)
class PublishOptions:
    """Choices for the avatar's tracks. The defaults keep every picture of a 25 FPS avatar.

    Attributes:
        video_codec: Of the video track.
        max_bitrate: Of the video track, in bit/s; None: by size and rate (1.5 Mbit/s at 512x512).
        max_framerate: Given to the encoder; None: the engine's rate and a fifth more, since an encoder that is told the
            exact rate drops one of two pictures that come a little close.
        degradation_preference: What an encoder that cannot keep up gives away first; None: livekit's default, which
            halves the picture's sides before it leaves pictures out.
        step_down: When the machine is short of time, give up the rate of resting pictures, then size, then half of the
            speaking ones, in this order, rather than whichever picture is late; see `stepping`.
        simulcast: Publish smaller layers too. Costs the encoder about as much again.
        sample_rate: Of the voice, in Hz, a multiple of 100; None: the TTS's or the realtime model's, else 24000.
        audio_track_name: Name of the voice's track.
        video_track_name: Name of the pictures' track.
        stream: Both tracks' stream name, which lets clients group them; None: livekit's default.
        frame_metadata: Each picture says which segment, slot and generation it shows (see `FrameInfo`) to viewers that
            know of it; None: with every codec but VP9, from whose layers not every server takes it off for the others.
    """

    video_codec: rtc.VideoCodec.ValueType = rtc.VideoCodec.VP8
    max_bitrate: int | None = None
    max_framerate: float | None = None
    degradation_preference: rtc.DegradationPreference | None = None
    step_down: bool = False
    simulcast: bool = False
    sample_rate: int | None = None
    audio_track_name: str = "avatar_audio"
    video_track_name: str = "avatar_video"
    stream: str | None = "avatar"
    frame_metadata: bool | None = None

    @property
    def describes_frames(self) -> bool:
        """Whether pictures carry metadata."""
        return self.video_codec != rtc.VideoCodec.VP9 if self.frame_metadata is None else self.frame_metadata

    def video(self, size: tuple[int, int], fps: int) -> rtc.TrackPublishOptions:
        """The video track's options for pictures of `size` (width, height) at `fps`."""
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=self.video_codec,
            simulcast=self.simulcast,
            video_encoding=rtc.VideoEncoding(
                max_framerate=self.max_framerate or fps * 1.2,
                max_bitrate=self.max_bitrate or max(MIN_BITRATE, round(BITS_PER_PIXEL * size[0] * size[1] * fps)),
            ),
        )
        if self.degradation_preference is not None:
            options.degradation_preference = self.degradation_preference.value
        if self.describes_frames:
            options.frame_metadata_features.append(rtc.FrameMetadataFeature.FMF_USER_DATA)
        if self.stream:
            options.stream = self.stream
        return options

    def audio(self) -> rtc.TrackPublishOptions:
        """The audio track's options."""
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        if self.stream:
            options.stream = self.stream
        return options
