"""What a worker may spend on tries beyond each request's first: a token bucket. Is told the time, never asks for it."""

SHARE = 0.2
"""Tokens that each request brings."""
PER_SECOND = 10.0
DEPTH = 10.0
"""Tokens kept at most: one second's worth, so that a long calm does not pay for a storm."""
DEBT = -100.0


class RetryBudget:
    """Tries beyond the first are paid for here, so that a dead provider is not hammered by everybody's retries."""

    __slots__ = ("_at", "_tokens", "refused")

    def __init__(self) -> None:
        self._tokens = DEPTH
        self._at: float | None = None
        self.refused = 0

    def earn(self) -> None:
        """A request began."""
        if self._tokens < DEPTH:
            self._tokens += SHARE

    def spend(self, now: float, *, sure: bool) -> bool:
        """Pay for one more try. One that will `sure`ly do no harm (a healthy deployment) is paid for on credit, never refused."""
        if self._at is not None:
            self._tokens = min(DEPTH, self._tokens + max(now - self._at, 0.0) * PER_SECOND)
        self._at = now
        if self._tokens < 1 and not sure:
            self.refused += 1
            return False
        self._tokens = max(self._tokens - 1, DEBT)
        return True
