"""What a failure means for the tries after it. Pure rules: no clock, no state, nobody is called."""

from ..domain.target import Target
from ..errors import (
    DeadlineExceeded,
    NotConnected,
    ProviderAuth,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRefused,
    ProviderUnreachable,
    RouterError,
    UnexpectedRedirect,
)
from .health import Blame

LONGEST_WAIT = 30.0
"""Seconds that a request waits at most before it asks the same deployment again; who asks for more is told to the caller."""
_FIRST_WAIT = 0.25
_LONGEST_BACKOFF = 4.0
_REPEATABLE = frozenset({408, 409, 425, 429})
_USUAL_TIMES = 3.0
_SURELY_LATE = 1.0
_PROBE_LEAST = 2.0

# failures that the host's other models, or the key's, will most likely share
_HOST_WIDE = (ProviderUnreachable, ProviderOverloaded, DeadlineExceeded)
_KEY_WIDE = (ProviderAuth, ProviderQuota)
_HOPELESS = (ProviderAuth, ProviderQuota, ProviderRefused, UnexpectedRedirect)


def may_repeat(error: RouterError, status: int | None) -> bool:
    """Whether the same deployment may be asked again: the provider did no work, or says itself that it is safe."""
    if not error.falls_back or isinstance(error, _HOPELESS):
        return False
    if error.repeatable is not None:
        return error.repeatable
    if isinstance(error, (NotConnected, ProviderRateLimited, ProviderOverloaded)):
        return True
    return status is not None and (status in _REPEATABLE or status >= 500)


def shared(error: RouterError, failed: Target, other: Target) -> bool:
    """Whether `other` would most likely fail in the same way."""
    if other.provider != failed.provider:
        return False
    if isinstance(error, _KEY_WIDE):
        return other.key_env == failed.key_env
    return isinstance(error, _HOST_WIDE)


def blame(error: RouterError, status: int | None, *, cut_short: bool, late: bool) -> Blame:
    """What a failure says about its deployment.

    `cut_short`: the request's own budget was spent, so that a timeout may be the caller's impatience; it counts when it was
    `late` by the deployment's own measure. What the request itself caused counts never.
    """
    if not error.falls_back:
        return "none"
    if isinstance(error, ProviderQuota):
        return "key"
    if isinstance(error, ProviderAuth):
        # 403 is about one model as often as about the key
        return "open" if status == 403 else "key"
    if isinstance(error, ProviderRateLimited) or (isinstance(error, ProviderOverloaded) and error.retry_after is not None):
        return "cool"
    if isinstance(error, NotConnected) or (isinstance(error, DeadlineExceeded) and status in (None, 200)):
        if cut_short:
            return "count" if late else "none"
        return "open"
    return "count"


def is_late(seconds: float, target: Target) -> bool:
    """Whether a wait without a word was long for this model, whatever its caller's patience."""
    return seconds >= max(_SURELY_LATE, _USUAL_TIMES * target.avg_latency_ms / 1000)


def probe_patience(target: Target, times: int) -> float:
    """Seconds that a probe may take to its first word while others could answer: it should not cost its caller a whole timeout.

    `times` is how often the breaker opened: each probe gets twice as long, so that one that is merely slow comes back too.
    """
    return max(_PROBE_LEAST, _USUAL_TIMES * target.avg_latency_ms / 1000) * 2.0 ** min(max(times - 1, 0), 16)


def backoff(tries: int, draw: float) -> float:
    """Seconds before the next of `tries` so far: full jitter under a bound that doubles."""
    return draw * min(_LONGEST_BACKOFF, _FIRST_WAIT * 2.0**tries)
