"""Two workers on one journal, one rollup and one cache: nothing is lost, doubled or told apart, not even when one is killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from support import Answer, Service, child_env, eventually, running, shipped, worker_pids

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("workers"), shipped(), workers=2) as here:
        eventually(lambda: len(worker_pids(here.process.pid)) == 2)
        yield here


def ask(service: Service, number: int) -> Answer:
    """One of several kinds of call."""
    kind = number % 4
    if kind == 0:
        return service.chat(f"chat {number}", stream=number % 8 == 0)
    if kind == 1:
        return service.query(f"streamed {number}", stream=True, cache="off")
    return service.query(f"number {number}", mode=("fast", "accurate")[number % 2])


def asked(service: Service, numbers: range) -> list[Answer]:
    """Many callers at once, each on a connection of its own."""
    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(lambda number: ask(service, number), numbers))


def daily(service: Service) -> dict[str, dict[str, dict[str, Any]]]:
    path = service.home / "logs" / "daily.json"
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(path.read_bytes()) if path.exists() else {}
    return found


def total(service: Service, name: str) -> float:
    """The sum of a column over all days and models."""
    return sum(row[name] for day in daily(service).values() for row in day.values())


def rollup(service: Service) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app.cli", "rollup", "--json"]
    env = child_env(LLM_ROUTER_HOME=str(service.home))
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_every_call_has_one_line_and_ids_are_unique(service: Service) -> None:
    before = len(service.records())
    answers = asked(service, range(80))
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert {answer.status for answer in answers} == {200} and len(set(ids)) == 80
    records = service.records()[before:]
    assert sorted(record["id"] for record in records) == sorted(ids)
    assert {record["face"] for record in records} == {"chat", "query"}


def test_the_rollup_is_exact_a_moment_later(service: Service) -> None:
    asked(service, range(100, 140))
    records = service.records()
    eventually(lambda: total(service, "calls") == len(records), 3)
    for column in ("tokens_in", "tokens_out"):
        assert total(service, column) == sum(record[column] for record in records)
    for state, column in (("hit", "cache_hits"), ("miss", "cache_misses"), ("off", "cache_off")):
        assert total(service, column) == sum(record["cache"] == state for record in records)
    by_model = {(record["at"][:10], record["served"]) for record in records}
    assert {(day, model) for day, rows in daily(service).items() for model in rows} == by_model
    assert total(service, "failures") == total(service, "cost_usd") == 0
    assert total(service, "scored") == len(records)


def test_an_answer_kept_by_one_worker_serves_both(service: Service) -> None:
    def state(_number: int) -> str:
        return service.query("shared between workers").headers["x-cache"]

    state(0)
    eventually(lambda: state(0) == "hit")
    with ThreadPoolExecutor(16) as pool:
        eventually(lambda: set(pool.map(state, range(64))) == {"hit"}, 3)


def test_a_killed_worker_loses_no_acknowledged_call_and_is_replaced(service: Service) -> None:
    workers = worker_pids(service.process.pid)
    victim = max(workers)
    acknowledged: list[str] = []

    def call(number: int) -> None:
        if number == 60:
            os.kill(victim, signal.SIGKILL)
        try:
            answer = ask(service, 1_000 + number)
        except (OSError, HTTPException):  # it was with the worker that died
            return
        acknowledged.append(answer.headers["x-request-id"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(160)))
    ids = [record["id"] for record in service.records()]
    assert len(acknowledged) > 100 and set(acknowledged) <= set(ids)
    assert len(ids) == len(set(ids))
    eventually(lambda: len(now := worker_pids(service.process.pid)) == 2 and victim not in now, 15)
    assert ask(service, 2_000).status == 200


def test_a_rebuild_beside_the_running_service_and_after_it_gives_the_same_bytes(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), workers=2) as service:
        asked(service, range(40))
        eventually(lambda: total(service, "calls") == 40, 15)
        beside = rollup(service)
        assert beside.returncode == 0 and json.loads(beside.stdout)["records"] == 40, beside
        asked(service, range(40, 60))
        eventually(lambda: total(service, "calls") == 60, 15)
        assert service.stop() == 0
        path = service.home / "logs" / "daily.json"
        live = path.read_bytes()
        after = rollup(service)
        assert after.returncode == 0 and json.loads(after.stdout)["records"] == 60 and json.loads(after.stdout)["skipped"] == 0
        assert path.read_bytes() == live
        path.unlink()
        assert rollup(service).returncode == 0 and path.read_bytes() == live
