"""Header fields across the house: nothing of a provider's reaches the caller, nothing harmful of a caller's reaches anybody."""

from collections.abc import Iterator
from typing import Any

import pytest

from support import STREAM_END, STREAM_HEAD, Heard, Service, Upstream, chunk, completion, framed, http, running
from test_contract import REPLY_HEADERS

from .wire import LAST, exchange, post

CONFIG = """
providers: {hosted: {base_url: "%s", key_env: null}}
models: {a: {provider: hosted, id: a-1}}
"""
THEIRS = {
    "set_cookie": "session=canary",
    "server": "canary/1.0",
    "via": "1.1 canary",
    "x_request_id": "canary-request",
    "openai_organization": "canary-org",
    "x_ratelimit_remaining_requests": "41",
    "cf_ray": "canary-ray",
    "access_control_allow_origin": "*",
    "alt_svc": "canary",
    "location": "http://canary.example/",
    "content_security_policy": "canary",
    "x_router_model": "canary-model",
    "x_cache": "canary",
    "retry_after": "7",
}
TALK = b'"messages":[{"role":"user","content":"x"}]'
BODIES = {
    "/query": b'{"prompt":"x","cache":"off"%b}',
    "/v1/chat/completions": b'{"model":"a",' + TALK + b"%b}",
    "/v1/messages": b'{"model":"a","max_tokens":9,' + TALK + b"%b}",
    "/v1/responses": b'{"model":"a","input":"x"%b}',
}


def talkative(heard: Heard) -> Iterator[bytes]:
    """A provider that says much about itself."""
    if not heard.json().get("stream"):
        yield http(completion(), **THEIRS)
        return
    more = b"".join(f"{name.replace('_', '-')}: {value}\r\n".encode() for name, value in THEIRS.items())
    yield STREAM_HEAD.replace(b"transfer-encoding", more + b"transfer-encoding")
    yield (
        framed(chunk({"role": "assistant", "content": "x"}))
        + framed(chunk({}, "stop"))
        + framed(b"data: [DONE]\n\n")
        + STREAM_END
    )


def failing(heard: Heard) -> Iterator[bytes]:
    """The same, in a bad mood."""
    yield http(b'{"error":{"message":"no"}}', 400, **THEIRS)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = Upstream(talkative)
    yield host
    host.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("headers"), CONFIG % upstream.base_url) as here:
        yield here


@pytest.mark.parametrize("script", [talkative, failing], ids=["answers", "refuses"])
@pytest.mark.parametrize("more", [b"", b',"stream":true'], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", BODIES)
def test_no_header_of_a_provider_reaches_the_caller(
    service: Service, upstream: Upstream, path: str, more: bytes, script: Any
) -> None:
    upstream.script = script
    reply = exchange(service.port, post(path, BODIES[path] % more), LAST)[0]
    assert reply.status == (200 if script is talkative else 400), reply
    assert set(reply.fields) <= REPLY_HEADERS | {"transfer-encoding"}
    assert not [value for value in reply.fields.values() if "canary" in value]
    assert reply.fields["x-request-id"] != "canary-request" and reply.fields.get("x-router-model", "a") == "a"


IDS = [b"i" * 65, b"i" * 10_000, b'{"a": "b"}', b"a b", b"a\tb", b"\xff", b"<script>", b"../../x", b""]


@pytest.mark.parametrize("given", IDS)
def test_an_unsound_request_id_is_kept_nowhere(service: Service, upstream: Upstream, given: bytes) -> None:
    upstream.script = talkative
    reply = exchange(service.port, post("/query", BODIES["/query"] % b"", b"x-request-id: " + given), LAST)[0]
    record = service.record(reply.fields["x-request-id"])
    assert record.get("client_request_id") is None and reply.status == 200


def test_a_sound_request_id_is_kept_beside_ours(service: Service, upstream: Upstream) -> None:
    upstream.script = talkative
    reply = exchange(service.port, post("/query", BODIES["/query"] % b"", b"x-request-id: job-7.A:b_c"), LAST)[0]
    assert reply.fields["x-request-id"] != "job-7.A:b_c"
    assert service.record(reply.fields["x-request-id"])["client_request_id"] == "job-7.A:b_c"


def test_what_a_caller_says_of_itself_does_not_travel_upstream(service: Service, upstream: Upstream) -> None:
    upstream.script = talkative
    hostile = (
        b"cookie: canary=1", b"x-forwarded-for: 203.0.113.9", b"forwarded: for=canary", b"referer: http://canary/", b"x-evil: canary",
        b"authorization: Bearer canary-key", b"traceparent: canary", b"anthropic-beta: canary\t\x80", b"origin: http://canary",
    )  # fmt: skip
    for path, body in BODIES.items():
        reply = exchange(service.port, post(path, body % b"", *hostile), LAST)[0]
        assert reply.status == 200, reply
        assert "canary" not in str(upstream.heard[-1].headers), path


@pytest.mark.parametrize("field", ["x-forwarded-for", "x-real-ip", "forwarded", "x-forwarded-host", "x-forwarded-proto"])
def test_no_forwarded_word_changes_what_is_served(service: Service, field: str) -> None:
    for path in ("/docs", "/openapi.json", "/v1/models", "/"):
        plain, worded = service.request(path), service.request(path, None, {field: "evil.example"})
        assert (worded.status, worded.body) == (200, plain.body), path
