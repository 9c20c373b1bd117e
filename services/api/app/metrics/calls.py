"""The sink that turns records into counts. Everything it needs stands in the record; it knows no stage and no clock.

It runs once per call before the last byte leaves, so the cells of one kind of call are looked up once and kept together.
"""

from bisect import bisect_left

from ..domain.record import Attempt, Record
from .names import (
    ATTEMPTS,
    COST,
    DURATION,
    FAILED,
    FALLBACKS,
    FIRST_TOKEN,
    HITS,
    MISSES,
    OTHER,
    OVERHEAD,
    REQUESTS,
    RETRIES,
    ROUTE_OF,
    SAVED,
    TOKENS,
)
from .tally import Tally

_TIMES = DURATION.bounds
_SHORT_TIMES = OVERHEAD.bounds
_NANO = 1e9
_GIVEN_UP = "cancelled"  # of a try that was ended before its provider did: nobody fell back from it
UNKNOWN = "none"
"""The provider, or model, of a call that ended before there was one."""


class _Kind:
    """The cells of all calls that share route, model, provider and status."""

    __slots__ = (
        "answered",
        "cached",
        "cost",
        "duration",
        "first",
        "hits",
        "inward",
        "misses",
        "outward",
        "overhead",
        "reasoning",
        "requests",
        "saved",
    )

    def __init__(self, tally: Tally, route: str, model: str, provider: str, status: str) -> None:
        self.requests = tally.cells(REQUESTS, model, provider, route, status)
        self.duration = tally.cells(DURATION, model, provider)
        self.first = tally.cells(FIRST_TOKEN, model, provider)
        self.overhead = tally.cells(OVERHEAD, route)
        self.inward = tally.cells(TOKENS, model, provider, "input")
        self.outward = tally.cells(TOKENS, model, provider, "output")
        self.cached = tally.cells(TOKENS, model, provider, "cached")
        self.reasoning = tally.cells(TOKENS, model, provider, "reasoning")
        self.cost = tally.cells(COST, model, provider)
        self.saved = tally.cells(SAVED, model, provider)
        self.hits = tally.cells(HITS, model, provider)
        self.misses = tally.cells(MISSES, model, provider)
        self.answered = tally.cells(ATTEMPTS, model, provider, "ok")


class CallCounts:
    """`count` is the sink; `forget` belongs to a move of the tally."""

    __slots__ = ("_kinds", "_tally")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._kinds: dict[tuple[str, str | None, str | None, int], _Kind] = {}

    def count(self, record: Record) -> None:
        """Count one call as it ended."""
        kind = self._kinds.get((record.face, record.served, record.provider, record.status)) or self._kind(record)
        kind.requests[0] += 1
        time = int(record.latency_ms * 1000 + 0.5)
        kind.duration[bisect_left(_TIMES, time)] += 1
        kind.duration[-1] += time
        time = int(record.overhead_ms * 1000 + 0.5)
        kind.overhead[bisect_left(_SHORT_TIMES, time)] += 1
        kind.overhead[-1] += time
        kind.inward[0] += record.tokens_in
        kind.outward[0] += record.tokens_out
        kind.cached[0] += record.cached_tokens
        kind.reasoning[0] += record.reasoning_tokens
        if record.cost_nano_usd:
            kind.cost[0] += record.cost_nano_usd
        cache = record.cache
        if cache == "hit":
            kind.hits[0] += 1
            kind.saved[0] += int(record.saved_usd * _NANO + 0.5)
        elif cache == "miss":
            kind.misses[0] += 1
        if record.stream and record.first_token_ms is not None and cache != "hit":
            time = int(record.first_token_ms * 1000 + 0.5)
            kind.first[bisect_left(_TIMES, time)] += 1
            kind.first[-1] += time
        attempts = record.attempts
        if len(attempts) == 1 and attempts[0].error is None:
            kind.answered[0] += 1
        elif attempts:
            self._count_attempts(attempts)
        if record.outcome == "failed":
            self._count_failure(record)

    def forget(self) -> None:
        """Look all cells up anew."""
        self._kinds.clear()

    def _kind(self, record: Record) -> _Kind:
        model, provider = _labels(record)
        kind = _Kind(self._tally, ROUTE_OF.get(record.face, OTHER), model, provider, str(record.status))
        # without a row that served, the labels hang on more of the record than the key holds
        if record.served is not None:
            self._kinds[record.face, record.served, record.provider, record.status] = kind
        return kind

    def _count_failure(self, record: Record) -> None:
        model, provider = _labels(record)
        self._tally.add(FAILED, model, provider, ROUTE_OF.get(record.face, OTHER), record.error or UNKNOWN)

    def _count_attempts(self, attempts: tuple[Attempt, ...]) -> None:
        add = self._tally.add
        for attempt, after in zip(attempts, (*attempts[1:], None), strict=True):
            add(ATTEMPTS, attempt.model, attempt.provider, attempt.error or "ok")
            if after is None or attempt.error in (None, _GIVEN_UP):
                continue
            same = (after.model, after.provider, after.model_id) == (attempt.model, attempt.provider, attempt.model_id)
            add(RETRIES if same else FALLBACKS, attempt.model, attempt.provider, attempt.error)


def _labels(record: Record) -> tuple[str, str]:
    """The row that served, else the one decided for, and its provider, for calls that nobody answered the first one tried."""
    first = record.attempts[0].provider if record.attempts else UNKNOWN
    return record.served or record.decided or UNKNOWN, record.provider or first
