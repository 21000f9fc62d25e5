"""An avatar on a machine that is short of time, before a real subscriber: smaller and fewer pictures, and back."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import cv2
import numpy as np
import pytest
from livekit import rtc

from livekit_bithuman import PublishOptions
from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.rtc import stepping
from livekit_bithuman.testing import MarkerEngine, marker_voice

from .rooms import RATE, StageOf, Told, ViewerOf, marks, slots, tail

pytestmark = pytest.mark.server

SIZES = [(512, 512), (384, 384), (256, 256)]


class Laboured(MarkerEngine):
    """Takes as long for a picture as it is large."""

    load = 0.0  # seconds at full size

    def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
        time.sleep(self.load)
        return super().draw(frame, presentation)

    def draw_at(self, size: tuple[int, int], frame: TurnFrame | None, presentation: Presentation) -> Picture:
        time.sleep(self.load * size[0] * size[1] / self.info.size[0] / self.info.size[1])
        return np.asarray(cv2.resize(super().draw(frame, presentation), size), np.uint8)


@pytest.mark.parametrize("codec", [rtc.VideoCodec.VP8, rtc.VideoCodec.H264])
async def test_pictures_become_smaller_and_whole_again(
    codec: rtc.VideoCodec.ValueType,
    stage_of: StageOf,
    viewer_of: ViewerOf,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(stepping, "FIRST_WAIT_S", 0.5)
    caplog.set_level("INFO", "livekit_bithuman")
    sent: list[tuple[int, int]] = []
    capture = rtc.VideoSource.capture_frame

    def seen(source: rtc.VideoSource, frame: rtc.VideoFrame, **options: Any) -> None:
        sent.append((frame.width, frame.height))
        capture(source, frame, **options)

    monkeypatch.setattr(rtc.VideoSource, "capture_frame", seen)
    engine = Laboured(SIZES[0])
    async with (
        stage_of(engine=engine, publish=PublishOptions(step_down=True, video_codec=codec)) as stage,
        viewer_of() as viewer,
    ):
        told = Told(tail(stage))
        await viewer.until(lambda: marks(viewer))
        await asyncio.sleep(stepping.COLD_S)
        engine.load = 0.120  # three times what there is; a quarter of it is enough
        voice = marker_voice(1, 20 * RATE, RATE)
        speaking = stage.say(voice, RATE)
        await viewer.until(lambda: bool(viewer.pictures) and viewer.pictures[-1].size == SIZES[2])
        at, before = len(viewer.pictures), len(slots(viewer, 0))
        await viewer.until(lambda: len(slots(viewer, 0)) > before + 20)
        readable = [picture.mark is not None for picture in viewer.pictures[at + 5 :]]
        assert np.mean(readable) > 0.9
        assert stage.avatar.statistics.steps_down >= 3
        assert stage.avatar.statistics.engine_failures == 0

        engine.load = 0.0
        await viewer.until(lambda: sent[-1] == SIZES[0] and viewer.pictures[-1].size == SIZES[0], timeout=60)
        await viewer.until(lambda: "the avatar's pictures are as they should be" in caplog.text, timeout=60)
        await speaking
        assert told.finished == [(20.0, False)], "the voice is not touched"
    order = [size for number, size in enumerate(sent) if number == 0 or size != sent[number - 1]]
    assert order[:3] == SIZES, "a step at a time"
    assert order[-3:] == SIZES[::-1]
    lines = [record.getMessage() for record in caplog.records if "the avatar's pictures are" in record.getMessage()]
    assert lines[0] == "the machine is short of time: the avatar's pictures are half as many at rest"
