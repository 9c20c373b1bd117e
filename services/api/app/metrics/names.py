"""Every metric of `/metrics`: its name, labels, meaning and buckets. No counting, and no label that a caller could fill at will.

Labels hold catalogue names, providers of the configuration, routes, statuses and codes of ours; never a user, a key or a prompt.
"""

from typing import Final, Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]
PREFIX: Final = "llm_router_"
MICRO: Final = 1_000_000
NANO: Final = 1_000_000_000
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
# our own share of a call and the loop's lag are mostly below the 5 ms at which a provider's time begins
_SHORT_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metric(Struct, frozen=True, kw_only=True):
    """One metric. Its cells are whole numbers of 1/`scale` of what is shown, so that sums over calls and workers are exact.

    A counter and a gauge have one cell; a histogram has one per bound (upper, inclusive, in cells' unit), one for what is above
    all of them, and last the sum. `merged`: how the gauges of several workers become one.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    help: str
    scale: int = 1
    bounds: tuple[int, ...] = ()
    merged: Literal["sum", "max"] = "sum"

    @property
    def cells(self) -> int:
        """How many cells a series of this metric has."""
        return len(self.bounds) + 2 if self.kind == "histogram" else 1


_TARGET = ("model", "provider")


def _counter(name: str, labels: tuple[str, ...], text: str, scale: int = 1) -> Metric:
    return Metric(name=PREFIX + name, kind="counter", labels=labels, help=text, scale=scale)


def _gauge(name: str, labels: tuple[str, ...], text: str, merged: Literal["sum", "max"] = "sum") -> Metric:
    return Metric(name=PREFIX + name, kind="gauge", labels=labels, help=text, merged=merged)


def _seconds(name: str, labels: tuple[str, ...], text: str, bounds: tuple[float, ...] = _SECONDS) -> Metric:
    in_cells = tuple(round(bound * MICRO) for bound in bounds)
    return Metric(name=PREFIX + name, kind="histogram", labels=labels, help=text, scale=MICRO, bounds=in_cells)


REQUESTS = _counter("requests_total", (*_TARGET, "route", "status"), "Calls taken and ended: one for each line in the journal")
FAILED = _counter("failed_requests_total", (*_TARGET, "route", "code"), "Of these, calls that failed, by error code")
REFUSED = _counter("refused_requests_total", ("route", "code"), "Requests turned away before they became a call, by error code")
DURATION = _seconds("request_duration_seconds", _TARGET, "Time from the head of a call to its end, cache hits included")
FIRST_TOKEN = _seconds("time_to_first_token_seconds", _TARGET, "Time to the first token of streams that a provider answered")
OVERHEAD = _seconds("overhead_seconds", ("route",), "The router's own share of a call's time", _SHORT_SECONDS)
TOKENS = _counter("tokens_total", (*_TARGET, "type"), "Tokens used; cached ones are part of input, reasoning ones of output")
COST = _counter("cost_usd_total", _TARGET, "What calls cost, in US dollars; an unknown price counts as nothing", NANO)
SAVED = _counter("saved_usd_total", _TARGET, "What the cache saved, in US dollars", NANO)
HITS = _counter("cache_hits_total", _TARGET, "Calls that the cache answered")
MISSES = _counter("cache_misses_total", _TARGET, "Calls that looked into the cache in vain")
CACHE_ERRORS = _counter(
    "cache_errors_total", ("kind",), "What went wrong in the cache; a miss or an answer not kept, no failed call"
)
ATTEMPTS = _counter("attempts_total", (*_TARGET, "result"), "Tries at a provider: ok, or the error code")
RETRIES = _counter("retries_total", (*_TARGET, "code"), "Failed tries that were followed by another at the same deployment")
FALLBACKS = _counter(
    "fallbacks_total", (*_TARGET, "code"), "Failed tries that were followed by one elsewhere; labels: who was left"
)
BUDGET = _counter("retry_budget_refusals_total", (), "Tries that the retry budget did not allow")
CIRCUIT = _gauge("circuit_state", _TARGET, "0 closed, 1 half-open, 2 open: the worst of the deployments and workers", "max")
IN_FLIGHT = _gauge("in_flight_requests", (), "Calls under way")
QUEUED = _gauge("queued_requests", (), "Calls that wait for a place in the worker or at a provider")
CONNECTIONS = _gauge("upstream_connections", ("state",), "Open connections to providers: busy or idle")
LAG = _seconds("event_loop_lag_seconds", (), "How much later than due a timer ran, four times a second", _SHORT_SECONDS)
LOG_ERRORS = _counter("log_write_errors_total", (), "Writes to the journal that failed; the records wait in memory")
LOG_LOST = _counter("log_lost_records_total", (), "Records given up since too many waited")
LOG_WAITING = _gauge("log_waiting_records", (), "Records that wait in memory for the disk")
RELOADS = _counter("config_reload_failures_total", (), "Changes of the configuration that were refused")
STALE = _gauge("config_refused", (), "1 while the file on disk is not what is in force", "max")
WORKERS = _gauge("workers", (), "Worker processes that are alive")
INFO = _gauge("build_info", ("version",), "Always 1; the version is in the label", "max")

ALL: Final = (
    REQUESTS, FAILED, REFUSED, DURATION, FIRST_TOKEN, OVERHEAD, TOKENS, COST, SAVED, HITS, MISSES, CACHE_ERRORS, ATTEMPTS, RETRIES,
    FALLBACKS, BUDGET, CIRCUIT, IN_FLIGHT, QUEUED, CONNECTIONS, LAG, LOG_ERRORS, LOG_LOST, LOG_WAITING, RELOADS, STALE, WORKERS, INFO,
)  # fmt: skip

ROUTE_OF: Final = {
    "query": "/query",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
}
"""A record's `face` as the label `route`."""
ROUTES: Final = frozenset(
    {*ROUTE_OF.values(), "/route", "/v1/messages/count_tokens", "/v1/models", "/health", "/ready", "/metrics", "/"}
)
OTHER: Final = "other"
"""Stands for every path that is no route, and for label values beyond a metric's bound."""
