"""The sink kit on real sources: our output keeps every promise, and what the framework's own does not keep."""

from __future__ import annotations

import pytest

from bench.sinks import framework_sink, our_sink
from livekit_bithuman.server import ServerAddress
from livekit_bithuman.testing import BrokenPromise, SinkDriver, SinkPromise, sink_test

test_our_output_keeps_every_promise = sink_test(our_sink, examples=15)


@pytest.mark.server
def test_the_frameworks_output_loses_the_end_of_replies_that_follow_each_other(livekit_server: ServerAddress) -> None:
    """Should this fail one day, docs/sinks.md has a line less."""
    with (
        pytest.raises(BrokenPromise, match="1 of 2 segments have not ended"),
        SinkDriver(framework_sink(livekit_server), patience_s=2.0, promises=[SinkPromise.LIVENESS]) as agent,
    ):
        _two_replies(agent)


def _two_replies(agent: SinkDriver) -> None:
    agent.say(20)
    agent.say(20)
