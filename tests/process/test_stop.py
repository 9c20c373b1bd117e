"""How the service ends: it refuses at once, lets calls end, tells those it cuts, writes everything down, and exits with 0."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from process.asking import CONFIG, STREAMS, Callers, Gate, refused
from support import Service, Upstream, eventually, running, worker_pids

WORKERS = pytest.mark.parametrize("workers", [1, 2])


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


@pytest.fixture
def upstream(gate: Gate) -> Iterator[Upstream]:
    host = Upstream(gate)
    yield host
    host.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as made:
        yield made


def ended(service: Service) -> int:
    """The exit status, once the process and its workers are gone."""
    return service.process.wait(20)


@pytest.mark.parametrize(
    ("workers", "number"), [(1, signal.SIGTERM), (2, signal.SIGTERM), (2, signal.SIGINT), (1, signal.SIGHUP)]
)
def test_a_stop_refuses_at_once_and_lets_calls_end(
    tmp_path: Path, upstream: Upstream, gate: Gate, pool: ThreadPoolExecutor, workers: int, number: signal.Signals
) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 30), workers=workers) as service:
        callers = Callers(service, pool)
        told = [callers.stream(path) for path in STREAMS] + [callers.whole(path, upstream) for path in STREAMS]
        service.process.send_signal(number)
        eventually(lambda: refused(service.port))
        assert not any(one.done() for one in told) and service.process.poll() is None
        gate.opened.set()
        assert {(one.result().status, one.result().whole) for one in told} == {(200, True)}
        assert ended(service) == 0
        assert sorted(record["outcome"] for record in service.records()) == ["answered"] * 8
        assert "Traceback" not in service.log()


@WORKERS
def test_what_the_stop_cuts_is_told_so_and_recorded(
    tmp_path: Path, upstream: Upstream, pool: ThreadPoolExecutor, workers: int
) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 0.3), workers=workers) as service:
        callers = Callers(service, pool)
        streams = {path: callers.stream(path) for path in STREAMS}
        wholes = {path: callers.whole(path, upstream) for path in STREAMS}
        service.process.send_signal(signal.SIGTERM)
        for path, one in streams.items():
            told = one.result()
            assert told.whole, "the connection is closed in order, after the event"
            assert b"[DONE]" not in told.body and b"message_stop" not in told.body and b"response.completed" not in told.body, (
                path
            )
            assert one.result().body.count(b"the service is stopping") == 1, (path, told.body)
        for path, one in wholes.items():
            told = one.result()
            # 529 is how Anthropic says 503
            assert told.status == (529 if path == "/v1/messages" else 503) and told.headers["retry-after"] == "1", path
            assert "the service is stopping" in told.json()["error"]["message"]
        assert ended(service) == 0
        records = service.records()
        assert sorted(record["status"] for record in records) == [200] * 4 + [503] * 3 + [529]
        assert {(record["outcome"], record["error"]) for record in records} == {("failed", "not_ready")}
        assert "Traceback" not in service.log()


@WORKERS
def test_a_second_signal_waits_no_longer(tmp_path: Path, upstream: Upstream, pool: ThreadPoolExecutor, workers: int) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 600), workers=workers) as service:
        told = Callers(service, pool).stream("/v1/chat/completions")
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: refused(service.port))
        service.process.send_signal(signal.SIGTERM)
        assert b"the service is stopping" in told.result(30).body
        assert ended(service) == 0
        assert [record["outcome"] for record in service.records()] == ["failed"]


def test_a_signal_to_the_whole_group_counts_once(
    tmp_path: Path, upstream: Upstream, gate: Gate, pool: ThreadPoolExecutor
) -> None:
    """Service managers signal the workers as well as their supervisor, terminals everybody: nothing is hurried by that."""
    with running(tmp_path, CONFIG % (upstream.base_url, 600), workers=2) as service:
        told = Callers(service, pool).stream("/v1/chat/completions")
        workers = worker_pids(service.process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: refused(service.port))
        gate.opened.set()
        assert b"[DONE]" in told.result(30).body and ended(service) == 0


def test_a_call_in_the_queue_and_one_that_still_comes_are_told(
    tmp_path: Path, upstream: Upstream, pool: ThreadPoolExecutor
) -> None:
    """Neither has a record: one was never admitted, of the other nobody knows what it asks for."""
    limits = "limits: {max_in_flight: 1, drain_seconds: 0.3}"
    config = (CONFIG % (upstream.base_url, 0)).replace("limits: {drain_seconds: 0}", limits)
    with running(tmp_path, config) as service:
        callers = Callers(service, pool)
        callers.stream("/v1/chat/completions")
        waits = pool.submit(service.chat, "hello", model="a")
        eventually(lambda: service.request("/health").json()["in_flight"] == 1)
        with socket.create_connection(("127.0.0.1", service.port)) as half:
            half.sendall(
                b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            time.sleep(0.05)
            service.process.send_signal(signal.SIGTERM)
            got = b""
            while piece := half.recv(65536):
                got += piece
        assert got.startswith(b"HTTP/1.1 503 ") and b"the service is stopping" in got
        assert (waits.result().status, waits.result().json()["error"]["code"]) == (503, "not_ready")
        assert ended(service) == 0 and len(service.records()) == 1


def test_the_end_writes_out_the_cache_and_the_rollup(tmp_path: Path, upstream: Upstream, gate: Gate) -> None:
    gate.opened.set()
    with running(tmp_path, (CONFIG % (upstream.base_url, 5)).replace("none", "local")) as service:
        for number in range(20):
            assert service.query(f"question {number}").status == 200
        assert service.stop() == 0
        rows = json.loads((tmp_path / "logs" / "daily.json").read_bytes())
        assert sum(row["calls"] for day in rows.values() for row in day.values()) == 20
    with running(tmp_path) as again:
        assert again.query("question 19").headers["x-cache"] == "hit"
