"""`GET /metrics` of the real service: for all workers, equal to the journal, and never going back when one dies."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from app.metrics.ledger import CHUNK
from app.metrics.shelf import folder_of, run_of
from metrics_text import Metrics
from support import Service, Upstream, completion, eventually, free_port, http, running, shipped, well_behaved, worker_pids

KEY = "k" * 40


def scraped(service: Service) -> Metrics:
    answer = service.request("/metrics", headers={"authorization": f"Bearer {KEY}"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return Metrics(answer.body.decode())


def real(upstream: Upstream, model: str = "up_model") -> str:
    """A configuration whose one model answers from `upstream` and costs money."""
    return f"""
providers:
  up: {{base_url: "{upstream.base_url}", key_env: null, dialect: openai}}
models:
  {model}: {{provider: up, id: upstream-model, price_in: 0.001, price_out: 0.002}}
"""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    here = Upstream(well_behaved)
    yield here
    here.close()


def test_counts_are_those_of_the_journal(tmp_path: Path, upstream: Upstream) -> None:
    with running(tmp_path, real(upstream)) as service:
        for number in range(6):
            assert service.query(f"question {number % 4}").status == 200
        assert service.chat("streamed", stream=True).status == 200
        assert (
            service.request(
                "/v1/messages", {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
            ).status
            == 200
        )
        upstream.script = lambda _heard: iter([http(b"{}", 500)])
        assert service.query("will fail", cache="off").status == 502
        records, seen = service.records(), scraped(service)
    assert seen.total("requests_total") == len(records) == 9
    assert seen.total("requests_total", status="502") == seen.total("failed_requests_total") == 1
    assert seen.total("cost_usd_total") * 1e9 == pytest.approx(sum(record["cost_nano_usd"] for record in records), abs=0.5)
    assert seen.total("cost_usd_total") > 0
    for kind, field in (("input", "tokens_in"), ("output", "tokens_out")):
        assert seen.total("tokens_total", type=kind) == sum(record[field] for record in records)
    assert seen.total("cache_hits_total") == sum(record["cache"] == "hit" for record in records) == 2
    assert seen.total("saved_usd_total") == pytest.approx(sum(record["saved_usd"] for record in records))
    assert seen.total("attempts_total") == sum(len(record["attempts"]) for record in records)
    assert seen.total("request_duration_seconds_count") == seen.total("overhead_seconds_count") == len(records)
    assert seen.total("request_duration_seconds_sum") == pytest.approx(sum(record["latency_ms"] for record in records) / 1000)
    assert seen.total("time_to_first_token_seconds_count") == sum(record["stream"] for record in records) == 1
    assert seen.total("in_flight_requests") == 0 and seen.total("workers") == 1
    assert seen.value("circuit_state", model="up_model", provider="up") in (0, 1, 2)
    assert seen.total("upstream_connections") >= 1
    seen.check_histograms()


def test_an_outage_shows_as_fallbacks_and_an_open_circuit(tmp_path: Path, upstream: Upstream) -> None:
    text = real(upstream).replace(
        "providers:", f'providers:\n  gone: {{base_url: "http://127.0.0.1:{free_port()}/v1", key_env: null, dialect: openai}}'
    )
    text += "  gone_model: {provider: gone, id: x, price_in: 0, price_out: 0, fallbacks: [up_model]}\n"
    with running(tmp_path, text) as service:
        assert scraped(service).value("circuit_state", model="gone_model", provider="gone") == 0
        assert service.query("hello", model="gone_model").status == 200
        seen, (record,) = scraped(service), service.records()
    code = record["attempts"][0]["error"]
    assert seen.value("fallbacks_total", model="gone_model", provider="gone", code=code) == 1
    assert seen.value("attempts_total", model="gone_model", provider="gone", result=code) == 1
    assert seen.value("attempts_total", model="up_model", provider="up", result="ok") == 1
    assert seen.value("circuit_state", model="gone_model", provider="gone") == 2
    assert seen.value("circuit_state", model="up_model", provider="up") == 0


def test_what_is_refused_is_counted_by_its_code_and_leaves_no_call(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), LLM_ROUTER_API_KEYS=KEY) as service:
        mine = {"x-api-key": KEY}
        assert service.request("/query", {"prompt": "x"}).status == 401
        assert service.request("/no/such/path", headers={"x-api-key": "wrong"}).status == 401
        assert service.request("/query", {"prompt": 1}, headers=mine).status == 400
        assert (
            service.request(
                "/v1/messages",
                {"model": "no-such-model", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]},
                headers=mine,
            ).status
            == 404
        )
        assert service.request("/no/such/path", headers=mine).status == 404
        assert service.request("/v1/chat/completions", headers=mine, method="GET").status == 405
        seen = scraped(service)
        assert service.records() == []
    assert seen.total("requests_total") == 0
    refused = {(labels["route"], labels["code"]): value for labels, value in seen.all("refused_requests_total")}
    assert refused == {
        ("/query", "invalid_api_key"): 1,
        ("other", "invalid_api_key"): 1,
        ("/query", "bad_request"): 1,
        ("/v1/messages", "model_not_found"): 1,
        ("other", "not_found"): 1,
        ("/v1/chat/completions", "method_not_allowed"): 1,
    }


def test_metrics_need_a_caller_key_once_there_is_one(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), LLM_ROUTER_API_KEYS=KEY) as service:
        assert service.request("/metrics").status == 401
        assert KEY not in service.request("/metrics", headers={"x-api-key": KEY}).body.decode()


def test_no_label_holds_what_a_caller_wrote(tmp_path: Path) -> None:
    with running(tmp_path, shipped()) as service:
        service.query("canary-prompt", user="canary-user", session="canary-session", metadata={"canary": "x"}, model="auto")
        service.query("x", model="canary-model")
        service.request("/canary-path")
        service.request("/query", {"prompt": "x"}, headers={"x-request-id": "canary-id", "traceparent": "canary"})
        text = service.request("/metrics").body.decode()
    assert "requests_total" in text and "canary" not in text


def test_a_refused_configuration_shows(tmp_path: Path) -> None:
    with running(tmp_path, shipped()) as service:
        assert (scraped(service).total("config_refused"), scraped(service).total("config_reload_failures_total")) == (0, 0)
        (tmp_path / "config.yaml").write_text("mode: no-such-mode\n")
        eventually(lambda: scraped(service).total("config_refused") == 1)
        assert scraped(service).total("config_reload_failures_total") == 1
        (tmp_path / "config.yaml").write_text(shipped())
        eventually(lambda: scraped(service).total("config_refused") == 0)
        assert scraped(service).total("config_reload_failures_total") == 1


def test_any_worker_answers_for_all_and_a_killed_one_takes_nothing_back(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), workers=2) as service:
        eventually(lambda: _stands(service, workers=2, calls=0), 30)
        with ThreadPoolExecutor(8) as pool:
            assert {answer.status for answer in pool.map(lambda n: service.query(f"question {n}"), range(80))} == {200}
        assert all(_stands(service, workers=2, calls=80) for _ in range(6))  # at once, whoever answers
        before = scraped(service)
        before.check_histograms()
        victim = max(worker_pids(service.process.pid))
        os.kill(victim, signal.SIGKILL)
        _watched(service, before, lambda: victim not in worker_pids(service.process.pid))
        _watched(service, before, lambda: _stands(service, workers=2, calls=80))
        assert all(_stands(service, workers=2, calls=80) for _ in range(6))
        assert len(service.records()) == 80
        for number in range(10):
            assert service.query(f"afterwards {number}").status == 200
        assert all(_stands(service, workers=2, calls=90) for _ in range(6))
        run = folder_of(tmp_path) / run_of(service.process.pid)
        assert len(list(run.glob("*.counts"))) == 2
        assert service.stop() == 0
        assert not run.exists()
    with running(tmp_path, shipped(), workers=2) as service:  # a new life counts from 0
        assert scraped(service).total("requests_total") == 0


def test_every_answer_is_counted_though_one_worker_is_killed_amid_calls_and_one_told_to_end(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), workers=2) as service, ThreadPoolExecutor(8) as pool:
        eventually(lambda: _stands(service, workers=2, calls=0), 30)
        seen, answered = scraped(service), 0
        for ending, victim in zip((signal.SIGKILL, signal.SIGTERM), worker_pids(service.process.pid), strict=True):
            seen, more = _ended_amid_calls(service, pool, seen, ending, victim)
            answered += more
        seen = _watched(service, seen, lambda: _one_scrape(service))
        assert answered <= seen.total("requests_total") <= len(service.records())


def _ended_amid_calls(
    service: Service, pool: ThreadPoolExecutor, before: Metrics, ending: signal.Signals, victim: int
) -> tuple[Metrics, int]:
    """The last scrape after the worker was replaced, and how many calls were answered."""
    asked = [pool.submit(_answered, service, number) for number in range(60)]
    eventually(lambda: sum(one.done() for one in asked) > 15, 30)
    seen = _one_scrape(service) or before
    os.kill(victim, ending)
    seen = _watched(service, seen, lambda: victim not in worker_pids(service.process.pid))
    seen = _watched(service, seen, lambda: len(worker_pids(service.process.pid)) == 2)
    return seen, sum(one.result() for one in asked)


def _answered(service: Service, number: int) -> bool:
    try:
        return service.query(f"question {number}").status == 200
    except (OSError, HTTPException):  # the worker that took it was killed
        return False


def _watched(service: Service, before: Metrics, check: Callable[[], Any]) -> Metrics:
    """The last of scrapes until `check` holds, of which none was lower than the one before."""
    seen = before

    def holds() -> bool:
        nonlocal seen
        after = _one_scrape(service)
        if after is not None:
            lower = {key: value for key, value in seen.counters().items() if after.counters().get(key, -1) < value}
            assert lower == {}
            seen = after
        return bool(check())

    eventually(holds, 30)
    return seen


def _stands(service: Service, workers: int, calls: int) -> bool:
    """Whether whoever answers sees so many workers and calls."""
    seen = _one_scrape(service)
    return seen is not None and (seen.total("workers"), seen.total("requests_total")) == (workers, calls)


def _one_scrape(service: Service) -> Metrics | None:
    try:
        return scraped(service)
    except (OSError, HTTPException):  # the connection was the dead worker's
        return None


def test_a_folder_that_has_no_room_costs_no_call(tmp_path: Path) -> None:
    with ExitStack() as until_the_end:
        with _files_no_longer_than(CHUNK - 1):
            service = until_the_end.enter_context(running(tmp_path, shipped(), workers=2))
        assert service.query("hello").status == 200
        assert scraped(service).total("workers") == 1  # each answers for itself
        assert "metrics: the counts of several workers cannot be put together now" in service.log()


@contextmanager
def _files_no_longer_than(size: int) -> Iterator[None]:
    """For the processes that are started meanwhile."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_calls_under_way_show(tmp_path: Path) -> None:
    held: list[bool] = []

    def slow(_heard: object) -> Iterator[bytes]:
        while not held:
            yield from ()
            eventually(lambda: bool(held), 20)
        yield http(completion())

    upstream = Upstream(slow)
    try:
        with running(tmp_path, real(upstream)) as service, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(service.query, "wait")
            eventually(lambda: scraped(service).total("in_flight_requests") == 1)
            eventually(lambda: scraped(service).value("upstream_connections", state="busy") == 1)
            held.append(True)
            assert answer.result(20).status == 200
            eventually(lambda: scraped(service).total("in_flight_requests") == 0)
    finally:
        held.append(True)  # a provider that is held to its end would tell of itself, not of what went wrong here
        upstream.close()
