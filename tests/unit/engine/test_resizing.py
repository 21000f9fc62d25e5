"""Pictures of another size than an engine's own, by engines that can draw them and by those that cannot."""

from __future__ import annotations

import numpy as np

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.engine.protocol import Resizable
from livekit_bithuman.engine.resizing import drawn_at
from livekit_bithuman.engine.timed import TimedEngine
from livekit_bithuman.pose import Presentation
from livekit_bithuman.testing import MarkerEngine, StillMotion, read_mark

TURNED = Presentation(yaw=0.1, smile=0.4)


def test_the_embedded_engine_draws_what_one_of_that_size_draws() -> None:
    engine = EmbeddedEngine(size=(128, 128))
    smaller = EmbeddedEngine(engine.avatar, size=(96, 96))
    times: list[float] = []
    for each in (engine, TimedEngine(engine, times.append)):
        assert isinstance(each, Resizable)
        assert np.array_equal(drawn_at(each, (96, 96), None, TURNED), smaller.draw(None, TURNED))
        assert np.array_equal(drawn_at(each, (128, 128), None, TURNED), engine.draw(None, TURNED))
    assert len(times) == 2


def test_pictures_of_any_other_engine_are_made_smaller() -> None:
    times: list[float] = []
    for engine in (MarkerEngine((256, 192)), TimedEngine(MarkerEngine((256, 192)), times.append)):
        picture = drawn_at(engine, (192, 144), None, StillMotion().at(0))
        assert picture.shape == (144, 192, 3)
        assert picture.dtype == np.uint8
        assert read_mark(picture[..., 0]) is not None
    assert len(times) == 1
