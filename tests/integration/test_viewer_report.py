"""Pictures that say what they show, and a viewer's report, in a real room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from livekit import rtc
from numpy.typing import NDArray

from livekit_bithuman import AvatarSession, FrameInfo, PublishOptions
from livekit_bithuman.testing import MarkerEngine, Viewer

from .rooms import StageOf, ViewerOf

pytestmark = pytest.mark.server

SPEECH = Path(__file__).parents[1] / "data" / "speech.wav"


def speech() -> tuple[NDArray[np.int16], int]:
    samples, rate = sf.read(SPEECH, dtype="int16")
    return samples, rate


def infos(viewer: Viewer) -> list[FrameInfo]:
    return [picture.info for picture in viewer.pictures if picture.info is not None]


@pytest.mark.parametrize("codec", [rtc.VideoCodec.VP8, rtc.VideoCodec.H264])
async def test_a_viewer_reports_sync_and_staleness_of_any_voice(
    stage_of: StageOf, viewer_of: ViewerOf, codec: rtc.VideoCodec.ValueType
) -> None:
    options = {"engine": MarkerEngine((256, 256)), "publish": PublishOptions(video_codec=codec)}
    voice, rate = speech()
    async with stage_of(**options) as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        await stage.say(voice, rate)
        handle = stage.say(voice, rate)
        await viewer.until(lambda: any(info.segment == 1 and info.slot > 10 for info in infos(viewer)))
        handle.interrupt()
        await handle
        await viewer.until(lambda: infos(viewer)[-1].generation == 1)
        last = len(viewer.pictures)
        await viewer.until(lambda: len(viewer.pictures) > last + 10)
        report = viewer.report()

    for picture in viewer.pictures:
        if picture.info is not None and picture.mark is not None:
            assert picture.mark.rest == (picture.info.segment is None), "the account is that of its own picture"
            if not picture.mark.rest:
                assert (picture.mark.turn, picture.mark.slot) == (picture.info.segment, picture.info.slot)
    assert report.av_offset_ms is not None, "found by its loudness"
    assert report.av_offset_ms.count >= 50
    assert report.stale == 0
    assert report.repeated == 0
    assert report.lost is not None
    assert report.lost < 0.5


async def test_pictures_say_nothing_where_that_is_not_wanted(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    async with stage_of(publish=PublishOptions(frame_metadata=False)), viewer_of() as viewer:
        await viewer.until(lambda: len(viewer.pictures) > 5)
    assert infos(viewer) == []
    assert viewer.report().stale is None


async def test_the_frame_rate_is_the_users(stage_of: StageOf, viewer_of: ViewerOf) -> None:
    voice, rate = speech()
    async with stage_of(engine=None, size=(256, 256), fps=20) as stage, viewer_of() as viewer:
        await viewer.until(lambda: viewer.pictures)
        await stage.say(voice, rate)
        await viewer.until(lambda: infos(viewer)[-1].segment is None)
    assert {info.fps for info in infos(viewer)} == {20}
    spoken = [info for info in infos(viewer) if info.segment == 0]
    assert max(info.slot for info in spoken) == -(-len(voice) * 20 // rate) - 1
    assert {len(info.loudness) for info in spoken[:-1]} == {5}


@pytest.mark.parametrize("fps", [0, 61])
async def test_a_frame_rate_out_of_range_is_refused(fps: int) -> None:
    with pytest.raises(ValueError, match="Use 1 to 60"):
        AvatarSession(fps=fps)
