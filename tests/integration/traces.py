"""Spans, as an agent's own process collects them and as a collector gets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web
from livekit.agents import telemetry
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PREFIX = "livekit_bithuman."


class Spans:
    """Those of this process that have ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def of(self, name: str) -> list[ReadableSpan]:
        """Those of a name, in the order in which they ended."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]


@contextmanager
def collected_spans() -> Iterator[Spans]:
    """As an agent sets it up."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry.set_tracer_provider(provider)
    try:
        yield Spans(exporter)
    finally:
        telemetry.set_tracer_provider(trace.get_tracer_provider())
        provider.shutdown()


def told(span: ReadableSpan, name: str) -> object:
    """An attribute of ours."""
    return (span.attributes or {}).get(PREFIX + name)


class Collector:
    """Takes OTLP over HTTP.

    Attributes:
        endpoint: For OTEL_EXPORTER_OTLP_ENDPOINT.
        spans: (name, attributes of ours) of each span, in the order of their coming.
        services: That sent any.
    """

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[tuple[str, dict[str, object]]] = []
        self.services: set[str] = set()
        self._rung = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        async def look() -> None:
            while not condition():
                self._rung.clear()
                await self._rung.wait()

        await asyncio.wait_for(look(), 60)

    def of(self, name: str) -> list[dict[str, object]]:
        """Attributes of those of a name."""
        return [told for each, told in self.spans if each == name]

    async def take(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        for of_resource in message.resource_spans:
            self.services |= {a.value.string_value for a in of_resource.resource.attributes if a.key == "service.name"}
            for scope in of_resource.scope_spans:
                for span in scope.spans:
                    values = {a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in span.attributes}
                    ours = {key.removeprefix(PREFIX): value for key, value in values.items() if key.startswith(PREFIX)}
                    self.spans.append((span.name, ours))
        self._rung.set()
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


@asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", collector.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
