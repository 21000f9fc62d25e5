"""Spans for OpenTelemetry. They go where livekit-agents' own go, and nowhere if nobody asked for any.

That is the provider of `livekit.agents.telemetry.set_tracer_provider`, else OpenTelemetry's global one. A span says
which session and segment it is about, when and how it ended; nothing that was said, and of an error its kind alone.

    avatar_start           a face is asked for, until it can speak and be seen
    avatar_segment         a segment of voice, from the first of it being taken to its end; event: playback_started
    avatar_engine_failure  an engine failed, until a picture is drawn again
    avatar_swap            another avatar is asked for, until it is shown
    avatar_failover        an avatar on another machine is lost, until somebody speaks for it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livekit.agents.telemetry import tracer
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from ..playout.measures import Listener, Measure, Reply
from .player import wall_clock

PREFIX = "livekit_bithuman"


class Spans(Listener):
    """Of one avatar.

    Args:
        session: Names its session: an attribute of every span.
        rate: Of the voice, in Hz.
        segment: How the segment that is over is called elsewhere; None: by playout's number.
    """

    def __init__(self, session: str, rate: int, segment: Callable[[], str | None] | None = None) -> None:
        self._session = session
        self._rate = rate
        self._segment = segment
        self._open: dict[int, Span] = {}  # of segments
        self._failing: Span | None = None  # while the engine is

    def opened(self, reply: Reply) -> None:
        """A segment begins, in whatever span the agent's task is."""
        span = self._open[reply.segment] = tracer.start_span("avatar_segment", start_time=_ns(reply.opened_at))
        _describe(span, session=self._session)

    def started(self, reply: Reply) -> None:
        """It is heard from now on."""
        assert reply.started_at is not None
        self._open[reply.segment].add_event("playback_started", timestamp=_ns(reply.started_at))

    def ended(self, reply: Reply) -> None:
        """It is over."""
        span = self._open.pop(reply.segment)
        if span.is_recording():
            offset = reply.spread(Measure.AV_OFFSET)
            name = None if self._segment is None else self._segment()
            _describe(
                span,
                segment=str(reply.segment) if name is None else name,
                position_s=reply.position / self._rate,
                interrupted=reply.interrupted,
                interrupt_to_silence_s=reply.silence_s,
                pictures=reply.pictures,
                skipped_pictures=reply.skipped,
                underruns=reply.underruns,
                av_offset_s=offset.mean,
            )
        assert reply.ended_at is not None
        span.end(_ns(reply.ended_at))

    def engine(self, error: Exception | None) -> None:
        """The engine failed; None: it draws again."""
        span, self._failing = self._failing, None
        if span is not None:
            span.end()
        if error is not None:
            self._failing = start("avatar_engine_failure", self._session)
            failed(self._failing, error)

    def close(self) -> None:
        """What is open ends with the avatar. Idempotent."""
        self.engine(None)
        while self._open:
            self._open.popitem()[1].end()


def start(name: str, session: str, **facts: AttributeValue | None) -> Span:
    """A span that is current nowhere; whoever starts it ends it.

    Args:
        name: Of the span.
        session: Names the avatar's session.
        facts: Attributes; one that is None is left out.
    """
    span = tracer.start_span(name)
    _describe(span, session=session, **facts)
    return span


@contextmanager
def doing(name: str, session: str, **facts: AttributeValue | None) -> Iterator[Span]:
    """A span around something that may fail."""
    span = start(name, session, **facts)
    try:
        yield span
    except BaseException as error:
        failed(span, error)
        raise
    finally:
        span.end()


def failed(span: Span, error: BaseException) -> None:
    """What a span is about did not go well. What the error says is left out: nobody knows what is in it."""
    kind = type(error).__qualname__
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))


def _describe(span: Span, **facts: AttributeValue | None) -> None:
    span.set_attributes({f"{PREFIX}.{name}": value for name, value in facts.items() if value is not None})


def _ns(moment: float) -> int:
    """A moment of the loop's clock in nanoseconds of Unix time."""
    return int(wall_clock(moment) * 1e9)
