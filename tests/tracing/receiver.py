"""A collector on a real socket: takes OTLP over HTTP as protobuf, and keeps every span with its resource."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

SERVER, CLIENT = Sent.SPAN_KIND_SERVER, Sent.SPAN_KIND_CLIENT
ERROR = 2


class Span:
    """One span as it came over the wire; ids in hex."""

    def __init__(self, sent: Sent, resource: dict[str, Any], scope: str) -> None:
        self.name = sent.name
        self.kind = sent.kind
        self.trace = sent.trace_id.hex()
        self.id = sent.span_id.hex()
        self.parent = sent.parent_span_id.hex()
        self.began = sent.start_time_unix_nano
        self.ended = sent.end_time_unix_nano
        self.attributes = _values(sent.attributes)
        self.events = {event.name: event.time_unix_nano for event in sent.events}
        self.failed = sent.status.code == ERROR
        self.why = sent.status.message
        self.resource = resource
        self.scope = scope


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs if isinstance(pair, KeyValue)}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


class Receiver:
    """`spans` is what came; `status` what is answered; `heard` the headers of each request."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.heard: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.status = 200
        self.held = threading.Event()
        self.held.set()
        here = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                here.held.wait(30)
                here._take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(here.status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.paths.append(path)
        self.heard.append(headers)
        if self.status != 200:
            return
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
        for one in request.resource_spans:
            resource = _values(one.resource.attributes)
            for scoped in one.scope_spans:
                self.spans += [Span(sent, resource, scoped.scope.name) for sent in scoped.spans]

    def calls(self) -> list[Span]:
        """The spans of calls."""
        return [span for span in self.spans if span.kind == SERVER]

    def call(self, call_id: str) -> Span | None:
        """The span of one call, if it has come."""
        found = [span for span in self.calls() if span.attributes["llm_router.call.id"] == call_id]
        assert len(found) < 2, "one span for a call"
        return found[0] if found else None

    def tries(self, call: Span) -> list[Span]:
        """The children of a call, by their beginning."""
        return sorted([span for span in self.spans if span.parent == call.id], key=lambda span: span.began)

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
