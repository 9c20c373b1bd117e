"""Several workers under one supervisor: each that dies is replaced, no other notices, and nothing is respawned without measure."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from process.asking import CONFIG, Callers, Gate
from support import ROOT, Service, Upstream, child_env, eventually, running, shipped, worker_pids

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
DOOMED = Path(__file__).with_name("doomed.py")


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


def supervised(kind: str, folder: Path) -> "subprocess.Popen[str]":
    """A supervisor of doomed workers."""
    command = [sys.executable, str(DOOMED), kind, str(folder)]
    return subprocess.Popen(command, env=child_env(), cwd=ROOT, stderr=subprocess.PIPE, text=True)


def births(folder: Path) -> list[float]:
    """When workers were born."""
    path = folder / "born"
    return sorted(float(line.split()[0]) for line in path.read_text().splitlines()) if path.exists() else []


def test_workers_that_never_start_end_the_service(tmp_path: Path) -> None:
    process = supervised("early", tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.count("ended with status 7 before it was ready") >= 3 and "the service cannot start\n" in said, said
    assert len(births(tmp_path)) <= 4


def test_workers_that_die_as_soon_as_they_are_ready_are_not_respawned_at_once(tmp_path: Path) -> None:
    process = supervised("soon", tmp_path)
    eventually(lambda: len(births(tmp_path)) >= 6, 30)
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and "ended with status 8; it is replaced" in said
    times = births(tmp_path)
    # two places: of three births in a row, two are in the same place
    assert all(third - first > 0.1 for first, third in zip(times, times[2:], strict=False)), times


def test_a_worker_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    process = supervised("hang", tmp_path)
    eventually(lambda: len(births(tmp_path)) == 4, 30)
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and said.count("and is killed") == said.count("died of SIGKILL; it is replaced") == 2, said


def test_siblings_of_a_killed_worker_do_not_notice(tmp_path: Path, upstream: Upstream, gate: Gate) -> None:
    with running(tmp_path, CONFIG % (upstream.base_url, 20), workers=2) as service, ThreadPoolExecutor(12) as pool:
        # a port that answers has one worker ready: wait for the other
        before = eventually(lambda: len(found := worker_pids(service.process.pid)) == 2 and found, 30)
        eventually(lambda: len({service.request("/health").json()["pid"] for _ in range(8)}) == 2, 30)
        told = [Callers(service, pool).stream("/v1/chat/completions") for _ in range(8)]
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        now = eventually(lambda: len(now := worker_pids(service.process.pid)) == 2 and victim not in now and now, 30)
        assert before - {victim} <= now
        gate.opened.set()
        whole = [one.result() for one in told if one.result().whole]
        assert all(b"[DONE]" in one.body for one in whole)
        ids = [record["id"] for record in service.records()]
        assert sorted(ids) == sorted(one.headers["x-request-id"] for one in whole)
        assert service.log().count(f"worker {victim} died of SIGKILL") == 1
        assert service.stop() == 0


def kill_all(service: Service) -> None:
    """As a power cut would, but for the disk."""
    for pid in [service.process.pid, *worker_pids(service.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    service.process.wait(10)


def test_workers_whose_supervisor_is_killed_end_and_leave_the_port(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), workers=2) as service:
        orphans = worker_pids(service.process.pid)
        service.process.kill()
        service.process.wait(10)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans), 20)


def test_after_a_kill_of_everything_the_same_folders_serve_again(tmp_path: Path) -> None:
    """Locks, a write-ahead log and half a line lie about; the rollup counts each call once."""
    with running(tmp_path, shipped(), workers=2) as service:
        for number in range(30):
            assert service.query(f"question {number}").status == 200
        kill_all(service)
    journal = tmp_path / "logs" / "per_call.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"kind":"call","id":"torn')
    assert (tmp_path / "logs" / "daily.json.lock").exists()
    with running(tmp_path, shipped(), workers=2) as again:
        eventually(lambda: again.query("question 0").headers["x-cache"] == "hit")
        assert again.stop() == 0
    calls = journal.read_bytes().count(b'\n{"kind":"call"')  # the first line has no newline before it, the torn one is no call
    command = [sys.executable, "-m", "app.cli", "rollup", "--json"]
    daily = (tmp_path / "logs" / "daily.json").read_bytes()
    done = subprocess.run(
        command, env=child_env(LLM_ROUTER_HOME=str(tmp_path)), capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) | {"records": calls, "skipped": 1} == json.loads(done.stdout)
    assert (tmp_path / "logs" / "daily.json").read_bytes() == daily
