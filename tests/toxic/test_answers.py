"""What the faults of statuses, bodies and events are to the wires that we speak to providers with."""

import gzip
import json
import re
from collections.abc import Callable

import pytest

from app.clients.anthropic_client import WIRE as ANTHROPIC
from app.clients.common.protocols import Wire
from app.clients.gemini_client import WIRE as GEMINI
from app.clients.mistral_client import WIRE as MISTRAL
from app.clients.openai_client import WIRE as OPENAI
from app.domain.answer import Completion
from app.errors import RouterError
from app.toxic.server import ToxicUpstream

from .calling import DIALECTS, KEY, ask, call, posted, request

WIRES: dict[str, Wire] = {"openai": OPENAI, "anthropic": ANTHROPIC, "gemini": GEMINI, "mistral": MISTRAL}
SAME = ["sse-crlf", "sse-cr", "sse-mixed", "sse-comments", "sse-multiline", "sse-bom", "sse-split", "unknown-events",
        "unknown-fields", "no-usage", "usage-null", "usage-twice", "after-done", "two-dones", "leaky-headers", "slow-stream:1", "slow:1",
        "slow-first-token:1", "stall-mid-stream:1", "drip:0.01", "slow-headers:0.01", "html-type", "bills-on:0.1"]  # fmt: skip
# Gemini's streams have no terminator that anything could come after
ODD = [(fault, dialect) for fault in SAME for dialect in DIALECTS if (fault, dialect) != ("after-done", "gemini")]
BROKEN = ["truncated-json", "malformed-chunk", "no-terminator", "error-event-first", "error-event-late", "done-only"]
LYING = ["error-in-200", "malformed-json", "truncated-json", "html-200", "empty-200", "done-only"]


def status(head: bytes) -> int:
    return int(head.split(b" ")[1])


def headers(head: bytes) -> dict[str, str]:
    rows = head.decode().split("\r\n")[1:-2]
    return {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}


def told(dialect: str, body: bytes, stream: bool) -> Completion:
    """What the wire reads. Raises RouterError where it reads none."""
    wire = WIRES[dialect]
    if not stream:
        return wire.decode(body)
    reader = wire.reader()
    deltas = reader.feed(body)
    return Completion.folded([*deltas, *reader.close()])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("model", ["ok", "gpt-4o-mini", "llama3.1:8b"])
async def test_a_good_answer_is_one_to_the_dialects_own_wire(
    upstream: ToxicUpstream, dialect: str, stream: bool, model: str
) -> None:
    head, body = await ask(upstream, request(dialect, model, stream))
    answer = told(dialect, body, stream)
    assert status(head) == 200 and answer.text.startswith(f"[MOCK] {model} on: What is a data: line?")
    assert answer.finish_reason == "stop" and answer.usage is not None and answer.usage.output_tokens > 20
    assert upstream.log.entries[-1].complete


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "dialect"), ODD)
async def test_odd_but_allowed_forms_say_what_a_good_answer_says(
    upstream: ToxicUpstream, fault: str, dialect: str, stream: bool
) -> None:
    _, good = await ask(upstream, request(dialect, "ok", stream))
    _, odd = await ask(upstream, request(dialect, fault, stream))
    assert told(dialect, odd, stream).text.replace(fault, "ok") == told(dialect, good, stream).text
    if stream and fault.startswith(("sse-c", "sse-m", "sse-bom", "unknown", "no-u", "usage", "after", "two")):
        assert odd.replace(fault.encode(), b"ok") != good


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_broken_stream_is_no_answer(upstream: ToxicUpstream, fault: str, dialect: str) -> None:
    head, body = await ask(upstream, request(dialect, fault, stream=True))
    assert status(head) == 200
    with pytest.raises(RouterError):
        told(dialect, body, stream=True)


@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if dialect != "gemini"])
async def test_no_done_lacks_the_terminator_and_nothing_else(upstream: ToxicUpstream, dialect: str) -> None:
    _, good = await ask(upstream, request(dialect, "ok", stream=True))
    _, body = await ask(upstream, request(dialect, "no-done", stream=True))
    cut = body.replace(b"no-done", b"ok")
    assert re.search(rb'"(stop|end_turn)"', cut) and good.count(b"data: ") == cut.count(b"data: ") + 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", LYING)
async def test_a_200_that_lies_is_no_answer(upstream: ToxicUpstream, fault: str, dialect: str) -> None:
    head, body = await ask(upstream, request(dialect, fault))
    assert status(head) == 200
    with pytest.raises(RouterError):
        told(dialect, body, stream=False)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("400", "provider_rejected"), ("401", "provider_auth_error"), ("403", "provider_auth_error"), ("404", "provider_refused"),
        ("408", "deadline_exceeded"), ("409", "provider_error"), ("410", "provider_refused"), ("425", "provider_error"),
        ("429", "rate_limited"), ("500", "provider_error"), ("502-html", "provider_error"), ("503", "provider_overloaded"),
        ("504-html", "deadline_exceeded"), ("529", "provider_overloaded"), ("429-quota", "provider_quota"),
        ("context-length", "context_length_exceeded"), ("redirect", "unexpected_redirect"), ("304", "unexpected_redirect"),
        ("status:418", "provider_rejected"), ("401-key-echo", "provider_auth_error"),
    ],
)  # fmt: skip
async def test_a_refusal_means_the_same_in_every_dialect(upstream: ToxicUpstream, fault: str, code: str, dialect: str) -> None:
    head, body = await ask(upstream, request(dialect, fault))
    assert WIRES[dialect].fault(status(head), headers(head), body).code == code


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("429", None), ("429-retry-after", 2.0), ("429-retry-after:7", 7.0), ("429-retry-after-ms:300", 0.3),
        ("429-retry-after-date", None), ("429-retry-after-past", None), ("429-retry-after-negative", None),
        ("429-retry-after-nan", None), ("429-retry-after-huge", None), ("429-retry-after-wide", None),
        ("429-retry-after-empty", None), ("429-retry-after-10kb", None),
    ],
)  # fmt: skip
async def test_retry_after_is_told_in_every_spelling(upstream: ToxicUpstream, fault: str, seconds: float | None) -> None:
    head, body = await ask(upstream, request("openai", fault))
    assert (b"retry-after" in head) == (fault != "429")
    assert OPENAI.fault(status(head), headers(head), body).retry_after == seconds


async def test_two_retry_afters_differ(upstream: ToxicUpstream) -> None:
    head, _ = await ask(upstream, request("openai", "429-retry-after-twice"))
    assert head.count(b"retry-after: ") == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_content_filter_is_told_as_each_provider_does(upstream: ToxicUpstream, dialect: str, stream: bool) -> None:
    head, body = await ask(upstream, request(dialect, "content-filter", stream))
    if dialect in ("anthropic", "gemini"):
        assert status(head) == 200 and told(dialect, body, stream).finish_reason == "content_filter"
    else:
        assert WIRES[dialect].fault(status(head), headers(head), body).code == "content_filter"


async def test_our_key_is_echoed_only_by_the_faults_that_leak_it(upstream: ToxicUpstream) -> None:
    assert KEY.encode() in (await ask(upstream, request("anthropic", "500-key-echo")))[1]
    assert KEY.encode() not in (await ask(upstream, request("anthropic", "500")))[1]


@pytest.mark.parametrize(
    ("literal", "fault"),
    [(b"-5", "negative"), (b"NaN", "nan"), (b"9223372036854775808", "huge"), (b"1.5", "float"), (b'"12"', "string")],
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_absurd_counts_are_told_in_each_dialects_usage(
    upstream: ToxicUpstream, dialect: str, stream: bool, literal: bytes, fault: str
) -> None:
    _, body = await ask(upstream, request(dialect, f"usage-{fault}", stream))
    name = {"anthropic": b"output_tokens", "gemini": b"candidatesTokenCount"}.get(dialect, b"completion_tokens")
    assert b'"' + name + b'":' + literal in body


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", ["tool-args-split", "tool-args-invalid", "tool-index-gap"])
async def test_calls_arrive_whole_or_broken_as_named(upstream: ToxicUpstream, fault: str, dialect: str) -> None:
    _, body = await ask(upstream, request(dialect, fault, stream=True))
    assert b"toxic_tool" in body
    if fault == "tool-args-split":
        assert [json.loads(call.arguments) for call in told(dialect, body, stream=True).tool_calls] == [{"city": "Z\u00fcrich"}]


@pytest.mark.parametrize("dialect", ["openai", "mistral"])
async def test_answers_beside_each_other_are_told_apart(upstream: ToxicUpstream, dialect: str) -> None:
    _, body = await ask(upstream, request(dialect, "choices-disordered", stream=True, n=3))
    answer = told(dialect, body, stream=True)
    assert [one.text for one in (answer, *answer.others)] == [f"Answer {i} number {i} " for i in range(3)]
    assert re.search(rb'"index":(\d)', body).group(1) == b"2"  # type: ignore[union-attr]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_so_many_tiny_events_say_so_many_letters(upstream: ToxicUpstream, dialect: str) -> None:
    _, body = await ask(upstream, request(dialect, "tiny-events:5000", stream=True))
    assert "a" * 5000 in told(dialect, body, stream=True).text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_separators_of_other_standards_stand_raw_in_a_text(upstream: ToxicUpstream, dialect: str, stream: bool) -> None:
    _, body = await ask(upstream, request(dialect, "sse-separators", stream))
    assert "one\u2028two\u2029three\u0085four".encode() in body
    assert told(dialect, body, stream).text == "one\u2028two\u2029three\u0085four\u000bfive\u000csix\u001cseven"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_bytes_that_are_no_text_are_sent(upstream: ToxicUpstream, dialect: str) -> None:
    _, body = await ask(upstream, request(dialect, "not-utf8", stream=True))
    with pytest.raises(UnicodeDecodeError):
        body.decode()


@pytest.mark.parametrize(
    ("fault", "unpack"),
    [
        ("gzip-200", gzip.decompress),
        ("double-gzip", lambda body: gzip.decompress(gzip.decompress(body))),
        ("gzip-members:500", gzip.decompress),
        ("gzip-lie", bytes),
    ],
)
async def test_packed_answers_unpack_as_their_name_says(
    upstream: ToxicUpstream, fault: str, unpack: Callable[[bytes], bytes]
) -> None:
    head, body = await ask(upstream, request("openai", fault))
    assert headers(head)["content-encoding"] == "gzip"
    assert fault in told("openai", unpack(body), stream=False).text


async def test_a_bomb_is_a_thousand_times_larger_inside(upstream: ToxicUpstream) -> None:
    _, body = await ask(upstream, request("openai", "gzip-bomb:4"))
    assert len(body) < 10_000 and len(gzip.decompress(body)) > 4 * 2**20


@pytest.mark.parametrize(("fault", "megabytes"), [("huge-body:3", 3), ("huge-event:2", 2)])
async def test_large_answers_are_as_large_as_named(upstream: ToxicUpstream, fault: str, megabytes: int) -> None:
    _, body = await ask(upstream, request("openai", fault, stream=fault.startswith("huge-event")))
    assert megabytes * 2**20 < len(body) < (megabytes + 0.1) * 2**20


@pytest.mark.parametrize(
    ("fault", "mark"),
    [
        ("huge-header:300", b"x-huge: " + b"h" * 300 * 1024 + b"\r\n"),
        ("many-headers:50", b"x-filler-49: f"),
        ("nul-header", b"a\0b"),
        ("cr-header", b"a\rx-injected: b"),
        ("bad-header-name", b"x bad: b"),
        ("leaky-headers", b"set-cookie: session=toxic-cookie"),
        ("redirect", b"location: http://169.254.169.254/"),
        ("redirect-loop", b"location: /v1/chat/completions"),
        ("html-200", b"content-type: text/html"),
        ("json-for-stream", b"content-type: application/json"),
        ("101", b"HTTP/1.1 101 "),
        ("1xx", b"HTTP/1.1 100 Continue"),
        ("1xx-forever:1", b"HTTP/1.1 103 "),
        ("204", b"HTTP/1.1 204 "),
        ("205", b"HTTP/1.1 205 "),
    ],
)
async def test_a_head_holds_what_its_fault_is_called_after(upstream: ToxicUpstream, fault: str, mark: bytes) -> None:
    caller = await call(upstream.port)
    caller.writer.write(request("openai", fault, stream=True))
    assert mark in await caller.head()
    caller.leave()


@pytest.mark.parametrize(
    ("path", "body", "vectors"),
    [
        ("/v1/embeddings", {"model": "{}", "input": ["a", "b"]}, "data"),
        ("/mistral/v1/embeddings", {"model": "{}", "input": ["a", "b"]}, "data"),
        ("/v1/models/{}:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": t}]}} for t in "ab"]}, "embeddings"),
    ],
)
async def test_vectors_are_wrong_as_named(upstream: ToxicUpstream, path: str, body: dict[str, object], vectors: str) -> None:
    async def got(fault: str) -> bytes:
        asked = json.dumps(body).replace("{}", fault).encode()
        return (await ask(upstream, posted(path.replace("{}", fault), asked)))[1]

    async def lengths(fault: str) -> list[int]:
        return [len(row.get("embedding") or row["values"]) for row in json.loads(await got(fault))[vectors]]

    assert await lengths("ok") == [16, 16]
    assert await lengths("embeddings-count") == [16]
    assert await lengths("embeddings-dimension") == [16, 15]
    assert b"NaN" in await got("embeddings-nan")


async def test_tokens_are_counted_where_anthropic_counts_them(upstream: ToxicUpstream) -> None:
    _, body = await ask(upstream, posted("/v1/messages/count_tokens", b'{"model": "ok", "messages": []}'))
    assert json.loads(body)["input_tokens"] > 0


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (posted("/v1/chat/completions", b"{"), 400, b"error"),
        (posted("/v1/embeddings", b'{"model": "ok"}'), 400, b"input"),
        (request("openai", "drip:x"), 400, b"drip takes a number"),
        (request("openai", "ok", prefix="/~nothing"), 400, b"no fault is called nothing"),
        (posted("/v1/nothing", b""), 404, b"not a provider's path"),
        (posted("/v1/chat/completions", b"", method="GET"), 404, b"not a provider's path"),
        (b"hello\r\n\r\n", 400, b"not a request"),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400, b"negative"),
        (b"POST /v1/messages HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413, b"too large"),
        (b"POST /v1/messages HTTP/1.1\r\nx: " + b"x" * 300_000, 413, b"too large"),
    ],
)
async def test_what_is_no_call_is_told_so(upstream: ToxicUpstream, data: bytes, code: int, word: bytes) -> None:
    head, body = await ask(upstream, data)
    assert status(head) == code and word in body
