"""What an HTTP failure of any provider means, by status and the provider's own code word. No dialect's body may be read here."""

import math
import re
from collections.abc import Mapping

from ...errors import (
    ContentFiltered,
    ContextTooLong,
    DeadlineExceeded,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    RouterError,
    UnexpectedRedirect,
    shown,
)

MAX_RETRY_AFTER = 3600.0
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?", re.ASCII)

CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt", "moderation_blocked"})
QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "enforced_spend_limit_reached",
        "billing_error",
    }
)

# a status that is neither the caller's fault nor shared by other providers; 4xx not listed say that the request is wrong
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: ProviderAuth,
    402: ProviderQuota,
    403: ProviderAuth,
    404: ProviderRefused,
    408: DeadlineExceeded,
    409: ProviderError,
    410: ProviderRefused,
    425: ProviderError,
    429: ProviderRateLimited,
    503: ProviderOverloaded,
    504: DeadlineExceeded,
    529: ProviderOverloaded,
}


def fault_of(status: int, code: str, message: str, *, retry_after: float | None = None, who: str = "the provider") -> RouterError:
    """The error for a non-2xx answer (or an error object in a 200 or a stream, with the status it stands for).

    `code` is the provider's machine-readable word ("" if none); `message` its own text, which is shown only sanitised.
    """
    said = f": {shown(message)}" if message else ""
    if code in CONTEXT_CODES:
        return ContextTooLong(f"the prompt is too long for the model{said}", param="messages")
    if code in FILTER_CODES:
        return ContentFiltered(f"{who} refused this content{said}")
    if code in QUOTA_CODES:
        return ProviderQuota(f"{who} says that its account is out of credit")
    if 300 <= status < 400:
        return UnexpectedRedirect(f"{who} answered with a redirect ({status}), which is never followed")
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = ProviderRejected if 400 <= status < 500 else ProviderError
    if kind is ProviderAuth:
        # its text may quote the key
        return ProviderAuth(f"{who} refuses the configured key ({status})")
    return kind(f"{who} answered {status}{said}", retry_after=retry_after)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` in plain ASCII seconds, clamped to an hour; else None.

    HTTP dates count as absent: a date of the provider's clock against ours is not a duration.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if len(text) <= 20 and _SECONDS.fullmatch(text):
            seconds = float(text) * scale
            if math.isfinite(seconds):
                return min(seconds, MAX_RETRY_AFTER)
    return None
