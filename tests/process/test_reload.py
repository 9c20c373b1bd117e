"""A change of the configuration under several workers: taken over by all, or by none and said once."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from process.asking import CONFIG, Callers, Gate
from support import Service, Upstream, eventually, running, worker_pids

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
ONE = "mock_latency_scale: 0\nmodels:\n  a: {provider: openai, id: gpt-4o-mini}\n"
TWO = ONE + "  b: {provider: openai, id: gpt-4o}\n"
WORKERS = 3


def healths(service: Service) -> list[dict[str, Any]]:
    """The `config` of every worker's /health; whoever has answered is held until all have, since one may take all connections."""
    found: dict[int, dict[str, Any]] = {}
    try:
        while len(found) < WORKERS:
            said = service.request("/health").json()
            found[said["pid"]] = said["config"]
            os.kill(said["pid"], signal.SIGSTOP)
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)
    return list(found.values())


def all_say(service: Service, **facts: Any) -> bool:
    return all(said[name] == value for said in healths(service) for name, value in facts.items())


def test_a_change_reaches_all_and_a_bad_one_none(tmp_path: Path) -> None:
    """A replacement that is born while the file is bad starts with the last sound one, not with none and not with the first."""
    with running(tmp_path, ONE, workers=WORKERS) as service:
        path = tmp_path / "config.yaml"
        before = {said["digest"] for said in healths(service)}
        path.write_text(TWO)
        eventually(lambda: not before & {said["digest"] for said in healths(service)})
        (digest,) = {said["digest"] for said in healths(service)}
        eventually(lambda: service.log().count(f"configuration {digest} is in force") == 1)

        for times, bad in enumerate((TWO + "tyop: 1\n", TWO[:-10]), 1):
            path.write_text(bad)
            eventually(lambda: all(said["error"] for said in healths(service)))
            eventually(lambda times=times: service.log().count("the configuration was not taken over") == times)
            assert all_say(service, digest=digest)
            assert service.query("hello", model="b").status == 200
            path.write_text(TWO)
            eventually(lambda: all_say(service, error=None, digest=digest))
        path.unlink()
        eventually(lambda: all(said["error"] for said in healths(service)))
        victim = min(worker_pids(service.process.pid))
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(now := worker_pids(service.process.pid)) == WORKERS and victim not in now, 30)
        eventually(lambda: all_say(service, digest=digest), 30)
        assert all(said["error"] for said in healths(service)) and service.query("hello", model="b").status == 200
        eventually(lambda: service.log().count("the configuration was not taken over") == 3)
        assert service.log().count("unknown key") == 1


def test_a_stream_goes_on_through_a_change(tmp_path: Path) -> None:
    gate = Gate()
    upstream = Upstream(gate)
    config = CONFIG % (upstream.base_url, 20)
    with running(tmp_path, config, workers=WORKERS) as service, ThreadPoolExecutor(4) as pool:
        told = Callers(service, pool).stream("/v1/chat/completions")
        before = {said["digest"] for said in healths(service)}
        (tmp_path / "config.yaml").write_text(config.replace("a: {provider: hosted, id: a-1}", "b: {provider: hosted, id: b-1}"))
        eventually(lambda: not before & {said["digest"] for said in healths(service)})
        gate.opened.set()
        assert b"[DONE]" in told.result().body
        (record,) = service.records()
        assert record["config_digest"] in before and record["served"] == "a"
        assert service.query("hello", model="a").status == 404 and service.query("hello", model="b").status == 200
    upstream.close()


def test_what_waits_for_a_restart_waits_in_a_replaced_worker_too(tmp_path: Path) -> None:
    """Otherwise one of several workers would write another journal than its siblings."""
    with running(tmp_path, ONE, workers=WORKERS) as service:
        (tmp_path / "config.yaml").write_text(ONE + "logging: {per_call_path: elsewhere/per_call.jsonl}\n")
        eventually(lambda: all_say(service, restart_needed=["logging"]))
        victim = min(worker_pids(service.process.pid))
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(now := worker_pids(service.process.pid)) == WORKERS and victim not in now, 30)
        eventually(lambda: all_say(service, restart_needed=["logging"]), 30)
        assert not (tmp_path / "elsewhere").exists()
        assert service.log().count("a restart is needed for: logging") == 1
