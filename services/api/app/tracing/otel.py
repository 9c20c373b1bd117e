"""Spans through OpenTelemetry's SDK to a collector: the one module that imports it, and only where traces are wanted.

The SDK brings resource, encoding, compression, TLS, headers and retries, all by its own standard variables.
"""

import logging
import os
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from . import names
from .spans import Span

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_MOST_WORDS = 400
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class _FirstWords(logging.Handler):
    """Keeps what the SDK says first of a failure: there it names the reason, later only that it has given up. We say it once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.said = self.said or record.getMessage()[:_MOST_WORDS]


def _overheard() -> _FirstWords:
    words = _FirstWords()
    theirs = logging.getLogger("opentelemetry.exporter")
    theirs.addHandler(words)
    theirs.propagate = False
    return words


class Otlp:
    """Exports over OTLP, http/protobuf. `values` is the environment with what `.env` adds to it."""

    def __init__(self, url: str, values: Mapping[str, str], version: str) -> None:
        for name, value in values.items():
            if name.startswith("OTEL_"):
                os.environ.setdefault(name, value)  # the SDK reads the process environment alone
        self._words = _overheard()
        given = {SERVICE_VERSION: version} | ({} if os.environ.get(OTEL_SERVICE_NAME) else {SERVICE_NAME: names.SERVICE})
        self._resource = Resource.create({**given, "process.pid": os.getpid()})
        self._scope = InstrumentationScope(names.SERVICE, version)
        self._exporter = OTLPSpanExporter(endpoint=url)

    def export(self, spans: Sequence[Span]) -> str | None:
        """Send them, as often as the SDK tries; what it said of it when they were not taken."""
        self._words.said = ""
        if self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS:
            return None
        return self._words.said or "no reason is known"

    def hurry(self) -> None:
        """End the pauses between tries, and the trying."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK's own signature

    def _readable(self, span: Span) -> ReadableSpan:
        trace = int(span.trace, 16)
        remote = span.kind == "server"
        parent = None if span.parent is None else SpanContext(trace, int(span.parent, 16), remote, _SAMPLED)
        return ReadableSpan(
            span.name,
            SpanContext(trace, int(span.id, 16), False, _SAMPLED),
            parent,
            self._resource,
            span.attributes,
            [Event(name, timestamp=moment) for name, moment in span.events],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
            start_time=span.began,
            end_time=span.ended,
            instrumentation_scope=self._scope,
        )
