"""What a worker may spend on tries beyond each request's first: token buckets. They are told the time, never ask for it."""

from ..config.snapshot import Retries

DEBT_SECONDS = 10.0
"""So many seconds' worth is owed at most for tries on credit."""
HEDGES = 10.0
"""Rivals at once that a quiet time may save up for."""


class RetryBudget:
    """Tries beyond the first are paid for here, so that a dead provider is not hammered by everybody's retries."""

    __slots__ = ("_at", "_tokens", "refused")

    def __init__(self) -> None:
        self._tokens = 0.0
        self._at = float("-inf")  # the bucket begins full
        self.refused = 0

    def earn(self, rules: Retries) -> None:
        """A request began."""
        if self._tokens < rules.per_second:
            self._tokens += rules.share

    def spend(self, rules: Retries, now: float, *, sure: bool) -> bool:
        """Pay for one more try. One that will `sure`ly do no harm (the deployment is well) is paid for on credit, never refused.

        At most one second's worth is kept, so that a long calm does not pay for a storm.
        """
        depth = max(rules.per_second, 1.0)
        since = min(max(now - self._at, 0.0), 2 * DEBT_SECONDS)
        self._tokens = min(depth, self._tokens + since * rules.per_second)
        self._at = now
        if self._tokens < 1 and not sure:
            self.refused += 1
            return False
        self._tokens = max(self._tokens - 1, -DEBT_SECONDS * depth)
        return True


class HedgeBudget:
    """Rivals beside late calls: at most a share of the calls gets one, since in a slow hour every call is late."""

    __slots__ = ("_tokens",)

    def __init__(self) -> None:
        self._tokens = 0.0

    def earn(self, share: float) -> None:
        """A call began that may get a rival."""
        self._tokens = min(HEDGES, self._tokens + share)

    @property
    def able(self) -> bool:
        """Whether there is enough for one."""
        return self._tokens >= 1

    def spend(self) -> None:
        """Pay for one."""
        self._tokens -= 1
