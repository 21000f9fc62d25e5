"""Engines of one sample rate under callers whose turns have any."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from livekit_bithuman.engine.compose import Demeanour, speak
from livekit_bithuman.engine.protocol import EngineInfo, Turn
from livekit_bithuman.engine.rate import at_any_rate
from livekit_bithuman.playout import Playout, Presenter, TickClock
from livekit_bithuman.speech.resample import StreamResampler
from livekit_bithuman.testing import MarkerEngine, StillMotion, marker_voice

SIZE = (16, 16)


class PickyEngine(MarkerEngine):
    """Takes 16 kHz and nothing else."""

    def __init__(self) -> None:
        super().__init__(SIZE)
        self._info = EngineInfo(fps=25, size=SIZE, input_rate=16_000)
        self.heard = np.zeros(0, np.int16)  # of the newest turn

    def open_turn(self, turn: Turn) -> None:
        assert turn.sample_rate == 16_000
        super().open_turn(turn)
        self.heard = np.zeros(0, np.int16)

    def push(self, pcm: NDArray[np.int16]) -> None:
        super().push(pcm)
        self.heard = np.concatenate([self.heard, pcm])


def test_an_engine_that_takes_any_rate_is_left_alone() -> None:
    engine = MarkerEngine(SIZE)
    assert at_any_rate(engine) is engine


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_it_hears_the_turn_at_its_own_rate(rate: int) -> None:
    engine, voice = PickyEngine(), marker_voice(1, rate + 7, rate)
    adapted = at_any_rate(engine)
    assert adapted.info.input_rate is None
    adapted.open_turn(Turn(0, rate))
    for start in range(0, len(voice), 700):
        adapted.push(voice[start : start + 700])
    adapted.end_turn()
    frames = adapted.poll()
    assert [frame.index for frame in frames] == list(range(26))
    resampler = StreamResampler(rate, 16_000)
    assert np.array_equal(engine.heard, np.concatenate([resampler.push(voice), resampler.finish()]))


def test_what_the_resampler_holds_goes_with_an_interruption() -> None:
    engine, voice = PickyEngine(), marker_voice(1, 24_000, 24_000)
    adapted = at_any_rate(engine)
    adapted.open_turn(Turn(0, 24_000))
    adapted.push(voice[:1_000])
    adapted.interrupt()
    adapted.open_turn(Turn(1, 24_000))
    adapted.push(voice)
    adapted.end_turn()
    resampler = StreamResampler(24_000, 16_000)
    assert np.array_equal(engine.heard, np.concatenate([resampler.push(voice), resampler.finish()]))


def test_playout_gives_it_the_rate_that_it_asks_for() -> None:
    engine = PickyEngine()
    playout = Playout(engine, Presenter(StillMotion(), 25), rate=24_000, clock=TickClock(0.0), now=0.0)
    playout.capture(marker_voice(1, 24_000, 24_000))
    playout.flush()
    for step in range(200):
        playout.advance(step / 100)
        while playout.voice(step / 100) is not None:
            pass
    assert len(engine.heard) == 16_000
    assert not [event for event in playout.take_events() if type(event).__name__ == "EngineFailed"]


def test_so_does_whoever_draws_to_a_file() -> None:
    engine = PickyEngine()
    frames = list(speak(engine, Demeanour(0, 25).speaking, Turn(0, 48_000), [marker_voice(1, 48_000, 48_000)]))
    assert len(frames) == 25
    assert len(engine.heard) == 16_000
