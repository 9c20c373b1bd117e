"""What an outage of a provider costs, and what it does not: breakers, pauses, keys, places and budgets, on real sockets."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support import (
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

CONFIG = """
mock_latency_scale: 0
cache: {{backend: none}}
timeouts: {{first_token: {patience}, attempt: {patience}, idle: {patience}}}
routing:
  breaker: {{cooldown: {cooldown}, longest_cooldown: {cooldown}, key_cooldown: {cooldown}}}
providers:
  a: {{base_url: "{a}", key_env: [K1, K2], limits: {{max_in_flight: {places}, max_queue: 1}}}}
  b: {{base_url: "{b}", key_env: null}}
  dead: {{base_url: "{dead}", key_env: null}}
  billing: {{base_url: "{a}", key_env: null, on_disconnect: drain}}
models:
  first: {{provider: a, id: first-1, quality: 0.9, fallbacks: [second]}}
  second: {{provider: b, id: second-1, quality: 0.5}}
  alone: {{provider: a, id: alone-1}}
  billed: {{provider: billing, id: billed-1, fallbacks: [second]}}
  lost: {{provider: dead, id: lost-1, fallbacks: [lost_too]}}
  lost_too: {{provider: dead, id: lost-2, deployments: [{{provider: dead, id: lost-3}}]}}
"""


class Hosts:
    """Two scripted providers."""

    def __init__(self) -> None:
        self.a, self.b = Upstream(well_behaved), Upstream(well_behaved)

    @contextmanager
    def serving(
        self, home: Path, *, cooldown: float = 60, patience: float = 30, places: int = 1000, keys: int = 1
    ) -> Iterator[Service]:
        config = CONFIG.format(
            a=self.a.base_url,
            b=self.b.base_url,
            dead=f"http://127.0.0.1:{free_port()}/v1",
            cooldown=cooldown,
            patience=patience,
            places=places,
        )
        with running(home, config, **{f"K{n}": f"key-number-{n}" for n in range(1, keys + 1)}) as service:
            yield service

    def keys(self) -> list[str]:
        """Which key each call to `a` came with."""
        return [heard.headers["authorization"].removeprefix("Bearer key-number-") for heard in self.a.heard]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.a.close()
    made.b.close()


@pytest.fixture
def at_once() -> Iterator[Callable[..., "Future[Answer]"]]:
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit


def chat(service: Service, model: str, timeout: str | None = None, **fields: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello?"}], **fields}
    return service.request("/v1/chat/completions", body, {"x-request-timeout": timeout} if timeout else None)


def tried(service: Service, answer: Answer) -> list[tuple[str, int | None, str | None]]:
    """Row, status and error of each attempt in a call's record."""
    attempts = service.record(answer.headers["x-request-id"])["attempts"]
    return [(one["model"], one["status"], one["error"]) for one in attempts]


def failing(status: int, code: str | None = None, **headers: str) -> Script:
    body = json.dumps({"error": {"message": "no", "type": "t", "code": code}}).encode()
    return lambda _heard: iter([http(body, status, **headers)])


def silent(heard: Heard) -> Iterator[bytes]:
    """Says nothing until the other side hangs up."""
    heard.hung_up(30)
    yield b""


def held(gate: threading.Event) -> Script:
    """Answers when the gate opens."""

    def play(_heard: Heard) -> Iterator[bytes]:
        gate.wait(30)
        yield http(completion())

    return play


# an outage


@pytest.mark.parametrize("stream", [False, True])
def test_a_silent_provider_costs_the_calls_under_way_and_none_after_the_first_timeout(
    tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"], stream: bool
) -> None:
    """By default one timeout opens the breaker; those under way fall back, the others never wait."""
    hosts.a.script = silent
    with hosts.serving(tmp_path, patience=1) as service:
        flight = [at_once(chat, service, "first", stream=stream) for _ in range(8)]
        eventually(lambda: len(hosts.a.heard) == 8)
        assert [answer.result().status for answer in flight] == [200] * 8
        later = [chat(service, "first", stream=stream) for _ in range(12)]
        assert len(hosts.a.heard) == 8 and {answer.headers["x-router-model"] for answer in later} == {"second"}
        assert [tried(service, answer) for answer in later] == [[("second", 200, None)]] * 12
        assert later[0].headers["x-router-fallback"] == "deadline_exceeded"
        assert tried(service, flight[0].result()) == [("first", None, "deadline_exceeded"), ("second", 200, None)]


def test_auto_does_not_choose_who_is_open_and_says_so_in_its_standing(tmp_path: Path, hosts: Hosts) -> None:
    hosts.a.script = failing(500)
    router = {"constraints": {"exclude": ["alone", "billed", "lost", "lost_too"]}, "mode": "accurate"}
    with hosts.serving(tmp_path) as service:
        assert tried(service, chat(service, "auto", router=router))[0] == ("first", 500, "provider_error")
        for _ in range(4):
            assert chat(service, "first").status == 200
        eventually(lambda: service.record(chat(service, "auto", router=router).headers["x-request-id"])["decided"] == "second")
        assert len(hosts.a.heard) == 5
        lines = [json.loads(line) for line in (tmp_path / "logs" / "per_call.jsonl").read_bytes().split(b"\n") if line]
        assert any(line["models"].get("first", [None, None, False])[2] for line in lines if line["kind"] == "standing")


def test_a_provider_that_comes_back_is_found_by_one_probe_at_a_time(
    tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"]
) -> None:
    gate = threading.Event()
    hosts.a.script = failing(500)
    with hosts.serving(tmp_path, cooldown=0.3) as service:
        for _ in range(5):
            chat(service, "first")
        hosts.a.heard.clear()
        hosts.a.script = held(gate)
        probe = eventually(lambda: _probing(hosts, at_once(chat, service, "first")))
        for _ in range(10):
            assert chat(service, "first").headers["x-router-model"] == "second"
        assert len(hosts.a.heard) == 1, "while one probe is under way nobody else is sent"
        gate.set()
        assert probe.result().headers["x-router-model"] == "first"
        assert [chat(service, "first").headers["x-router-model"] for _ in range(3)] == ["first"] * 3


def _probing(hosts: Hosts, call: "Future[Answer]") -> "Future[Answer] | None":
    """The call, if it reached the provider; one that was answered elsewhere came before the cooldown's end."""
    eventually(lambda: call.done() or hosts.a.heard)
    return call if hosts.a.heard else None


def test_the_last_target_is_asked_however_often_it_failed(tmp_path: Path, hosts: Hosts) -> None:
    with hosts.serving(tmp_path) as service:
        hosts.a.script = failing(410)  # gone: not worth a second try
        for n in range(1, 9):
            assert chat(service, "alone").status == 502 and len(hosts.a.heard) == n
        hosts.a.script = well_behaved
        assert chat(service, "alone").status == 200


def test_a_chain_of_dead_targets_is_one_error_that_names_each_try(tmp_path: Path, hosts: Hosts) -> None:
    with hosts.serving(tmp_path) as service:
        answer = chat(service, "lost")
        assert (answer.status, answer.json()["error"]["code"]) == (502, "provider_unreachable")
        message = answer.json()["error"]["message"]
        assert message.endswith(
            "(tried lost at dead: provider_unreachable; lost_too at dead: provider_unreachable; "
            "lost_too at dead: provider_unreachable)"
        )
        assert len(tried(service, answer)) == 3


def test_an_impatient_caller_shuts_nobody_out(tmp_path: Path, hosts: Hosts) -> None:
    """Timeouts of the caller's own making say nothing about the provider."""
    with hosts.serving(tmp_path) as service:
        hosts.a.script = silent
        for _ in range(7):
            assert chat(service, "first", timeout="0.05").status == 504
        hosts.a.script = well_behaved
        assert chat(service, "first").headers["x-router-model"] == "first"


def test_what_the_request_caused_itself_is_not_tried_elsewhere_and_opens_nothing(tmp_path: Path, hosts: Hosts) -> None:
    with hosts.serving(tmp_path) as service:
        hosts.a.script = failing(400, "context_length_exceeded")
        answers = [chat(service, "first") for _ in range(7)]
        assert {(answer.status, answer.json()["error"]["code"]) for answer in answers} == {(400, "context_length_exceeded")}
        assert (len(hosts.a.heard), len(hosts.b.heard)) == (7, 0)
        hosts.a.script = well_behaved
        assert chat(service, "first").headers["x-router-model"] == "first"


# again


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [408, 409, 425, 500, 503, 529])
def test_with_nobody_else_left_the_same_deployment_is_asked_again(
    tmp_path: Path, hosts: Hosts, stream: bool, status: int
) -> None:
    scripts = iter([failing(status), failing(status)])

    def play(heard: Heard) -> Iterator[bytes]:
        return next(scripts, well_behaved)(heard)

    hosts.a.script = play
    with hosts.serving(tmp_path) as service:
        answer = chat(service, "alone", stream=stream)
        assert answer.status == 200 and [one[1] for one in tried(service, answer)] == [status, status, 200]


@pytest.mark.parametrize("script", [failing(404), failing(401), failing(302), lambda _heard: iter([b""])])
def test_what_another_try_cannot_mend_or_might_do_twice_is_not_repeated(tmp_path: Path, hosts: Hosts, script: Script) -> None:
    hosts.a.script = script
    with hosts.serving(tmp_path) as service:
        assert chat(service, "alone").status == 502 and len(hosts.a.heard) == 1


def test_a_provider_may_declare_that_repeating_is_safe_or_vain(tmp_path: Path, hosts: Hosts) -> None:
    with hosts.serving(tmp_path) as service:
        hosts.a.script = failing(404, x_should_retry="true")
        assert chat(service, "alone").status == 502 and len(hosts.a.heard) == 1, "a model that is gone stays gone"
        hosts.a.heard.clear()
        hosts.a.script = failing(500, x_should_retry="false")
        assert chat(service, "alone").status == 502 and len(hosts.a.heard) == 1


def test_a_dead_provider_is_not_hammered(tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"]) -> None:
    """A fifth of the requests, and ten a second."""
    hosts.a.script = failing(500)
    with hosts.serving(tmp_path) as service:
        began = time.monotonic()
        answers = [at_once(chat, service, "alone") for _ in range(150)]
        assert {answer.result().status for answer in answers} == {502}
        spent = time.monotonic() - began
        assert 150 < len(hosts.a.heard) <= 150 * 1.2 + 10 * spent + 10


# rate limits and keys


def test_a_rate_limit_is_waited_for_when_nobody_else_is_left(tmp_path: Path, hosts: Hosts) -> None:
    moments: list[float] = []

    def script(heard: Heard) -> Iterator[bytes]:
        moments.append(time.monotonic())
        return failing(429, retry_after="0.4")(heard) if len(moments) == 1 else well_behaved(heard)

    hosts.a.script = script
    with hosts.serving(tmp_path) as service:
        answer = chat(service, "alone")
        assert tried(service, answer) == [("alone", 429, "rate_limited"), ("alone", 200, None)]
        assert moments[1] - moments[0] >= 0.4


def test_a_rate_limit_cools_its_deployment_while_others_answer(tmp_path: Path, hosts: Hosts) -> None:
    hosts.a.script = failing(429, retry_after="30")
    with hosts.serving(tmp_path) as service:
        answers = [chat(service, "first") for _ in range(5)]
        assert {answer.headers["x-router-model"] for answer in answers} == {"second"} and len(hosts.a.heard) == 1
        assert {answer.headers["x-router-fallback"] for answer in answers} == {"rate_limited"}
        told = chat(service, "alone", timeout="5")
        assert (told.status, told.headers["retry-after"], told.json()["error"]["code"]) == (429, "30", "rate_limited")


@pytest.mark.parametrize("script", [failing(429, "insufficient_quota"), failing(401), failing(402)], ids=["quota", "401", "402"])
def test_a_lost_key_is_out_for_all_its_models_and_the_next_key_is_used(tmp_path: Path, hosts: Hosts, script: Script) -> None:
    def play(heard: Heard) -> Iterator[bytes]:
        return script(heard) if heard.headers["authorization"].endswith("1") else well_behaved(heard)

    hosts.a.script = play
    with hosts.serving(tmp_path, keys=2) as service:
        answer = chat(service, "first")
        assert (answer.status, answer.headers["x-router-model"], hosts.keys()) == (200, "first", ["1", "2"])
        for model in ("first", "alone", "first"):
            assert chat(service, model).headers["x-router-model"] == model
        assert hosts.keys() == ["1", "2", "2", "2", "2"] and hosts.b.heard == []


def test_calls_are_balanced_over_keys_by_what_is_outstanding(
    tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"]
) -> None:
    gate = threading.Event()
    hosts.a.script = held(gate)
    with hosts.serving(tmp_path, keys=2) as service:
        flight = []
        for n in range(1, 7):
            flight.append(at_once(chat, service, "alone"))
            eventually(lambda n=n: len(hosts.a.heard) == n)
        assert hosts.keys() == ["1", "2"] * 3
        gate.set()
        assert {answer.result().status for answer in flight} == {200}


# places


def test_a_full_provider_is_passed_over_and_by_name_waited_for_in_a_bounded_queue(
    tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"]
) -> None:
    gate = threading.Event()
    hosts.a.script = held(gate)
    with hosts.serving(tmp_path, places=1) as service:
        one = at_once(chat, service, "alone")
        eventually(lambda: hosts.a.heard)
        elsewhere = chat(service, "first")
        assert (elsewhere.headers["x-router-model"], elsewhere.headers["x-router-fallback"]) == ("second", "overloaded")
        others = [at_once(chat, service, "alone") for _ in range(2)]
        refused = eventually(lambda: next((other for other in others if other.done()), None)).result()
        assert (refused.status, refused.json()["error"]["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
        assert len(hosts.a.heard) == 1
        gate.set()
        waited = next(other for other in others if other.result().status == 200).result()
        assert one.result().status == 200 and service.record(waited.headers["x-request-id"])["queue_ms"] > 0
        assert len(hosts.a.heard) == 2


def test_the_wait_for_a_place_ends_with_the_requests_own_time(
    tmp_path: Path, hosts: Hosts, at_once: Callable[..., "Future[Answer]"]
) -> None:
    gate = threading.Event()
    hosts.a.script = held(gate)
    with hosts.serving(tmp_path, places=1) as service:
        one = at_once(chat, service, "alone")
        eventually(lambda: hosts.a.heard)
        assert chat(service, "alone", timeout="0.2").status == 503
        gate.set()
        assert one.result().status == 200 and chat(service, "alone").status == 200


# time


def drip(head: bytes) -> Script:
    """A head, then a byte now and then for ever."""

    def play(heard: Heard) -> Iterator[bytes]:
        yield head
        while not heard.hung_up(0.05):
            yield b" "
        yield b""

    return play


@pytest.mark.parametrize(
    ("head", "stream"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n", False),
        (b"HTTP/1.1 500 Oh\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", True),
        (STREAM_HEAD + framed(chunk({"role": "assistant", "content": "Wait"})) + b"fffff\r\n", True),
    ],
    ids=["whole", "an error's body", "before the first word", "in the stream"],
)
def test_a_drip_cannot_outlive_the_requests_time(tmp_path: Path, hosts: Hosts, head: bytes, stream: bool) -> None:
    hosts.a.script = drip(head)
    with hosts.serving(tmp_path) as service:
        answer = chat(service, "alone", timeout="0.5", stream=stream)
        record = service.record(answer.headers["x-request-id"])
        assert (record["outcome"], record["error"]) == (
            "failed",
            "deadline_exceeded" if b" 500 " not in head else "provider_error",
        )
        assert record["latency_ms"] < 10_000, "it ended by its limit, not by the reader's"


# callers who leave a provider that bills anyway


def spoken(gate: threading.Event, ends: threading.Event) -> Script:
    """A stream that says a word, and the rest when the gate opens."""

    def play(heard: Heard) -> Iterator[bytes]:
        first, *rest = list(well_behaved(heard))[1:]
        yield STREAM_HEAD + first + rest[0]
        gate.wait(30)
        yield from rest[1:]
        ends.set()

    return play


def late(gate: threading.Event, ends: threading.Event) -> Script:
    """Not a byte before the gate opens."""

    def play(heard: Heard) -> Iterator[bytes]:
        gate.wait(30)
        yield from well_behaved(heard)
        ends.set()

    return play


@contextmanager
def caller_of(service: Service, model: str, *, stream: bool) -> Iterator[socket.socket]:
    """A connection on which a call was sent."""
    data = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Bye."}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(head.encode() + data)
        yield connection


@pytest.mark.parametrize(("play", "stream", "word"), [(late, False, b""), (late, True, b""), (spoken, True, b"Hello")])
def test_a_provider_that_bills_anyway_is_heard_out_and_its_usage_recorded_once(
    tmp_path: Path, hosts: Hosts, play: Callable[..., Script], stream: bool, word: bytes
) -> None:
    """Whole, before a stream's first word, and after it."""
    gate, ends = threading.Event(), threading.Event()
    hosts.a.script = play(gate, ends)
    with hosts.serving(tmp_path) as service:
        with caller_of(service, "billed", stream=stream) as caller:
            eventually(lambda: hosts.a.heard)
            seen = b""
            while word not in seen:
                seen += caller.recv(65536)
        eventually(lambda: service.request("/health").json()["in_flight"] == 0)
        assert not hosts.a.heard[0].hung_up(0.3) and service.records() == []
        gate.set()
        record = eventually(service.records)[0]
        assert ends.is_set() and (record["outcome"], record["status"], record["provider"]) == ("abandoned", 499, "billing")
        assert (record["tokens_out"], record["usage_source"]) == (7, "provider")
        assert len(record["attempts"]) == 1 and hosts.b.heard == []
    assert len(service.records()) == 1


def test_the_end_of_the_service_waits_for_what_is_heard_out(tmp_path: Path, hosts: Hosts) -> None:
    gate, ends = threading.Event(), threading.Event()
    hosts.a.script = late(gate, ends)
    with hosts.serving(tmp_path) as service:
        with caller_of(service, "billed", stream=False):
            eventually(lambda: hosts.a.heard)
        eventually(lambda: service.request("/health").json()["in_flight"] == 0)
        service.process.terminate()
        eventually(lambda: not _answers(service))
        gate.set()
        assert service.process.wait(20) == 0
        assert [(record["outcome"], record["tokens_out"]) for record in service.records()] == [("abandoned", 7)]


def _answers(service: Service) -> bool:
    try:
        return service.request("/ready").status == 200
    except OSError:
        return False
