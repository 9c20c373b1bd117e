"""What happens when providers fail: who is tried next, what the caller sees, what is recorded, and where keys go."""

import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support import (
    STREAM_END,
    STREAM_HEAD,
    Answer,
    Heard,
    Script,
    Service,
    Upstream,
    chunk,
    completion,
    eventually,
    framed,
    free_port,
    http,
    running,
    well_behaved,
)

KEYS = {name: f"sk-canary-{name.lower()}-0123456789abcdef" for name in ("A_KEY", "B_KEY", "C_KEY", "ANTHRO", "GEM", "MIST")}
CONFIG = """
mode: accurate
mock_latency_scale: 0
# each test is by itself: no breaker stays open and no budget runs out because of the test before
routing:
  breaker: {{cooldown: 0.0001, longest_cooldown: 0.0001, key_cooldown: 0.0001}}
  retries: {{per_second: 1000}}
providers:
  a: {{base_url: "{a}", key_env: A_KEY}}
  b: {{base_url: "{b}", key_env: B_KEY}}
  c: {{base_url: "{c}", key_env: C_KEY}}
  dead: {{base_url: "http://127.0.0.1:{dead}/v1", key_env: A_KEY}}
  anthro: {{base_url: "{root}", key_env: ANTHRO, dialect: anthropic}}
  gem: {{base_url: "{root}", key_env: GEM, dialect: gemini}}
  mist: {{base_url: "{c}", key_env: MIST, dialect: mistral}}
models:
  first: {{provider: a, id: first-1, quality: 0.99, price_in: 0.001, price_out: 0.001}}
  second: {{provider: b, id: second-1, quality: 0.6, price_in: 0.001, price_out: 0.001}}
  third: {{provider: c, id: third-1, quality: 0.2, price_in: 0.001, price_out: 0.001}}
  placed: {{provider: a, id: placed-1, deployments: [{{provider: b, id: placed-2}}], fallbacks: [third]}}
  alone: {{provider: a, id: alone-1}}
  refused: {{provider: dead, id: refused-1, fallbacks: [second]}}
  with_mock: {{provider: a, id: with-mock-1, fallbacks: [played]}}
  played: {{provider: openai, id: gpt-4o-mini}}
  claude: {{provider: anthro, id: claude-x}}
  gemini: {{provider: gem, id: gemini-x}}
  mistral: {{provider: mist, id: mistral-x}}
"""
ONLY = {"providers": ["a", "b", "c"], "exclude": ["placed", "alone", "with_mock"]}


class Hosts:
    """Three scripted providers."""

    def __init__(self) -> None:
        self.a, self.b, self.c = (Upstream(well_behaved) for _ in range(3))

    def heard(self) -> tuple[int, int, int]:
        """How many calls each got."""
        return len(self.a.heard), len(self.b.heard), len(self.c.heard)

    def reset(self) -> None:
        for host in (self.a, self.b, self.c):
            host.script = well_behaved
            host.heard.clear()


@pytest.fixture(scope="module")
def shared() -> Iterator[Hosts]:
    hosts = Hosts()
    yield hosts
    for host in (hosts.a, hosts.b, hosts.c):
        host.close()


@pytest.fixture
def hosts(shared: Hosts) -> Hosts:
    shared.reset()
    return shared


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, shared: Hosts) -> Iterator[Service]:
    config = CONFIG.format(
        a=shared.a.base_url,
        b=shared.b.base_url,
        c=shared.c.base_url,
        dead=free_port(),
        root=shared.c.base_url.removesuffix("/v1"),
    )
    with running(tmp_path_factory.mktemp("fallback"), config, **KEYS) as here:
        yield here


def chat(service: Service, model: str = "auto", headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "Hello?"}], **fields}
    if model == "auto":
        body["router"] = {"mode": "accurate", "constraints": ONLY}
    return service.request("/v1/chat/completions", body, headers)


def says(*pieces: bytes) -> Script:
    return lambda _heard: iter(pieces)


def error(status: int, message: str = "no", **headers: str) -> Script:
    return says(http(json.dumps({"error": {"message": message, "type": "t", "code": None}}).encode(), status, **headers))


def text_of(answer: Answer) -> str:
    """What was said, whole or streamed."""
    if "event-stream" not in answer.headers["content-type"]:
        return str(answer.json()["choices"][0]["message"]["content"])
    datas = [event.json() for event in answer.events() if event.data and event.data != "[DONE]"]
    return "".join(data["choices"][0]["delta"].get("content") or "" for data in datas if data.get("choices"))


CUT_BEFORE = says(STREAM_HEAD + framed(chunk({"role": "assistant", "content": ""})), b"")
HALF = completion()[:60]
WHOLE: list[tuple[str, Script, str, int | None]] = [
    ("500", error(500), "provider_error", 500),
    ("503", error(503), "provider_overloaded", 503),
    ("529", error(529), "provider_overloaded", 529),
    ("429", error(429, retry_after="7"), "rate_limited", 429),
    ("401", error(401), "provider_auth_error", 401),
    ("402", error(402), "provider_quota", 402),
    ("404", error(404), "provider_refused", 404),
    ("408", error(408), "deadline_exceeded", 408),
    ("204", says(b"HTTP/1.1 204 No Content\r\n\r\n"), "bad_upstream_body", 204),
    ("html", says(http(b"<html>Sign in</html>", kind="text/html")), "bad_upstream_body", 200),
    ("empty", says(http(b"")), "bad_upstream_body", 200),
    ("no choice", says(http(completion(choices=[]))), "bad_upstream_body", 200),
    ("error in a 200", says(http(b'{"error":{"message":"overloaded","type":"server_error"}}')), "provider_error", 200),
    ("half a JSON", says(http(HALF)), "bad_upstream_body", 200),
    ("cut body", says(http(completion())[:-30], b""), "truncated_answer", 200),
    ("redirect", says(http(b"", 302, location="http://127.0.0.1:1/elsewhere")), "unexpected_redirect", 302),
    ("hang-up", says(b""), "provider_unreachable", None),
    ("not HTTP", says(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b""), "bad_upstream_body", None),
]
STREAMED: list[tuple[str, Script, str, int | None]] = [
    *(row for row in WHOLE if row[0] in ("500", "429", "401", "204", "redirect", "hang-up", "not HTTP")),
    ("cut before a token", CUT_BEFORE, "truncated_answer", 200),
    (
        "error event",
        says(STREAM_HEAD + framed(b'data: {"error":{"message":"x","type":"server_error"}}\n\n'), b""),
        "provider_error",
        200,
    ),
    ("html", says(http(b"<html>Sign in</html>", kind="text/html")), "bad_upstream_body", 200),
    ("broken chunk", says(STREAM_HEAD + framed(b"data: {oops\n\n"), b""), "bad_upstream_body", 200),
]
CASES = [(*row, False) for row in WHOLE] + [(*row, True) for row in STREAMED]


@pytest.mark.parametrize(
    ("name", "script", "code", "status", "stream"), CASES, ids=[f"{row[0]}, {'streamed' if row[4] else 'whole'}" for row in CASES]
)
def test_a_failure_before_the_first_word_moves_auto_to_its_next_candidate(
    service: Service, hosts: Hosts, name: str, script: Script, code: str, status: int | None, stream: bool
) -> None:
    hosts.a.script = script
    answer = chat(service, stream=stream)
    assert answer.status == 200, answer.body
    assert text_of(answer) == "Hello from upstream." and hosts.heard()[1:] == (1, 0)
    assert answer.headers["x-router-model"] == "second" and answer.headers["x-router-fallback"] == code
    record = service.record(answer.headers["x-request-id"])
    tried = [(a["model"], a["status"], a["error"]) for a in record["attempts"]]
    assert tried == [("first", status, code), ("second", 200, None)]
    assert (record["decided"], record["served"], record["outcome"], record["error"]) == ("first", "second", "answered", None)
    assert record["tokens_out"] == 7, "only the answer that was given is counted"
    assert record["decision"]["propensity"]["served"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_by_name_the_deployments_come_first_then_the_fallbacks_and_nobody_else(
    service: Service, hosts: Hosts, stream: bool
) -> None:
    hosts.a.script = hosts.b.script = error(500)
    answer = chat(service, "placed", stream=stream)
    assert text_of(answer) == "Hello from upstream." and hosts.heard() == (1, 1, 1)
    tried = service.record(answer.headers["x-request-id"])["attempts"]
    assert [(a["model"], a["model_id"]) for a in tried] == [("placed", "placed-1"), ("placed", "placed-2"), ("third", "third-1")]
    hosts.reset()
    hosts.a.script = error(500)
    failed = chat(service, "alone", stream=stream)
    assert (failed.status, failed.json()["error"]["code"], hosts.heard()) == (502, "provider_error", (3, 0, 0))
    tried = service.record(failed.headers["x-request-id"])["attempts"]
    assert [(a["model"], a["status"], a["error"]) for a in tried] == [("alone", 500, "provider_error")] * 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_connection_moves_on(service: Service, hosts: Hosts, stream: bool) -> None:
    answer = chat(service, "refused", stream=stream)
    assert text_of(answer) == "Hello from upstream."
    assert answer.headers["x-router-fallback"] == "provider_unreachable" and answer.headers["x-router-model"] == "second"


@pytest.mark.parametrize("path", ["chat", "query"])
@pytest.mark.parametrize("stream", [False, True])
def test_when_all_fail_the_last_failure_is_told_and_the_call_is_recorded_as_failed(
    service: Service, hosts: Hosts, path: str, stream: bool
) -> None:
    hosts.a.script, hosts.b.script, hosts.c.script = error(500), error(401), error(503)
    if path == "chat":
        answer = chat(service, stream=stream)
    else:
        answer = service.query("Hello?", mode="accurate", constraints=ONLY, cache="off", stream=stream)
    assert (answer.status, answer.json()["error"]["code"]) == (503, "provider_overloaded")
    assert answer.headers["content-type"] == "application/json" and answer.headers["retry-after"]
    assert answer.headers["x-router-fallback"] == "provider_error"
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    record = service.record(answer.headers["x-request-id"])
    assert (record["outcome"], record["status"], record["error"]) == ("failed", 503, "provider_overloaded")
    assert (record["served"], record["decided"], record["cost_nano_usd"]) == (None, "first", 0)
    assert [a["error"] for a in record["attempts"]] == ["provider_error", "provider_auth_error", "provider_overloaded"]
    chain = "(tried first at a: provider_error; second at b: provider_auth_error; third at c: provider_overloaded)"
    assert answer.json()["error"]["message"].endswith(chain)


def test_a_rate_limit_that_nobody_absorbs_is_429_with_the_providers_wait(service: Service, hosts: Hosts) -> None:
    hosts.a.script = error(429, retry_after="7")
    answer = chat(service, "alone", {"x-request-timeout": "6"})
    assert len(hosts.a.heard) == 1, "what cannot be waited for is not waited for"
    assert (answer.status, answer.json()["error"]["code"], answer.headers["retry-after"]) == (429, "rate_limited", "7")


def test_a_providers_401_is_not_the_callers_401(service: Service, hosts: Hosts) -> None:
    hosts.a.script = error(401)
    assert chat(service, "alone").status == 502


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("stream", [False, True])
def test_a_providers_verdict_on_the_request_itself_tries_nobody_else(
    service: Service, hosts: Hosts, status: int, stream: bool
) -> None:
    hosts.a.script = error(status, "messages[0] is odd")
    answer = chat(service, stream=stream)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "provider_rejected")
    assert "messages[0] is odd" in answer.json()["error"]["message"] and hosts.heard() == (1, 0, 0)
    assert service.record(answer.headers["x-request-id"])["outcome"] == "failed"


def test_a_real_call_never_falls_back_to_a_mock(service: Service, hosts: Hosts) -> None:
    hosts.a.script = error(500)
    assert chat(service, "with_mock").status == 502


# after the first word


AFTER: list[tuple[str, tuple[bytes, ...], str]] = [
    ("cut", (b"",), "truncated_answer"),
    ("end without a terminator", (STREAM_END,), "truncated_answer"),
    ("error event", (framed(b'data: {"error":{"message":"x","type":"server_error"}}\n\n'), b""), "provider_error"),
    ("broken chunk", (framed(b"data: {oops\n\n"), b""), "bad_upstream_body"),
]


@pytest.mark.parametrize(("name", "rest", "code"), AFTER, ids=[row[0] for row in AFTER])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/query"])
def test_a_failure_after_the_first_word_is_one_error_event_and_no_terminator(
    service: Service, hosts: Hosts, path: str, name: str, rest: tuple[bytes, ...], code: str
) -> None:
    heard_first = threading.Event()

    def script(_heard: Heard) -> Iterator[bytes]:
        yield STREAM_HEAD + framed(chunk({"role": "assistant", "content": "Hel"}))
        heard_first.wait(10)
        yield from rest

    hosts.a.script = script
    body = {"model": "placed", "stream": True, "temperature": 0, "messages": [{"role": "user", "content": f"{name}?"}]}
    answer = _streamed(service, path, body, heard_first)
    *said, last = answer.events()
    assert answer.status == 200 and len(said) == 1 and hosts.heard() == (1, 0, 0)
    assert last.json()["error"]["code"] == code and last.json()["error"]["request_id"] == answer.headers["x-request-id"]
    assert last.name == ("error" if path == "/query" else "message")
    assert b"[DONE]" not in answer.body and b"event: done" not in answer.body
    record = service.record(answer.headers["x-request-id"])
    assert (record["outcome"], record["error"], record["status"]) == ("failed", code, 200)
    assert record["attempts"][0]["error"] == code and record["tokens_out"] > 0 and record["usage_source"] == "estimate"
    hosts.reset()
    assert service.request(path, body).headers["x-cache"] == "miss", "what broke off is not kept"


def _streamed(service: Service, path: str, body: dict[str, Any], heard_first: threading.Event) -> Answer:
    """A streamed answer; `heard_first` is set when its first bytes have reached the caller."""
    request = urllib.request.Request(service.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        first = answer.read1(65536)
        heard_first.set()
        return Answer(answer.status, dict(answer.headers), first + answer.read())


# callers who leave


def silent(heard: Heard) -> Iterator[bytes]:
    """Says nothing until the other side hangs up."""
    heard.hung_up(10)
    yield b""


def murmuring(heard: Heard) -> Iterator[bytes]:
    """One word, then nothing until the other side hangs up."""
    yield STREAM_HEAD + framed(chunk({"role": "assistant", "content": "Wait"}))
    heard.hung_up(10)
    yield b""


def watched(script: Script, closed: threading.Event) -> Script:
    """`script`, telling when it saw the other side leave."""

    def play(heard: Heard) -> Iterator[bytes]:
        for piece in script(heard):
            if piece:
                yield piece
        closed.set()
        yield b""

    return play


@pytest.mark.parametrize(
    ("script", "stream", "wait_for"),
    [(silent, False, b""), (silent, True, b""), (murmuring, True, b"Wait")],
    ids=["whole", "before the first word", "in the stream"],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/query"])
def test_a_caller_who_hangs_up_closes_the_provider_and_is_recorded(
    service: Service, hosts: Hosts, path: str, script: Script, stream: bool, wait_for: bytes
) -> None:
    closed = threading.Event()
    hosts.a.script = watched(script, closed)
    before = len(service.records())
    body = {"model": "placed", "stream": stream, "messages": [{"role": "user", "content": "Bye."}]}
    with _raw(service, path, body) as caller:
        eventually(lambda: hosts.a.heard)
        seen = b""
        while wait_for and wait_for not in seen:
            seen += caller.recv(65536)
        assert not closed.is_set()
    assert closed.wait(5), "the provider's connection stayed open"
    record = eventually(lambda: service.records()[before:])[0]
    assert (record["outcome"], record["status"], record["error"]) == ("abandoned", 499, None)
    assert record["provider"] == "a" and record["latency_ms"] < 5_000
    assert hosts.heard() == (1, 0, 0), "nobody else is asked for someone who left"
    assert service.request("/health").json()["in_flight"] == 0


def _raw(service: Service, path: str, body: dict[str, Any]) -> socket.socket:
    """A connection on which a request was sent."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.sendall(head.encode() + data)
    return connection


# time


@pytest.mark.parametrize("stream", [False, True])
def test_x_request_timeout_bounds_the_whole_call(service: Service, hosts: Hosts, stream: bool) -> None:
    hosts.a.script = hosts.b.script = silent
    answer = chat(service, "placed", {"x-request-timeout": "0.2"}, stream=stream)
    assert (answer.status, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    record = service.record(answer.headers["x-request-id"])
    assert record["outcome"] == "failed" and 150 < record["latency_ms"] < 5_000
    assert [attempt["provider"] for attempt in record["attempts"]] == ["a"], "whom no time was left for was not tried"


def test_x_request_timeout_bounds_a_stream_that_began(service: Service, hosts: Hosts) -> None:
    hosts.a.script = murmuring
    answer = chat(service, "placed", {"x-request-timeout": "0.2"}, stream=True)
    assert answer.events()[-1].json()["error"]["code"] == "deadline_exceeded"


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e3", "soon", "٣"])
def test_an_unsound_x_request_timeout_is_refused(service: Service, hosts: Hosts, value: str) -> None:
    answer = chat(service, "placed", {"x-request-timeout": value.encode().decode("latin-1")})
    assert (answer.status, answer.json()["error"]["param"], hosts.heard()) == (400, "x-request-timeout", (0, 0, 0))


def test_a_sound_traceparent_is_passed_on_and_an_unsound_one_is_not(service: Service, hosts: Hosts) -> None:
    sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    chat(service, "placed", {"traceparent": sound})
    chat(service, "placed", {"traceparent": "00-nonsense"})
    assert [heard.headers.get("traceparent") for heard in hosts.a.heard] == [sound, None]


# keys


WHERE = [
    ("placed", "A_KEY", "authorization", "Bearer "),
    ("claude", "ANTHRO", "x-api-key", ""),
    ("gemini", "GEM", "x-goog-api-key", ""),
    ("mistral", "MIST", "authorization", "Bearer "),
]


@pytest.mark.parametrize(("model", "variable", "header", "prefix"), WHERE, ids=[row[0] for row in WHERE])
@pytest.mark.parametrize("stream", [False, True])
def test_the_key_goes_into_its_one_header_and_nowhere_else(
    service: Service, hosts: Hosts, model: str, variable: str, header: str, prefix: str, stream: bool
) -> None:
    host = hosts.a if model == "placed" else hosts.c
    host.script = error(400)
    sent = {"authorization": "Bearer the-callers-own", "cookie": "a=b", "x-api-key": "the-callers-own", "x-odd": "1"}
    chat(service, model, sent, stream=stream)
    heard = host.heard[0]
    assert heard.headers[header] == prefix + KEYS[variable]
    assert [name for name, value in heard.headers.items() if KEYS[variable] in value] == [header]
    assert KEYS[variable] not in heard.path and KEYS[variable].encode() not in heard.body
    assert "the-callers-own" not in str(heard.headers) and not {"cookie", "x-odd"} & set(heard.headers)


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 200])
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_quotes_the_key_does_not_give_it_away(service: Service, hosts: Hosts, status: int, stream: bool) -> None:
    hosts.a.script = error(status, f"Incorrect API key provided: {KEYS['A_KEY']} for {KEYS['A_KEY'][:20]}.", x_echo=KEYS["A_KEY"])
    answer = chat(service, "alone", stream=stream)
    assert answer.status >= 400
    seen = answer.body.decode() + str(answer.headers)
    assert KEYS["A_KEY"] not in seen and "canary" not in seen


def test_no_key_stands_in_journal_log_or_any_file(service: Service, hosts: Hosts) -> None:
    hosts.a.script = error(401, KEYS["A_KEY"])
    chat(service)
    for path in ("/health", "/", "/v1/models", "/openapi.json"):
        assert b"canary" not in service.request(path).body
    files = [file for file in service.home.rglob("*") if file.is_file()]
    assert any(file.name == "per_call.jsonl" for file in files)
    assert [file for file in files if b"canary" in file.read_bytes()] == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_without_anyone_else_is_no_fallback(service: Service, hosts: Hosts, stream: bool) -> None:
    """The header tells that the first choice was left; the error itself says why nobody answered."""
    hosts.a.script = error(400, "no such field")
    answer = chat(service, "alone", stream=stream)
    assert answer.status == 400 and "x-router-fallback" not in answer.headers


def test_a_second_try_at_the_same_place_is_no_fallback(service: Service, hosts: Hosts) -> None:
    tries: list[Heard] = []

    def recovers(heard: Heard) -> Iterator[bytes]:
        tries.append(heard)
        yield http(completion()) if len(tries) > 1 else http(b"{}", 503)

    hosts.a.script = recovers
    answer = chat(service, "alone")
    assert (answer.status, len(tries)) == (200, 2)
    assert answer.headers["x-router-model"] == "alone" and "x-router-fallback" not in answer.headers


# connections


def test_a_pooled_connection_that_the_provider_closed_is_replaced_unnoticed(service: Service, hosts: Hosts) -> None:
    def once(heard: Heard) -> Iterator[bytes]:
        yield http(completion())
        yield b""

    hosts.a.script = once
    answers = [chat(service, "placed") for _ in range(5)]
    assert [answer.headers.get("x-router-fallback") for answer in answers] == [None] * 5


def test_many_callers_at_once_each_get_their_own_answer(service: Service, hosts: Hosts) -> None:
    hosts.a.script = hosts.b.script = lambda heard: iter([http(completion(heard.json()["messages"][0]["content"]))])
    said: dict[int, str] = {}

    def ask(number: int) -> None:
        said[number] = text_of(chat(service, "placed", messages=[{"role": "user", "content": f"number {number}"}]))

    _together([lambda n=n: ask(n) for n in range(30)])  # type: ignore[misc]
    assert said == {number: f"number {number}" for number in range(30)}


def _together(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
