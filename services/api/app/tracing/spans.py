"""A call that ended as spans: one for the call, a child for each try. Pure, and plain data: OpenTelemetry's own classes are for `otel`.

The call's span says what was asked and what came of it, a try's span whom it asked: usage stands in one place, so that nobody
counts it twice. No prompt and no answer, unless `content` is asked for and the journal keeps them; then what the journal keeps.
"""

import json
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct, UnsetType

from ..domain.record import Attempt, Record
from ..domain.request import ChatRequest
from ..metrics.names import ROUTE_OF
from . import names
from .place import Trace, Tried

Value = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, Value]
Maybe = Value | None | UnsetType
MOST_CHARACTERS = 32_768
"""Of any text; a collector would refuse a batch of many long ones as a whole."""
_MOST_ITEMS = 16
_BEYOND = 2**63


class Span(Struct, frozen=True, kw_only=True):
    """One span: ids in hex, moments in nanoseconds since 1970; `events` are names with their moments, `error` a code of ours."""

    name: str
    kind: Literal["server", "client"]
    trace: str
    id: str
    parent: str | None
    began: int
    ended: int
    attributes: Attributes
    events: tuple[tuple[str, int], ...] = ()
    error: str | None = None


class Asked(Struct, frozen=True, gc=False):
    """What a caller wished; no word of what was said."""

    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    seed: int | None
    choices: int
    stops: tuple[str, ...]
    format: str | None


def asked_by(request: ChatRequest) -> Asked:
    """The wishes in a request, so that a waiting call holds no prompt in memory."""
    return Asked(
        request.max_tokens,
        request.temperature,
        request.top_p,
        request.seed,
        request.n,
        request.stop,
        None if request.format is None else "json",
    )


class Call(Struct, frozen=True):
    """A call that ended. It began at `wall` seconds since 1970 and at `monotonic` seconds."""

    record: Record
    trace: Trace
    asked: Asked
    wall: float
    monotonic: float


def spans_of(call: Call, content: bool) -> Iterator[Span]:
    """The call's span and those of its tries."""
    record, trace = call.record, call.trace
    began = int(call.wall * 1e9)
    ended = began + _nano(record.latency_ms)
    events: tuple[tuple[str, int], ...] = ()
    if record.stream and record.first_token_ms is not None:
        events = ((names.SPOKE, began + _nano(record.first_token_ms)),)
    operation = names.EMBEDDINGS if record.face == "embeddings" else names.CHAT
    attributes = _known(_facts(record, operation) | _wishes(call.asked) | (_said(record) if content else {}))
    yield Span(
        name=f"{operation} {_line(record.asked)}",
        kind="server",
        trace=trace.id,
        id=trace.span,
        parent=trace.parent,
        began=began,
        ended=ended,
        attributes=attributes,
        events=events,
        error=None if record.outcome == "answered" else record.error or record.outcome,
    )
    for number, (tried, attempt) in enumerate(zip(trace.tried, record.attempts, strict=False)):
        start = began + int((tried.began - call.monotonic) * 1e9)
        # a try is written down at its first word: the one that served goes on until the call ends
        speaks = bool(events) and number == len(record.attempts) - 1
        end = ended if speaks else start + _nano(attempt.latency_ms)
        yield Span(
            name=f"{operation} {_line(attempt.model_id)}",
            kind="client",
            trace=trace.id,
            id=trace.span_of(tried.began),
            parent=trace.span,
            began=start,
            ended=max(start, end),
            attributes=_known(_try_facts(tried, attempt, operation, record.stream)),
            events=events if speaks else (),
            error=attempt.error,
        )


def _nano(ms: float) -> int:
    return int(ms * 1e6)


def _line(text: str) -> str:
    """A caller's or an operator's word as part of a span's name."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])


def _known(facts: dict[str, Maybe]) -> Attributes:
    return {name: _carried(value) for name, value in facts.items() if value is not None and not isinstance(value, UnsetType)}


def _carried(value: Value) -> Value:
    """The value as protobuf takes it: whole numbers of 64 bits, text without halves of characters."""
    if isinstance(value, str):
        return value[:MOST_CHARACTERS].encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return tuple(str(_carried(item)) for item in value[:_MOST_ITEMS])
    return value if isinstance(value, float) or -_BEYOND <= value < _BEYOND else str(value)


def _facts(record: Record, operation: str) -> dict[str, Maybe]:
    """What the record says of the call as a whole."""
    used = record.usage_source != "none" and record.cache != "hit"  # a kept answer uses nothing anew
    first = record.first_token_ms
    return {
        names.OPERATION: operation,
        names.PROVIDER: names.provider_name(record.provider) if record.provider else None,
        names.REQUEST_MODEL: record.asked,
        names.REQUEST_STREAM: record.stream,
        names.RESPONSE_ID: record.id,
        names.RESPONSE_MODEL: record.model_id,
        names.FINISH_REASONS: (record.finish_reason,) if record.finish_reason else None,
        names.FIRST_CHUNK: first / 1000 if record.stream and first is not None else None,
        names.TOKENS_IN: record.tokens_in if used else None,
        names.TOKENS_OUT: record.tokens_out if used else None,
        names.TOKENS_CACHED: record.cached_tokens if used and record.cached_tokens else None,
        names.TOKENS_REASONING: record.reasoning_tokens if used and record.reasoning_tokens else None,
        names.CONVERSATION: record.session,
        names.METHOD: "POST",
        names.ROUTE: ROUTE_OF.get(record.face),
        names.STATUS: record.status,
        names.ERROR_TYPE: record.error,
        names.CALL_ID: record.id,
        names.CLIENT_REQUEST_ID: record.client_request_id,
        names.MODE: record.mode,
        names.DECIDED: record.decided,
        names.SERVED: record.served,
        names.OUTCOME: record.outcome,
        names.CACHE: record.cache,
        names.MOCK: record.mock,
        names.COST: record.cost_usd,
        names.SAVED: record.saved_usd or None,
        names.SCORE: record.score,
        names.QUEUE: record.queue_ms,
        names.OVERHEAD: record.overhead_ms,
        names.DIGEST: record.config_digest,
    }


def _wishes(asked: Asked) -> dict[str, Maybe]:
    return {
        names.MAX_TOKENS: asked.max_tokens,
        names.TEMPERATURE: asked.temperature,
        names.TOP_P: asked.top_p,
        names.SEED: asked.seed,
        names.CHOICES: asked.choices if asked.choices != 1 else None,
        names.STOPS: asked.stops or None,
        names.OUTPUT_TYPE: asked.format,
    }


def _try_facts(tried: Tried, attempt: Attempt, operation: str, stream: bool) -> dict[str, Maybe]:
    where = urlsplit(tried.target.base_url)
    return {
        names.OPERATION: operation,
        names.PROVIDER: names.provider_name(attempt.provider),
        names.REQUEST_MODEL: attempt.model_id,
        names.REQUEST_STREAM: stream,
        names.ROW: attempt.model,
        names.HOST: attempt.provider,
        names.MOCK: tried.target.mock,
        names.SERVER: None if tried.target.mock else where.hostname,
        names.PORT: None if tried.target.mock else where.port,
        names.STATUS: attempt.status,
        names.ERROR_TYPE: attempt.error,
    }


def _said(record: Record) -> dict[str, Maybe]:
    """What the journal keeps of prompt and answer, in the conventions' form: messages of parts, as JSON."""
    return {
        names.INPUT_MESSAGES: _messages("user", record.prompt),
        names.OUTPUT_MESSAGES: _messages("assistant", record.response, finish_reason=record.finish_reason),
    }


def _messages(role: str, text: str | UnsetType, **more: str | None) -> str | None:
    if isinstance(text, UnsetType):
        return None
    part = {"type": "text", "content": text[: MOST_CHARACTERS // 2]}
    return json.dumps(
        [{"role": role, "parts": [part], **{name: value for name, value in more.items() if value}}], ensure_ascii=False
    )
