"""More calls than a worker takes on, and calls that are under way when it is told to stop."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from support import (
    STREAM_END,
    STREAM_HEAD,
    Answer,
    Heard,
    Service,
    Upstream,
    chunk,
    completion,
    eventually,
    framed,
    http,
    running,
    well_behaved,
)

CONFIG = """
providers: {hosted: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1}
limits: {max_in_flight: 1, max_queue: 1, drain_seconds: %s}
"""


class Gate:
    """A provider that answers nobody until it is opened; a stream says its first word before."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, heard: Heard) -> Iterator[bytes]:
        if heard.json().get("stream"):
            yield STREAM_HEAD + framed(chunk({"role": "assistant", "content": "Begun"}))
            self.opened.wait(20)
            yield framed(chunk({"content": ", ended."})) + framed(chunk({}, "stop")) + framed(b"data: [DONE]\n\n") + STREAM_END
        else:
            self.opened.wait(20)
            yield http(completion())


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    host = Upstream(well_behaved)
    yield host
    host.close()


@pytest.fixture
def gate(upstream: Upstream) -> Iterator[Gate]:
    made = Gate()
    upstream.script = made
    yield made
    made.opened.set()


@pytest.fixture
def at_once() -> Iterator[Callable[[Callable[[], Answer]], "Future[Answer]"]]:
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def test_beyond_flight_and_queue_a_call_is_503_and_leaves_no_record(
    tmp_path: Path, upstream: Upstream, gate: Gate, at_once: Callable[[Callable[[], Answer]], "Future[Answer]"]
) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 5)) as service:
        first = at_once(lambda: service.query("first", cache="off"))
        eventually(lambda: upstream.heard)
        others = [at_once(lambda: service.query("another", cache="off")) for _ in range(2)]
        refused = eventually(lambda: next((other for other in others if other.done()), None))
        second = next(other for other in others if other is not refused)
        assert (refused.result().status, refused.result().json()["error"]["code"]) == (503, "overloaded")
        assert refused.result().headers["retry-after"] == "1"
        assert service.request("/health").status == 200, "the pages are not behind the queue"
        gate.opened.set()
        assert (first.result().status, second.result().status) == (200, 200)
        waited = service.record(second.result().headers["x-request-id"])
        assert waited["queue_ms"] > 0 and waited["overhead_ms"] < waited["latency_ms"]
        assert len(service.records()) == 2
        assert service.request("/health").json()["in_flight"] == 0


def _begun(service: Service, upstream: Upstream, at_once: Callable[[Callable[[], Answer]], "Future[Answer]"]) -> "Future[Answer]":
    """A stream that is under way."""
    answer = at_once(lambda: service.query("under way", stream=True, cache="off"))
    eventually(lambda: upstream.heard)
    eventually(lambda: service.request("/health").json()["in_flight"] == 1)
    return answer


def test_a_stop_lets_a_running_stream_end(
    tmp_path: Path, upstream: Upstream, gate: Gate, at_once: Callable[[Callable[[], Answer]], "Future[Answer]"]
) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 20)) as service:
        answer = _begun(service, upstream, at_once)
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: not _takes_calls(service))
        gate.opened.set()
        *deltas, done = answer.result().events()
        assert "".join(event.json()["text"] for event in deltas) == "Begun, ended." and done.name == "done"
        assert service.process.wait(10) == 0
        assert [record["outcome"] for record in service.records()] == ["answered"]


def test_a_stop_waits_no_longer_than_drain_seconds_and_records_what_it_cut(
    tmp_path: Path, upstream: Upstream, gate: Gate, at_once: Callable[[Callable[[], Answer]], "Future[Answer]"]
) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 1)) as service:
        answer = _begun(service, upstream, at_once)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        service.process.wait(10)
        assert time.monotonic() - began < 6
        cut = [(record["outcome"], record["status"], record["error"]) for record in service.records()]
        assert cut == [("failed", 200, "not_ready")], "the caller did not leave: we did"
        assert answer.exception() is not None or b"event: done" not in answer.result().body


def _takes_calls(service: Service) -> bool:
    try:
        return service.request("/ready").status == 200
    except OSError:
        return False
