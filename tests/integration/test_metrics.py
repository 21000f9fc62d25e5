"""What an avatar tells of its replies: metrics for the agent, and spans for whoever collects them."""

from __future__ import annotations

import asyncio
import time

import pytest
from livekit.agents import MetricsCollectedEvent
from livekit.agents.metrics.base import AvatarMetrics

from livekit_bithuman import ReplyMetrics
from livekit_bithuman.engine.protocol import TurnFrame
from livekit_bithuman.pose import Picture, Presentation
from livekit_bithuman.testing import MarkerEngine, marker_voice

from .rooms import RATE, StageOf, ViewerOf, marks, slots
from .traces import Spans, told

pytestmark = pytest.mark.server


async def test_each_reply_has_its_metrics_and_its_span(stage_of: StageOf, viewer_of: ViewerOf, spans: Spans) -> None:
    async with stage_of() as stage, viewer_of() as viewer:
        metrics: list[AvatarMetrics] = []
        stage.avatar.on("metrics_collected", metrics.append)
        of_session: list[MetricsCollectedEvent] = []
        stage.session.on("metrics_collected", of_session.append)
        await viewer.until(lambda: marks(viewer))
        await stage.say(marker_voice(1, RATE, RATE), RATE)
        handle = stage.say(marker_voice(2, 6 * RATE, RATE), RATE)
        await viewer.until(lambda: len(slots(viewer, 1)) > 20)
        await handle.interrupt()
        await handle
        assert not spans.of("avatar_failover")

    whole, cut = replies = [each for each in metrics if isinstance(each, ReplyMetrics)]
    assert [event.metrics for event in of_session if isinstance(event.metrics, ReplyMetrics)] == replies
    assert [each.playback_latency for each in metrics if each.playback_latency] == [
        each.playback_latency for each in replies
    ], "no latency is told twice"
    assert whole.session_id == cut.session_id
    assert [each.segment_id for each in replies] == [0, 1]
    assert (whole.playback_position, whole.interrupted, whole.interrupt_to_silence) == (1.0, False, None)
    assert cut.interrupted
    assert 0.8 < cut.playback_position < 5.0
    assert cut.interrupt_to_silence is not None
    assert 0 < cut.interrupt_to_silence < 1.0
    for each in replies:
        assert each.started_at is not None
        assert each.timestamp - 10 < each.started_at < each.timestamp <= time.time()
        assert each.pictures + each.skipped_pictures >= 15
        assert each.fps is not None
        assert 0 < each.fps < 60
        assert each.frame_time is not None
        assert each.frame_time_max is not None
        assert 0 < each.frame_time <= each.frame_time_max
        assert each.av_offset is not None
        assert each.av_offset >= 0, "a picture never leaves before it is due"
        assert each.metadata is not None
        assert each.metadata.model_provider == "livekit_bithuman"
    assert cut.lookahead is not None

    (start,) = spans.of("avatar_start")
    assert told(start, "session") == whole.session_id
    segments = spans.of("avatar_segment")
    assert [told(span, "session") for span in segments] == [whole.session_id] * 2
    assert [told(span, "segment") for span in segments] == ["0", "1"]
    assert [told(span, "position_s") for span in segments] == [each.playback_position for each in replies]
    assert [told(span, "interrupted") for span in segments] == [False, True]
    for span, each in zip(segments, replies, strict=True):
        (begun,) = span.events
        assert begun.name == "playback_started"
        assert each.started_at == pytest.approx(begun.timestamp / 1e9, abs=0.05)
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= begun.timestamp <= span.end_time
    assert segments[0].parent is not None, "it is part of the agent's turn"
    assert "(marker)" not in "".join(str(span.to_json()) for span in (start, *segments)), "what is said is not told"


async def test_a_swap_and_a_failing_engine_have_spans(stage_of: StageOf, viewer_of: ViewerOf, spans: Spans) -> None:
    class Breaks(MarkerEngine):
        broken = False

        def draw(self, frame: TurnFrame | None, presentation: Presentation) -> Picture:
            if self.broken:
                raise RuntimeError("what was said may be in here")
            return super().draw(frame, presentation)

    engine = Breaks()
    async with stage_of() as stage, viewer_of() as viewer:
        recovered = asyncio.Event()
        stage.avatar.on("engine_recovered", recovered.set)
        await viewer.until(lambda: marks(viewer))
        await stage.avatar.swap(engine=lambda: engine)
        assert stage.avatar.statistics.swaps == 1
        engine.broken = True
        failed = asyncio.Event()
        stage.avatar.on("engine_failed", lambda _: failed.set())
        await asyncio.wait_for(failed.wait(), 20)
        engine.broken = False
        await asyncio.wait_for(recovered.wait(), 60)
        with pytest.raises(ValueError, match="FPS"):
            await stage.avatar.swap(engine=MarkerEngine(fps=10))
        assert stage.avatar.statistics.swaps == 1, "an engine that was made anew is no swap"

    (failure,) = spans.of("avatar_engine_failure")
    assert (failure.attributes or {})["error.type"] == "RuntimeError"
    assert not failure.status.is_ok
    good, bad = spans.of("avatar_swap")
    assert good.status.is_unset
    assert not bad.status.is_ok
    assert "what was said" not in str(failure.to_json())
