"""The exact sums behind one row of `daily.json`, and the row they give. Integers only: the order of the lines must not matter.

Money is summed in nano-dollars, time in microseconds, scores in millionths, and each figure is rounded once, when it is shown.
"""

from msgspec import Struct

from .lines import CallLine, LateScore

_NANO = 1_000_000_000
_MICRO = 1_000_000


class Row(Struct, forbid_unknown_fields=True):
    """One model's day as `daily.json` shows it; the order of fields is the file's.

    US dollars, milliseconds, scores 0..1. `cost_usd` is null when no call's price was known, the means when there is nothing to
    average. Every call line counts, whatever its purpose; a call that was answered at the price of 0 (mock, cache hit) is priced.
    """

    calls: int
    failures: int
    abandoned: int
    tokens_in: int
    tokens_out: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: float | None
    saved_usd: float
    latency_ms_mean: float
    cache_hits: int
    cache_misses: int
    cache_off: int
    score_mean: float | None
    scored: int


class Sums(Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """Exact sums over one model's day. `priced` counts the calls whose cost is known."""

    calls: int = 0
    failures: int = 0
    abandoned: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    priced: int = 0
    cost_nano: int = 0
    saved_nano: int = 0
    latency_us: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_off: int = 0
    score_millionths: int = 0
    scored: int = 0

    def add_call(self, line: CallLine) -> None:
        """Book one call."""
        self.calls += 1
        if line.outcome == "failed":
            self.failures += 1
        elif line.outcome == "abandoned":
            self.abandoned += 1
        self.tokens_in += line.tokens_in
        self.tokens_out += line.tokens_out
        self.cached_tokens += line.cached_tokens
        self.reasoning_tokens += line.reasoning_tokens
        if line.cost_nano_usd is not None:
            self.priced += 1
            self.cost_nano += line.cost_nano_usd
        if line.saved_usd:
            self.saved_nano += round(line.saved_usd * _NANO)
        self.latency_us += round(line.latency_ms * 1000)
        self._add_cache(line.cache)
        if line.score is not None:
            self.scored += 1
            self.score_millionths += round(line.score * _MICRO)

    def _add_cache(self, state: str) -> None:
        if state == "miss":
            self.cache_misses += 1
        elif state == "hit":
            self.cache_hits += 1
        else:
            self.cache_off += 1

    def add_score(self, line: LateScore) -> None:
        """Book a score that came after its call, in the place of the one it replaces."""
        self.score_millionths += round(line.score * _MICRO)
        if line.replaces is None:
            self.scored += 1
        else:
            self.score_millionths -= round(line.replaces * _MICRO)

    def row(self) -> Row:
        """The figures of a day that has at least one call."""
        return Row(
            calls=self.calls,
            failures=self.failures,
            abandoned=self.abandoned,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self.reasoning_tokens,
            cost_usd=self.cost_nano / _NANO if self.priced else None,
            saved_usd=self.saved_nano / _NANO,
            latency_ms_mean=mean(self.latency_us, self.calls) / 1000,
            cache_hits=self.cache_hits,
            cache_misses=self.cache_misses,
            cache_off=self.cache_off,
            score_mean=mean(self.score_millionths, self.scored) / _MICRO if self.scored else None,
            scored=self.scored,
        )

    @classmethod
    def of_row(cls, row: Row) -> "Sums":
        """Sums that give this row again: exact but for the means, whose lost digits nobody can bring back."""
        return cls(
            calls=row.calls,
            failures=row.failures,
            abandoned=row.abandoned,
            tokens_in=row.tokens_in,
            tokens_out=row.tokens_out,
            cached_tokens=row.cached_tokens,
            reasoning_tokens=row.reasoning_tokens,
            priced=0 if row.cost_usd is None else row.calls,
            cost_nano=round((row.cost_usd or 0.0) * _NANO),
            saved_nano=round(row.saved_usd * _NANO),
            latency_us=round(row.latency_ms_mean * 1000) * row.calls,
            cache_hits=row.cache_hits,
            cache_misses=row.cache_misses,
            cache_off=row.cache_off,
            score_millionths=round((row.score_mean or 0.0) * _MICRO) * row.scored,
            scored=row.scored,
        )


def mean(total: int, count: int) -> int:
    """The mean, half up, without a float in between."""
    return (2 * total + count) // (2 * count)
