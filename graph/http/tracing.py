"""Traces by OpenTelemetry: a span of each request and one of each of its statements.

Imported only where a collector is set (the extra `tracing`).  Spans carry routes, operations, counts
and the text of statements, whose values are placeholders; nothing that a person wrote is in them.
"""

from time import time_ns
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.http.logs import template_of

_TEXT_LENGTH: Final = 2_000
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class Tracing:
    """Spans of one process and the way to their collector."""

    def __init__(self, url: str, *, build: str, percent: int) -> None:
        resource = Resource.create({"service.name": "pockettrend", "service.version": build})
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBasedTraceIdRatio(percent / 100)
        )
        exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("pockettrend")

    def statement(self, text: str, seconds: float) -> None:
        """A statement came back: within a request it is a span of it."""
        parent = trace.get_current_span()
        if not parent.get_span_context().is_valid or not parent.is_recording():
            return
        now = time_ns()
        span = self._tracer.start_span(
            text.lstrip()[:6].upper().rstrip() or "statement",
            kind=trace.SpanKind.CLIENT,
            start_time=now - int(seconds * 1_000_000_000),
            attributes={"db.system.name": "postgresql", "db.query.text": text[:_TEXT_LENGTH]},
        )
        span.end(now)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """The application within spans."""
        return _Traced(app, self._tracer)

    def close(self) -> None:
        """Send what is left; a collector that is away costs a few seconds at most."""
        self._provider.force_flush(3_000)
        self._provider.shutdown()


class _Traced:
    def __init__(self, app: ASGIApp, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One span from the first byte of the request to the last one of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        span = self._tracer.start_span(
            f"{scope['method']}",
            context=_PROPAGATOR.extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": scope["method"]},
        )
        token = context.attach(trace.set_span_in_context(span))

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(trace.StatusCode.ERROR)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            _describe(span, scope)
            context.detach(token)
            span.end()


def _describe(span: trace.Span, scope: Scope) -> None:
    """What is known at the end: the route and the operation."""
    state: dict[str, Any] = scope.get("state", {})
    route = template_of(scope)
    span.update_name(f"{scope['method']} {route}")
    span.set_attribute("http.route", route)
    for name, key in (("pockettrend.operation", "root"), ("pockettrend.request_id", "request_id")):
        if state.get(key):
            span.set_attribute(name, str(state[key]))
