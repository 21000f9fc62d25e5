"""When a worker takes no more calls, though it has fewer avatars than it may."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from livekit_bithuman.fleet import AvatarWorker, WorkerOptions
from livekit_bithuman.rtc.statistics import AvatarStatistics
from livekit_bithuman.rtc.stepping import Step
from livekit_bithuman.testing import MarkerEngine


@dataclass
class Player:
    step: Step
    statistics: AvatarStatistics = field(default_factory=AvatarStatistics)


@pytest.mark.parametrize(("step", "full"), [(Step.FULL, False), (Step.CALM, False), (Step.SMALL, True)])
async def test_one_whose_avatars_had_to_become_smaller_is_full(
    step: Step, full: bool, caplog: pytest.LogCaptureFixture
) -> None:
    options = WorkerOptions("ws://127.0.0.1:1", "key", "a secret of some length, as they are", capacity=4)
    worker = AvatarWorker(options, lambda call: MarkerEngine(), lambda name: True)
    meter: Any = worker.meters.avatar()
    meter.player = Player(step)
    assert worker.load() == (1.0 if full else 0.0)
    assert ("takes no more avatars" in caplog.text) == full
    meter.player = Player(Step.FULL)
    assert worker.load() == 0.0
