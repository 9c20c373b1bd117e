"""Records become counts, exactly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.domain.record import Attempt, Record
from app.metrics.calls import CallCounts
from app.metrics.names import ALL, DURATION, REQUESTS, ROUTE_OF
from app.metrics.tally import MOST_SERIES, State, Tally
from app.metrics.text import rendered
from metrics_text import Metrics


def attempt(model: str = "gpt", error: str | None = None, model_id: str = "gpt-4o", provider: str = "openai") -> Attempt:
    return Attempt(model, provider, model_id, 200 if error is None else 500, error, 12.5)


def record(**changes: Any) -> Record:
    facts: dict[str, Any] = {
        "id": "1", "at": "2026-11-25T10:00:00.000Z", "face": "query", "asked": "auto", "decided": "gpt", "served": "gpt",
        "provider": "openai", "model_id": "gpt-4o", "status": 200, "outcome": "answered", "tokens_in": 15, "tokens_out": 78,
        "cached_tokens": 4, "reasoning_tokens": 9, "cost_nano_usd": 123_456, "latency_ms": 1704.985, "first_token_ms": 300.25,
        "overhead_ms": 0.752, "cache": "miss", "attempts": (attempt(),),
    }  # fmt: skip
    return Record(**{**facts, **changes})


def counted(*records: Record) -> Metrics:
    tally = Tally()
    counts = CallCounts(tally)
    for one in records:
        counts.count(one)
    return Metrics(rendered(tally.state()).decode())


def test_a_call_is_counted_under_its_row_provider_route_and_status() -> None:
    seen = counted(record(), record(face="chat"), record(face="chat"))
    labels = {"model": "gpt", "provider": "openai", "status": "200"}
    assert seen.value("requests_total", route="/query", **labels) == 1
    assert seen.value("requests_total", route="/v1/chat/completions", **labels) == 2


def test_tokens_cost_and_times_are_sums_of_what_the_records_say() -> None:
    seen = counted(record(), record(cost_nano_usd=1))
    here = {"model": "gpt", "provider": "openai"}
    assert {kind: seen.value("tokens_total", type=kind, **here) for kind in ("input", "output", "cached", "reasoning")} == {
        "input": 30,
        "output": 156,
        "cached": 8,
        "reasoning": 18,
    }
    assert seen.value("cost_usd_total", **here) == 123_457 / 1e9
    assert seen.value("request_duration_seconds_sum", **here) == 3.40997
    assert seen.value("overhead_seconds_sum", route="/query") == 0.001504


@pytest.mark.parametrize(
    ("latency", "bucket"), [(5.0, "0.005"), (5.001, "0.01"), (0.0, "0.005"), (600_000, "600.0"), (600_001, "+Inf")]
)
def test_a_time_falls_into_the_first_bucket_that_is_not_below_it(latency: float, bucket: str) -> None:
    seen = counted(record(latency_ms=latency))
    filled = [labels["le"] for labels, value in seen.all("request_duration_seconds_bucket") if value == 1]
    assert filled[0] == bucket


def test_the_time_to_the_first_token_is_that_of_streams_from_providers() -> None:
    streamed = record(stream=True)
    seen = counted(streamed, record(), record(stream=True, cache="hit", attempts=()))
    assert seen.total("time_to_first_token_seconds_count") == 1
    assert seen.total("time_to_first_token_seconds_sum") == 0.30025


def test_a_hit_counts_what_it_saved_and_no_attempt() -> None:
    seen = counted(record(cache="hit", saved_usd=0.000123456, cost_nano_usd=0, attempts=()), record(cache="off"))
    assert (seen.total("cache_hits_total"), seen.total("cache_misses_total")) == (1, 0)
    assert seen.total("saved_usd_total") == 0.000123456
    assert seen.total("attempts_total") == 1


def test_a_failed_try_is_a_retry_at_the_same_deployment_and_a_fallback_elsewhere() -> None:
    tries = (attempt(error="rate_limited"), attempt(error="provider_error"), attempt("claude", None, "claude-4", "anthropic"))
    seen = counted(record(served="claude", provider="anthropic", attempts=tries))
    assert seen.value("retries_total", model="gpt", provider="openai", code="rate_limited") == 1
    assert seen.value("fallbacks_total", model="gpt", provider="openai", code="provider_error") == 1
    results = {labels["result"]: value for labels, value in seen.all("attempts_total") if value}
    assert results == {"rate_limited": 1, "provider_error": 1, "ok": 1}


def test_a_try_that_came_back_whole_was_not_left_for_the_next() -> None:
    """Of two tries at once the later entry did not follow from the first."""
    given_up = attempt("claude", "cancelled", "claude-4", "anthropic")
    seen = counted(record(attempts=(attempt(), given_up)), record(attempts=(given_up, attempt())))
    assert (seen.total("retries_total"), seen.total("fallbacks_total")) == (0, 0)


def test_a_failed_call_is_counted_under_the_row_decided_for_and_whom_it_tried_first() -> None:
    seen = counted(
        record(
            served=None, provider=None, outcome="failed", status=502, error="bad_upstream_body", attempts=(attempt(error="x"),)
        )
    )
    where = {"model": "gpt", "provider": "openai", "route": "/query"}
    assert seen.value("failed_requests_total", code="bad_upstream_body", **where) == 1
    assert seen.value("requests_total", status="502", **where) == 1


def test_a_call_that_reached_nobody_is_counted_all_the_same() -> None:
    seen = counted(record(served=None, provider=None, decided=None, outcome="abandoned", status=499, attempts=()))
    assert seen.value("requests_total", model="none", provider="none", route="/query", status="499") == 1


RECORDS = st.builds(
    record,
    face=st.sampled_from([*ROUTE_OF, "unheard-of"]),
    served=st.sampled_from(["gpt", "claude", 'odd"\\name\n', None]),
    provider=st.sampled_from(["openai", "anthropic", None]),
    status=st.sampled_from([200, 499, 502]),
    outcome=st.sampled_from(["answered", "failed", "abandoned"]),
    error=st.sampled_from([None, "provider_error"]),
    stream=st.booleans(),
    cache=st.sampled_from(["hit", "miss", "off"]),
    cost_nano_usd=st.none() | st.integers(0, 10**15),
    latency_ms=st.floats(0, 1e7),
    overhead_ms=st.floats(0, 1e5),
    first_token_ms=st.none() | st.floats(0, 1e6),
    attempts=st.lists(st.builds(attempt, error=st.sampled_from([None, "rate_limited"])), max_size=3).map(tuple),
)


@given(st.lists(RECORDS, max_size=30))
def test_every_record_is_in_every_total_and_histograms_agree_with_their_counts(records: list[Record]) -> None:
    seen = counted(*records)
    assert seen.total("requests_total") == len(records)
    assert seen.total("request_duration_seconds_count") == seen.total("overhead_seconds_count") == len(records)
    assert seen.total("failed_requests_total") == sum(one.outcome == "failed" for one in records)
    assert seen.total("attempts_total") == sum(len(one.attempts) for one in records)
    assert seen.total("cost_usd_total") == pytest.approx(sum(one.cost_nano_usd or 0 for one in records) / 1e9)
    seen.check_histograms()


def test_all_metrics_are_named_typed_and_explained_from_the_start() -> None:
    families = {family.name: family for family in text_string_to_metric_families(rendered(State({})).decode())}
    assert {metric.name.removesuffix("_total") for metric in ALL} == set(families)
    assert all(families[metric.name.removesuffix("_total")].type == metric.kind for metric in ALL)
    assert all(families[metric.name.removesuffix("_total")].documentation for metric in ALL)


def test_a_metric_without_labels_is_there_before_anything_happened() -> None:
    seen = Metrics(rendered(Tally().state()).decode())
    assert [
        metric.name for metric in ALL if not metric.labels and metric.kind != "histogram" and seen.total(metric.name) != 0
    ] == []
    assert seen.total("event_loop_lag_seconds_count") == 0


def test_series_beyond_the_bound_become_one() -> None:
    tally = Tally()
    for number in range(MOST_SERIES + 10):
        tally.add(REQUESTS, f"m{number}", "p", "/query", "200")
    seen = Metrics(rendered(tally.state()).decode())
    assert seen.total("requests_total") == MOST_SERIES + 10
    assert seen.value("requests_total", model="other", provider="other", route="other", status="other") == 10


def test_labels_that_a_metric_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="requests_total has the labels"):
        Tally().add(REQUESTS, "gpt")


def test_bounds_rise() -> None:
    assert all(list(metric.bounds) == sorted(set(metric.bounds)) for metric in ALL)
    assert (DURATION.bounds[0] / DURATION.scale, DURATION.bounds[-1] / DURATION.scale) == (0.005, 600.0)
