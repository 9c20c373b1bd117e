"""Wrong requests: each is a typed 4xx that names what to change, repeats nothing of the body and leaves no record."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest

from support import Answer, Service, running, shipped

CANARY = "zanzibar-canary"
CHAT, QUERY, ROUTE = "/v1/chat/completions", "/query", "/route"
USER = [{"role": "user", "content": CANARY}]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = shipped().replace("max_body_bytes: 33554432", "max_body_bytes: 1000000") + "\n"
    with running(tmp_path_factory.mktemp("bad"), config) as here:
        yield here


@pytest.fixture(autouse=True)
def _nothing_is_recorded(service: Service) -> Iterator[None]:
    yield
    assert service.records() == []
    assert CANARY not in service.log() and "Traceback" not in service.log()


def refused(answer: Answer, status: int, code: str, param: str | None = None) -> str:
    """Check the envelope; its message."""
    assert answer.status == status, (answer.status, answer.body)
    error = answer.json()["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id"}
    assert (error["code"], answer.headers["content-type"]) == (code, "application/json"), error
    assert error["request_id"] == answer.headers["x-request-id"]
    assert param is None or error["param"] == param, error
    assert CANARY not in answer.body.decode() + str(answer.headers), "the caller's body is not echoed"
    message: str = error["message"]
    assert message and "\n" not in message and len(message) < 1_000
    return message


OWN: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("nothing", {}, 400, "bad_request", "prompt"),
    ("empty prompt", {"prompt": ""}, 400, "bad_request", "prompt"),
    ("blank prompt", {"prompt": " \n\t\u3000"}, 400, "bad_request", "prompt"),
    ("prompt as a number", {"prompt": 7}, 400, "bad_request", "prompt"),
    ("prompt as null", {"prompt": None}, 400, "bad_request", "prompt"),
    ("prompt as a list", {"prompt": [CANARY]}, 400, "bad_request", "prompt"),
    ("prompt and messages", {"prompt": CANARY, "messages": USER}, 400, "bad_request", "prompt"),
    ("no messages", {"messages": []}, 400, "bad_request", "messages"),
    ("unknown role", {"messages": [{"role": CANARY, "content": "x"}]}, 400, "bad_request", "messages[0].role"),
    ("no user turn", {"messages": [{"role": "system", "content": "x"}]}, 400, "bad_request", "messages"),
    ("turn without content", {"messages": [{"role": "user"}]}, 400, "bad_request", None),
    (
        "turn with a foreign field",
        {"messages": [{"role": "user", "content": "x", "odd": 1}]},
        400,
        "bad_request",
        "messages[0].odd",
    ),
    ("unknown mode", {"prompt": "x", "mode": CANARY}, 400, "bad_request", "mode"),
    ("mode in capitals", {"prompt": "x", "mode": "FAST"}, 400, "bad_request", "mode"),
    ("mode as a number", {"prompt": "x", "mode": 1}, 400, "bad_request", "mode"),
    ("unknown field", {"prompt": "x", "promt": 1}, 400, "bad_request", "promt"),
    ("empty model", {"prompt": "x", "model": ""}, 400, "bad_request", "model"),
    ("model as null", {"prompt": "x", "model": None}, 400, "bad_request", "model"),
    ("negative max_tokens", {"prompt": "x", "max_tokens": -1}, 400, "bad_request", "max_tokens"),
    ("zero max_tokens", {"prompt": "x", "max_tokens": 0}, 400, "bad_request", "max_tokens"),
    ("huge max_tokens", {"prompt": "x", "max_tokens": 2**40}, 400, "bad_request", "max_tokens"),
    ("max_tokens as text", {"prompt": "x", "max_tokens": "9"}, 400, "bad_request", "max_tokens"),
    ("max_tokens as a truth value", {"prompt": "x", "max_tokens": True}, 400, "bad_request", "max_tokens"),
    ("max_tokens with a fraction", {"prompt": "x", "max_tokens": 1.5}, 400, "bad_request", "max_tokens"),
    ("cold temperature", {"prompt": "x", "temperature": -0.1}, 400, "bad_request", "temperature"),
    ("hot temperature", {"prompt": "x", "temperature": 2.1}, 400, "bad_request", "temperature"),
    ("temperature as text", {"prompt": "x", "temperature": "0"}, 400, "bad_request", "temperature"),
    ("top_p over one", {"prompt": "x", "top_p": 1.5}, 400, "bad_request", "top_p"),
    ("stop as a number", {"prompt": "x", "stop": 1}, 400, "bad_request", "stop"),
    ("seed as text", {"prompt": "x", "seed": "1"}, 400, "bad_request", "seed"),
    ("stream as text", {"prompt": "x", "stream": "true"}, 400, "bad_request", "stream"),
    ("dry_run as a number", {"prompt": "x", "dry_run": 1}, 400, "bad_request", "dry_run"),
    ("unknown cache wish", {"prompt": "x", "cache": CANARY}, 400, "bad_request", "cache"),
    ("negative cost", {"prompt": "x", "constraints": {"max_cost_usd": -1}}, 400, "bad_request", "constraints.max_cost_usd"),
    (
        "negative latency",
        {"prompt": "x", "constraints": {"max_latency_ms": -1}},
        400,
        "bad_request",
        "constraints.max_latency_ms",
    ),
    ("quality over one", {"prompt": "x", "constraints": {"min_quality": 2}}, 400, "bad_request", "constraints.min_quality"),
    ("unknown constraint", {"prompt": "x", "constraints": {"max_cost": 1}}, 400, "bad_request", "constraints.max_cost"),
    ("providers as text", {"prompt": "x", "constraints": {"providers": "openai"}}, 400, "bad_request", "constraints.providers"),
    (
        "no provider of that name",
        {"prompt": "x", "constraints": {"providers": [CANARY]}},
        400,
        "no_candidate",
        "constraints.providers",
    ),
    ("long session", {"prompt": "x", "session": "s" * 257}, 400, "bad_request", "session"),
    ("long user", {"prompt": "x", "user": "u" * 257}, 400, "bad_request", "user"),
    ("17 pairs of metadata", {"prompt": "x", "metadata": {str(i): "v" for i in range(17)}}, 400, "bad_request", "metadata"),
    ("metadata of numbers", {"prompt": "x", "metadata": {"a": 1}}, 400, "bad_request", None),
    ("long metadata", {"prompt": "x", "metadata": {"a": "v" * 513}}, 400, "bad_request", None),
    ("tools", {"prompt": "x", "tools": [{"type": "function"}]}, 400, "bad_request", "tools[0].function"),
    ("a schema", {"prompt": "x", "response_format": {"type": "json_schema"}}, 400, "bad_request", "response_format.json_schema"),
    (
        "an audio tool",
        {"prompt": "x", "tools": [{"type": "custom", "custom": {"name": "f"}}]},
        400,
        "unsupported_feature",
        "tools[0]",
    ),
    ("a field of a turn", {"messages": [{"role": "user", "content": "x", "nme": "y"}]}, 400, "bad_request", "messages[0].nme"),
    ("unknown format", {"prompt": "x", "response_format": {"type": CANARY}}, 400, "unsupported_feature", "response_format"),
    ("a host", {"prompt": "x", "base_url": "http://evil.example"}, 400, "bad_request", "base_url"),
    ("a key", {"prompt": "x", "constraints": {"api_key": CANARY}}, 400, "bad_request", "api_key"),
]
BY_CHAT: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("no messages", {"model": "auto"}, 400, "bad_request", "messages"),
    ("empty messages", {"model": "auto", "messages": []}, 400, "bad_request", "messages"),
    ("no model", {"messages": USER}, 400, "bad_request", "model"),
    ("prompt instead", {"model": "auto", "prompt": CANARY}, 400, "bad_request", "prompt"),
    ("input instead", {"model": "auto", "input": CANARY}, 400, "bad_request", "input"),
    ("content as a number", {"model": "auto", "messages": [{"role": "user", "content": 1}]}, 400, "bad_request", None),
    ("content missing", {"model": "auto", "messages": [{"role": "user"}]}, 400, "bad_request", "messages[0].content"),
    ("unknown role", {"model": "auto", "messages": [{"role": CANARY, "content": ""}]}, 400, "bad_request", "messages[0].role"),
    (
        "part without type",
        {"model": "auto", "messages": [{"role": "user", "content": [{}]}]},
        400,
        "bad_request",
        "messages[0].content[0]",
    ),
    ("zero n", {"model": "auto", "messages": USER, "n": 0}, 400, "bad_request", "n"),
    ("negative max_tokens", {"model": "auto", "messages": USER, "max_tokens": -1}, 400, "bad_request", "max_tokens"),
    ("hot temperature", {"model": "auto", "messages": USER, "temperature": 3}, 400, "bad_request", "temperature"),
    ("stream as text", {"model": "auto", "messages": USER, "stream": "yes"}, 400, "bad_request", "stream"),
    ("unknown wish", {"model": "auto", "messages": USER, "router": {"mod": 1}}, 400, "bad_request", "router.mod"),
    ("unknown mode", {"model": "auto", "messages": USER, "router": {"mode": CANARY}}, 400, "bad_request", "router.mode"),
    ("unknown cache wish", {"model": "auto", "messages": USER, "router": {"cache": "yes"}}, 400, "bad_request", "router.cache"),
    ("router as text", {"model": "auto", "messages": USER, "router": "fast"}, 400, "bad_request", "router"),
    (
        "a bad constraint",
        {"model": "auto", "messages": USER, "router": {"constraints": {"max_cost_usd": -1}}},
        400,
        "bad_request",
        "router.constraints.max_cost_usd",
    ),
    ("stream options as text", {"model": "auto", "messages": USER, "stream_options": "x"}, 400, "bad_request", "stream_options"),
    ("a host", {"model": "auto", "messages": USER, "api_base": "http://evil.example"}, 400, "bad_request", "api_base"),
]
TABLE = [(path, *row) for path in (QUERY, ROUTE) for row in OWN] + [(CHAT, *row) for row in BY_CHAT]


@pytest.mark.parametrize(("path", "name", "body", "status", "code", "param"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
def test_a_wrong_field_is_named(
    service: Service, path: str, name: str, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    refused(service.request(path, body), status, code, param)


QUERY_BODY = b'{"prompt": "%s"}' % CANARY.encode()
CHAT_BODY = b'{"model":"auto","messages":[{"role":"user","content":"%s"}]}' % CANARY.encode()
DEEP = 100_000
JSONS: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "invalid_json"),
    ("words", b"prompt=" + CANARY.encode(), "invalid_json"),
    ("half", QUERY_BODY[:-1], "invalid_json"),
    ("two documents", QUERY_BODY + QUERY_BODY, "invalid_json"),
    ("a list", b"[" + QUERY_BODY + b"]", "invalid_json"),
    ("null", b"null", "invalid_json"),
    ("a number", b"7", "invalid_json"),
    ("NaN", b'{"prompt":"x","model":"auto","messages":[],"temperature":NaN}', "invalid_json"),
    ("Infinity", b'{"prompt":"x","temperature":-Infinity}', "invalid_json"),
    ("1e999", b'{"prompt":"x","temperature":1e999}', "invalid_json"),
    ("a lone surrogate", b'{"prompt":"\\ud800"}', "invalid_json"),
    ("a low surrogate first", b'{"prompt":"\\udc00\\ud800"}', "invalid_json"),
    ("invalid UTF-8", b'{"prompt":"\xff\xfe"}', "invalid_json"),
    ("a surrogate in UTF-8", b'{"prompt":"\xed\xa0\x80"}', "invalid_json"),
    ("UTF-16", '{"prompt":"x"}'.encode("utf-16"), "invalid_json"),
    ("a byte-order mark", b"\xef\xbb\xbf" + QUERY_BODY, "invalid_json"),
    ("a control character", b'{"prompt":"a\x00b"}', "invalid_json"),
    ("a comment", b'{"prompt":"x"/* y */}', "invalid_json"),
    ("a trailing comma", b'{"prompt":"x",}', "invalid_json"),
    ("equal keys", b'{"prompt":"x","prompt":"y"}', "duplicate_key"),
    (
        "equal keys deep down",
        b'{"model":"auto","messages":[{"role":"user","content":"x"}],"metadata":{"a":[{"b":1,"b":2}]}}',
        "duplicate_key",
    ),
    ("equal keys in two spellings", b'{"prompt":"x","\\u0070rompt":"y"}', "duplicate_key"),
    ("equal keys with space before the colon", b'{"prompt" :"x","prompt" :"y"}', "duplicate_key"),
    ("nested lists", b'{"prompt":' + b"[" * DEEP + b"]" * DEEP + b"}", "invalid_json"),
    ("nested objects", b'{"metadata":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}", "invalid_json"),
    ("nested and unclosed", b"[" * DEEP, "invalid_json"),
    ("129 levels", b'{"metadata":' + b"[" * 129 + b"]" * 129 + b"}", "invalid_json"),
]


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
@pytest.mark.parametrize(("name", "body", "code"), JSONS, ids=[row[0] for row in JSONS])
def test_what_is_no_strict_json_is_refused(service: Service, path: str, name: str, body: bytes, code: str) -> None:
    refused(service.request(path, body), 400, code)


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
@pytest.mark.parametrize("number", ["1" * 5_000, "-" + "9" * 400, "1" + "0" * 400 + ".5", "1e-99999"])
def test_numbers_of_absurd_length_are_refused_or_harmless(service: Service, path: str, number: str) -> None:
    body = b'{"prompt":"","model":"auto","messages":[],"seed":%s}' % number.encode()
    assert service.request(path, body).status == 400


# around the body


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_another_method_is_405_and_says_which_one(service: Service, path: str, method: str) -> None:
    answer = service.request(path, method=method)
    assert (answer.status, answer.headers.get("allow")) == (405, "POST")
    if method != "HEAD":
        assert "POST" in refused(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/v1/models", "/v1/models/auto"])
def test_a_post_where_get_is_due_is_405(service: Service, path: str) -> None:
    answer = service.request(path, {}, method="POST")
    refused(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


KINDS = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json; charset=utf-16",
    "json",
    "",
]


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
@pytest.mark.parametrize("kind", KINDS)
def test_another_content_type_is_415_and_names_the_header(service: Service, path: str, kind: str) -> None:
    message = refused(service.request(path, QUERY_BODY, {"content-type": kind}), 415, "unsupported_media_type", "content-type")
    assert "content-type: application/json" in message


def test_no_content_type_at_all_is_415_and_names_the_header(service: Service) -> None:
    head = b"POST /query HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(QUERY_BODY)
    status, body = _raw(service, head + QUERY_BODY)
    assert status == 415 and b"content-type: application/json" in body


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="utf-8"'])
def test_the_usual_spellings_of_the_content_type_pass(service: Service, kind: str) -> None:
    assert service.request(ROUTE, {"prompt": "x"}, {"content-type": kind}).status == 200


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", ""])
def test_a_body_packed_otherwise_than_by_gzip_or_deflate_is_415(service: Service, path: str, coding: str) -> None:
    for kind in ("application/json", "application/json; charset=utf-8"):
        answer = service.request(path, QUERY_BODY, {"content-encoding": coding, "content-type": kind})
        refused(answer, 415, "unsupported_media_type", "content-encoding")


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
def test_a_body_over_the_limit_is_413_by_its_announced_length_before_it_is_sent(service: Service, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 1000001\r\n\r\n"
    status, body = _raw(service, head.encode())
    assert status == 413 and json.loads(body)["error"]["code"] == "body_too_large"


@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
def test_a_chunked_body_over_the_limit_is_413(service: Service, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    status, body = _raw(service, head.encode() + piece * 16)
    assert status == 413 and json.loads(body)["error"]["code"] == "body_too_large"


def test_a_body_of_just_the_limit_passes(service: Service) -> None:
    body = b'{"prompt": "x"' + b" " * (1_000_000 - 15) + b"}"  # urllib asks for the connection to be closed after the answer
    assert len(body) == 1_000_000 and service.request(ROUTE, body).status == 200
    refused(service.request(ROUTE, body + b" "), 413, "body_too_large")


def test_a_caller_who_leaves_in_the_middle_of_its_body_is_no_error(service: Service) -> None:
    head = b"POST /query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head)
    assert service.request("/health").json()["in_flight"] == 0


def _raw(service: Service, data: bytes) -> tuple[int, bytes]:
    """Status and body of a request sent as it is."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        connection.sendall(data)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


# models and paths


MISSES = [
    ("gpt-4o-mni", "gpt-4o-mini"),
    ("openai/gpt4o", "openai/gpt-4o"),
    ("claude-sonnet", "claude-sonnet-5-5"),
    ("auto-quick", "auto"),
]


@pytest.mark.parametrize(("asked", "near"), MISSES)
@pytest.mark.parametrize("path", [QUERY, ROUTE, CHAT])
def test_an_unknown_model_is_404_with_near_misses(service: Service, path: str, asked: str, near: str) -> None:
    body = {"model": asked, **({"messages": USER} if path == CHAT else {"prompt": "x"})}
    assert near in refused(service.request(path, body), 404, "model_not_found", "model")


@pytest.mark.parametrize("asked", ["\n\r\x00", "x" * 100_000, "sk-0123456789abcdef0123456789abcdef", "../../etc/passwd", "🦄"])
def test_a_hostile_model_name_is_404_in_one_short_line(service: Service, asked: str) -> None:
    answer = service.request(QUERY, {"prompt": "x", "model": asked})
    refused(answer, 404, "model_not_found", "model")
    assert "sk-0123456789abcdef" not in answer.body.decode()


def test_an_unknown_model_in_the_listing_is_404(service: Service) -> None:
    refused(service.request("/v1/models/gpt-4o-mni"), 404, "model_not_found", "model")


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/query/more", "/v1/chat", "/%00", "/..%2f..%2fetc%2fpasswd", "/" + "x" * 5_000]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404_in_the_same_envelope(service: Service, path: str, method: str) -> None:
    refused(service.request(path, {} if method == "POST" else None, method=method), 404, "not_found")


@pytest.mark.parametrize(
    ("header", "value"), [("x-router-mode", CANARY), ("x-router-cache", CANARY), ("x-router-session", "s" * 300)]
)
@pytest.mark.parametrize("path", [QUERY, CHAT])
def test_an_unsound_wish_in_a_header_is_refused(service: Service, path: str, header: str, value: str) -> None:
    body = CHAT_BODY if path == CHAT else QUERY_BODY
    refused(service.request(path, body, {header: value}), 400, "bad_request", header)
