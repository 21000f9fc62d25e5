"""The sink kit on virtual time: an output that keeps every promise passes, and for every promise one that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from livekit_bithuman.testing import BrokenPromise, SinkDriver, SinkPromise, sink_test
from livekit_bithuman.testing.sink_driver import Step
from tests.virtual_time import VirtualTimeLoop

from . import timer_sinks as sinks

BROKEN: list[tuple[type[sinks.TimerSink], SinkPromise]] = [
    (sinks.AnswersEveryClear, SinkPromise.ONE_FINISH),
    (sinks.StartsOnce, SinkPromise.ONE_START),
    (sinks.CountsAllSegments, SinkPromise.POSITION),
    (sinks.EndsWhenItRunsDry, SinkPromise.NATURAL_END),
    (sinks.CallsEveryEndAnInterruption, SinkPromise.INTERRUPTION),
    (sinks.CannotWait, SinkPromise.NOT_EARLY),
    (sinks.IgnoresAClearWhilePaused, SinkPromise.LIVENESS),
    (sinks.LosesTheEndOfBackToBackSegments, SinkPromise.LIVENESS),
    (sinks.NeverTakesAgain, SinkPromise.CAPTURE),
]


def driver(*arguments: Any, **options: Any) -> SinkDriver:
    return SinkDriver(*arguments, loop=VirtualTimeLoop(), **options)


virtual_sink_test: Callable[..., Callable[[], None]] = partial(sink_test, make_driver=driver)

test_an_output_that_keeps_its_promises_passes = virtual_sink_test(sinks.playing(sinks.TimerSink), examples=200)


@pytest.mark.parametrize(("sink", "promise"), BROKEN, ids=[sink.__name__ for sink, _ in BROKEN])
def test_a_broken_promise_is_found_and_comes_with_its_steps(sink: type[sinks.TimerSink], promise: SinkPromise) -> None:
    with pytest.raises(BrokenPromise) as caught:
        virtual_sink_test(sinks.playing(sink), promises=[promise], examples=100)()
    print(caught.value)
    assert (caught.value.promise, caught.value.remedy) == promise.value
    steps = str(caught.value).split("steps: ")[1].splitlines()[0].split(", ")
    assert len(steps) <= 4, "no step is there that is not needed"


def test_every_promise_has_an_output_that_breaks_it() -> None:
    assert {promise for _, promise in BROKEN} == set(SinkPromise)


def test_an_agents_steps_can_be_written_down() -> None:
    with driver(sinks.playing(sinks.TimerSink)) as agent:
        agent.flush()  # there is no segment
        agent.capture(200)
        agent.pause(after=50)
        agent.resume(after=1000)
        agent.hear_out()
        agent.say(400)
        agent.interrupt(after=100)
    assert repr(agent.steps) == "[capture(200), pause(50), resume(1000), hear_out(), say(400), interrupt(100)]"
    whole, cut = [segment.end for segment in agent.ledger.segments]
    assert whole is not None
    assert cut is not None
    assert whole[0] == pytest.approx(0.2)
    assert not whole[1]
    assert 0 < cut[0] < 0.2
    assert cut[1]


def test_a_block_that_fails_is_left_at_once() -> None:
    def stumble() -> None:
        agent.take(Step("capture", 400))
        raise KeyError

    agent = driver(sinks.playing(sinks.TimerSink))
    with pytest.raises(KeyError), agent:
        stumble()
    assert agent.ledger.pending
