"""A worker's spans on their way to a collector, where the environment names one as OpenTelemetry has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from livekit.agents import telemetry

#: Either says where; a collector takes OTLP over HTTP there.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def exported_traces(service: str) -> Iterator[bool]:
    """Send spans while this is entered, the last of them at its end; False, and nothing is done: there is nowhere to.

    A provider that was set up globally, by `opentelemetry-instrument` for one, works without this.

    Args:
        service: Name of the service, unless OTEL_SERVICE_NAME has another.
    """
    if not any(map(os.environ.get, ENDPOINTS)):
        yield False
        return
    # no worker needs them otherwise
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    telemetry.set_tracer_provider(provider, allow_pii=False)
    try:
        yield True
    finally:
        provider.shutdown()
