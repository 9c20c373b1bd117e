"""A second candidate beside a late one: when it starts, who wins, and that the loser is let go and recorded."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import Answer, Heard, Script, Service, Upstream, eventually, http, running, well_behaved

CONFIG = """
mock_latency_scale: 0
cache: {{backend: none}}
routing: {{hedge: {{enabled: {enabled}, min_samples: {samples}, max_share: 1.0}}}}
providers:
  a: {{base_url: "{a}", key_env: null}}
  b: {{base_url: "{b}", key_env: null}}
models:
  first: {{provider: a, id: first-1, fallbacks: [second]}}
  second: {{provider: b, id: second-1}}
"""
SAMPLES = 5


class Hosts:
    """Two scripted providers."""

    def __init__(self) -> None:
        self.a, self.b = Upstream(well_behaved), Upstream(well_behaved)
        self.left: list[str] = []

    def config(self, *, enabled: bool = True) -> str:
        return CONFIG.format(a=self.a.base_url, b=self.b.base_url, enabled=str(enabled).lower(), samples=SAMPLES)

    def after(self, gate: Callable[[], Any], then: Script, who: str = "") -> Script:
        """`then`, once the gate is open; until then who is left is noted."""

        def play(heard: Heard) -> Iterator[bytes]:
            while not gate():
                if heard.hung_up(0.01):
                    self.left.append(who)
                    yield b""
                    return
            yield from then(heard)

        return play


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.a.close()
    made.b.close()


@pytest.fixture
def service(tmp_path: Path, hosts: Hosts) -> Iterator[Service]:
    """A service that knows how fast `first` usually is."""
    with running(tmp_path, hosts.config()) as here:
        known(here, hosts)
        yield here


def known(service: Service, hosts: Hosts) -> None:
    for _ in range(SAMPLES):
        assert chat(service).headers["x-router-model"] == "first"
    assert hosts.b.heard == []
    hosts.a.heard.clear()


def chat(service: Service, **fields: Any) -> Answer:
    body = {"model": "first", "stream": True, "messages": [{"role": "user", "content": "Hello?"}], **fields}
    return service.request("/v1/chat/completions", body)


def tried(record: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["model"], one["error"]) for one in record["attempts"]]


def failing(_heard: Heard) -> Iterator[bytes]:
    yield http(b'{"error": {"message": "no", "type": "t", "code": null}}', 500)


def never() -> bool:
    return False


def test_a_late_first_word_brings_a_second_candidate_whose_answer_is_given(service: Service, hosts: Hosts) -> None:
    hosts.a.script = hosts.after(never, well_behaved, "a")
    answer = chat(service)
    assert answer.status == 200 and answer.headers["x-router-model"] == "second"
    assert "x-router-fallback" not in answer.headers, "nobody failed"
    assert b"[DONE]" in answer.body and eventually(lambda: hosts.left == ["a"]), "the loser was let go"
    record = service.record(answer.headers["x-request-id"])
    assert tried(record) == [("first", "cancelled"), ("second", None)]
    assert (record["served"], record["outcome"], record["tokens_out"]) == ("second", "answered", 7)


def test_the_first_may_still_win_and_the_second_is_let_go(service: Service, hosts: Hosts) -> None:
    hosts.b.script = hosts.after(never, well_behaved, "b")
    hosts.a.script = hosts.after(lambda: hosts.b.heard, well_behaved)
    answer = chat(service)
    assert answer.headers["x-router-model"] == "first" and eventually(lambda: hosts.left == ["b"])
    assert tried(service.record(answer.headers["x-request-id"])) == [("second", "cancelled"), ("first", None)]


def test_a_failure_of_one_leaves_the_other_to_answer(service: Service, hosts: Hosts) -> None:
    gone = threading.Event()

    def fails(heard: Heard) -> Iterator[bytes]:
        yield from failing(heard)
        gone.set()

    hosts.a.script = hosts.after(lambda: hosts.b.heard, fails)
    hosts.b.script = hosts.after(gone.is_set, well_behaved)
    answer = chat(service)
    assert (answer.headers["x-router-model"], answer.headers["x-router-fallback"]) == ("second", "provider_error")
    assert tried(service.record(answer.headers["x-request-id"])) == [("first", "provider_error"), ("second", None)]


def test_when_both_fail_the_tries_go_on_as_ever(service: Service, hosts: Hosts) -> None:
    hosts.a.script = hosts.after(lambda: hosts.b.heard, failing)
    hosts.b.script = failing
    answer = chat(service)
    assert answer.status == 502
    assert [error for _, error in tried(service.record(answer.headers["x-request-id"]))] == ["provider_error"] * 3


def test_a_caller_who_leaves_closes_both(service: Service, hosts: Hosts) -> None:
    hosts.a.script, hosts.b.script = (hosts.after(never, well_behaved, who) for who in "ab")
    before = len(service.records())
    data = json.dumps({"model": "first", "stream": True, "messages": [{"role": "user", "content": "Bye."}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port)) as caller:
        caller.sendall(head.encode() + data)
        eventually(lambda: hosts.a.heard and hosts.b.heard)
    record = eventually(lambda: service.records()[before:])[0]
    assert record["outcome"] == "abandoned" and sorted(tried(record)) == [("first", "cancelled"), ("second", "cancelled")]
    assert eventually(lambda: sorted(hosts.left) == ["a", "b"])


def test_a_whole_answer_has_no_first_word_and_no_rival(service: Service, hosts: Hosts) -> None:
    slow = threading.Event()
    threading.Timer(0.3, slow.set).start()
    hosts.a.script = hosts.after(slow.is_set, well_behaved)
    assert chat(service, stream=False).headers["x-router-model"] == "first" and hosts.b.heard == []


def test_nobody_is_hedged_by_default(tmp_path: Path, hosts: Hosts) -> None:
    with running(tmp_path, hosts.config(enabled=False)) as service:
        known(service, hosts)
        slow = threading.Event()
        threading.Timer(0.3, slow.set).start()
        hosts.a.script = hosts.after(slow.is_set, well_behaved)
        assert chat(service).headers["x-router-model"] == "first" and hosts.b.heard == []
