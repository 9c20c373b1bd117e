"""Live figures of the models, learnt from real answers: time to first token and speed. Is told the time, never asks for it.

Means decay by half every `HALF_LIFE` seconds and are forgotten when less than `FORGOTTEN` of one observation is left; then the
catalogue's figure counts again.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable
from typing import Final

from ..domain.decision import EMPTY_STANDING, LiveModel, Standing

HALF_LIFE = 120.0
FORGOTTEN = 1 / 64
SHORTEST = 16
"""Answers of fewer tokens say nothing about speed: their time is nearly all waiting."""
KEPT = 256
"""First tokens of a row that are remembered one by one."""
MEMORY = 600.0
"""Seconds after which one of those is forgotten."""
INTERVAL = 1.0
"""Seconds that a standing is kept at least, so that the journal holds at most one per second."""


class _Mean:
    """A ratio of two sums that decay with time; at weight 1 per observation a mean, else a weighted one."""

    __slots__ = ("_above", "_at", "_below", "_weight")

    def __init__(self) -> None:
        self._above = self._below = self._weight = self._at = 0.0

    def add(self, above: float, below: float, now: float) -> None:
        kept = self._kept(now)
        self._above = self._above * kept + above
        self._below = self._below * kept + below
        self._weight = self._weight * kept + 1
        self._at = max(now, self._at)

    def value(self, now: float) -> float | None:
        if self._weight * self._kept(now) < FORGOTTEN or self._below <= 0:
            return None
        return self._above / self._below

    def _kept(self, now: float) -> float:
        return float(0.5 ** (max(now - self._at, 0.0) / HALF_LIFE))


class _Row:
    __slots__ = ("first", "firsts", "late", "speed")

    def __init__(self) -> None:
        self.firsts: deque[tuple[float, float]] = deque(maxlen=KEPT)  # when, ms
        self.late: tuple[float, float | None] = (float("-inf"), None)  # reckoned when, ms
        self.first = _Mean()
        self.speed = _Mean()


_NOTHING: Final = _Row()


class Live:
    """The figures of one worker. `now` is monotonic seconds everywhere."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._standing = EMPTY_STANDING
        self._taken: float | None = None

    def observe(self, name: str, *, first_token_ms: float | None, tokens: int, ms: float, now: float) -> None:
        """Learn from a real answer of row `name`: `tokens` of output after `ms` in all.

        `first_token_ms` is None for a whole answer; then the known time to first token, if any, is taken off to get its speed.
        """
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = _Row()
        if first_token_ms is not None:
            row.first.add(first_token_ms, 1.0, now)
            row.firsts.append((now, first_token_ms))
        waited = first_token_ms if first_token_ms is not None else row.first.value(now)
        spent = ms - waited if waited is not None and waited < ms else ms
        if tokens >= SHORTEST and spent > 0:
            row.speed.add(tokens * 1000.0, spent, now)

    def heard_late(self, name: str, ms: float, now: float) -> None:
        """A first token of row `name` was given up after `ms`: it is late by at least that."""
        if name in self._rows:
            self._rows[name].firsts.append((now, ms))

    def late_after(self, name: str, samples: int, now: float) -> float | None:
        """The 95th percentile (ms) of the row's first tokens of the last `MEMORY` seconds; None while fewer than `samples` are known.

        At most `KEPT` are remembered, and asked for; the figure is reckoned at most once a second.
        """
        row = self._rows.get(name)
        if row is None or len(row.firsts) < min(samples, KEPT):
            return None
        at, late = row.late
        if now - at >= INTERVAL:
            known = sorted([ms for when, ms in row.firsts if now - when <= MEMORY])
            late = known[math.ceil(0.95 * len(known)) - 1] if len(known) >= min(samples, KEPT) else None
            row.late = (now, late)
        return late

    def snapshot(self, now: float, opened: Callable[[], frozenset[str]] = frozenset) -> Standing:
        """The figures as they stand; the same value for at least `INTERVAL` seconds. Equal figures have equal ids.

        `opened` names the rows whose breakers are open; it is asked only when the figures are taken anew.
        """
        if self._taken is not None and now - self._taken < INTERVAL:
            return self._standing
        self._taken = now
        failing = opened()
        names = sorted(failing.union(self._rows))
        found = {name: _figures(self._rows.get(name, _NOTHING), now, name in failing) for name in names}
        models = {name: live for name, live in found.items() if live is not None}
        if models != self._standing.models:
            self._standing = Standing(standing_id(models), models) if models else EMPTY_STANDING
        return self._standing


def standing_id(models: dict[str, LiveModel]) -> str:
    """The id of these figures: a hash of their content, so that workers and restarts never give one id to two contents."""
    rows = [(name, live.first_token_ms, live.tokens_per_second, live.open) for name, live in sorted(models.items())]
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _figures(row: _Row, now: float, failing: bool) -> LiveModel | None:
    """Rounded to what matters, so that a figure that hardly moved is the same figure."""
    first, speed = row.first.value(now), row.speed.value(now)
    if first is None and speed is None and not failing:
        return None
    return LiveModel(None if first is None else round(first, 1), None if speed is None else round(speed, 2), failing)
