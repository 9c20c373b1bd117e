"""A disk that is full, broken or gone under a running service: calls are answered, their records come when they can (F1 to F4)."""

import errno
import http.client
import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logging_utils import journal as journal_module
from app.logging_utils.journal import Journal
from logging_utils.lines import call, ids
from support import Service, eventually, running, shipped

from .spoilt import health, limited, metric, open_files, processes


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("disk"), shipped()) as here:
        yield here


def test_a_full_disk_costs_no_call_and_no_record(service: Service) -> None:
    """RLIMIT_FSIZE: the first write comes out short, the next ones fail, as with ENOSPC. Space comes back without a further call.

    Every line of the journal is a whole record in the end (`records` reads them all), each call has exactly one.
    """
    journal = service.home / "logs" / "per_call.jsonl"
    before = service.query("before", cache="off")
    torn = journal.stat().st_size + 100
    with limited(service, resource.RLIMIT_FSIZE, torn):
        during = [service.query(f"during {n}", cache="off") for n in range(5)]
        told = health(service)
    answers = [before, *during]
    assert {answer.status for answer in answers} == {200}
    assert (told["status"], told["journal"]["waiting"], told["journal"]["lost"]) == ("degraded", 5, 0)
    assert str(journal) in told["journal"]["trouble"] and told["journal"]["write_errors"] > 0
    eventually(lambda: metric(service, "llm_router_log_write_errors_total") > 0)
    eventually(lambda: health(service)["journal"]["waiting"] == 0)
    assert health(service)["status"] == "ok"
    assert sorted(record["id"] for record in service.records()) == sorted(answer.headers["x-request-id"] for answer in answers)
    assert service.log().count("cannot write the journal") == service.log().count("is written again") == 1


def test_a_folder_taken_away_under_a_running_service_costs_no_call_and_no_record(tmp_path: Path) -> None:
    """A file where the folder was, so that nobody can make it again; then it is gone, and the next second writes what waits."""
    with running(tmp_path, shipped()) as service:
        assert service.query("before").status == 200
        moved = tmp_path / "moved"
        (tmp_path / "logs").rename(moved)
        (moved / "per_call.jsonl").unlink()
        (tmp_path / "logs").touch()
        eventually(lambda: service.query("x", cache="off").status == 200 and health(service)["journal"]["waiting"] >= 3)
        assert health(service)["status"] == "degraded"
        waiting = health(service)["journal"]["waiting"]
        (tmp_path / "logs").unlink()
        eventually(lambda: health(service)["journal"]["waiting"] == 0)
        assert len(service.records()) >= waiting and health(service)["journal"]["lost"] == 0


def test_the_rollup_and_the_cache_outlive_a_full_disk_too(service: Service) -> None:
    with limited(service, resource.RLIMIT_FSIZE, 0):
        first = service.query("kept in memory", cache="use")
        again = service.query("kept in memory", cache="use")
    assert (first.status, again.status, again.json()["cached"]) == (200, 200, True)
    eventually(lambda: health(service)["journal"]["waiting"] == 0)

    def counted() -> bool:
        days = json.loads((service.home / "logs" / "daily.json").read_bytes())
        return sum(row["calls"] for day in days.values() for row in day.values()) == len(service.records())

    eventually(counted)


def test_without_a_free_descriptor_calls_on_open_connections_go_on_and_are_journalled(service: Service) -> None:
    """RLIMIT_NOFILE at what is open already: nothing can be opened, the journal is."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)

    def query(n: int) -> tuple[int, str | None]:
        connection.request("POST", "/query", json.dumps({"prompt": f"no descriptor {n}"}), {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["x-request-id"]

    assert query(0)[0] == 200
    with limited(service, resource.RLIMIT_NOFILE, min(map(open_files, processes(service)))):
        answers = [query(n) for n in range(1, 6)]
    connection.close()
    assert [status for status, _ in answers] == [200] * 5
    assert {call_id for _, call_id in answers} <= {record["id"] for record in service.records()}


def test_a_rotation_without_a_free_descriptor_loses_nothing(tmp_path: Path) -> None:
    """The full file is moved aside and goes on being written until a new one can be opened."""
    now = 0.0
    path = tmp_path / "per_call.jsonl"
    journal = Journal(path, max_bytes=2 * len(call(1)), clock=lambda: now, report=lambda _: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/dev/null", os.O_RDONLY)  # no descriptor beyond this one is given out
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        for number in range(6):
            journal.append(call(number))
            now += 2.0
        assert not path.exists()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    journal.append(call(6))
    journal.close()
    assert sorted(ids(path)) == [f"call-{number}" for number in range(7)]
    assert path.exists()


def test_an_input_output_error_is_a_record_that_waits(tmp_path: Path) -> None:
    """A terminal whose other end is closed answers every write with EIO."""
    ours, theirs = os.openpty()
    told: list[str] = []
    journal = Journal(os.ttyname(theirs), report=told.append)
    os.close(theirs)
    journal.append(call(1))
    assert (journal.write_errors, journal.spooled) == (0, 0)
    os.close(ours)
    journal.append(call(2))
    assert journal.spooled == 1 and journal.write_errors > 0
    assert os.strerror(errno.EIO) in told[0]
    journal.close()
    assert journal.dropped == 1


def test_signals_in_the_middle_of_writes_tear_nothing(tmp_path: Path) -> None:
    """EINTR by a timer that goes off every half millisecond."""
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    journal = Journal(tmp_path / "per_call.jsonl")
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        number = 0
        while len(rung) < 50:
            journal.append(call(number, prompt="x" * 20_000))
            number += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ids(journal.path) == [f"call-{n}" for n in range(number)]


def test_a_pipe_that_nobody_reads_holds_up_no_call_and_loses_no_record(tmp_path: Path) -> None:
    """What fills it waits in memory; the record that went in half is ended before the next begins."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    told: list[str] = []
    journal = Journal(pipe, report=told.append)
    for number in range(40):
        journal.append(call(number, prompt="x" * 5_000))
    assert journal.spooled > 10 and journal.trouble is not None
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    read = b""
    while journal.spooled:
        read += os.read(reader, 100_000)
        journal.retry()
    read += os.read(reader, 1_000_000)
    os.close(reader)
    journal.close()
    assert [json.loads(line)["id"] for line in read.split(b"\n")[:-1]] == [f"call-{number}" for number in range(40)]
    assert journal.trouble is None and len(told) == 2


def test_a_long_queue_is_written_in_portions_so_that_others_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RETRIED_BYTES", 3 * len(call(1)))
    path = tmp_path / "logs" / "per_call.jsonl"
    now = 0.0
    journal = Journal(path, clock=lambda: now, report=lambda _: None)
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()
    now = 1.0
    for number in range(10):
        journal.append(call(number))
    path.parent.unlink()
    waiting = []
    while journal.spooled:
        journal.retry(journal_module.RETRIED_BYTES)
        waiting.append(journal.spooled)
    assert waiting == [7, 4, 1, 0]
    assert ids(path) == [f"call-{number}" for number in range(10)]
