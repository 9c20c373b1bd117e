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

_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", re.ASCII)
# how providers word an overflow, as of November 2026
_OVERFLOWS = tuple(
    re.compile(wording, re.ASCII | re.IGNORECASE)
    for wording in (
        # OpenAI, vLLM, Together
        r"maximum context length (?:is|of) (?P<limit>[0-9]{1,9}) .{0,60}?(?:resulted in|requested|request has)"
        r" (?:about |at least )?(?P<tokens>[0-9]{1,9}) (?:input )?tokens",
        # Anthropic: the prompt alone, and with what max_tokens reserves
        r"(?P<tokens>[0-9]{1,9}) tokens > (?P<limit>[0-9]{1,9})",
        r"(?P<tokens>[0-9]{1,9}) \+ (?P<more>[0-9]{1,9}) > (?P<limit>[0-9]{1,9})",
        # Gemini, llama.cpp
        r"\(?(?P<tokens>[0-9]{1,9})(?: tokens)?\)? exceeds the (?:maximum number of tokens allowed|available context size)"
        r"[^0-9]{0,4}(?P<limit>[0-9]{1,9})",
        # xAI
        r"maximum prompt length is (?P<limit>[0-9]{1,9}) .{0,40}?contains (?P<tokens>[0-9]{1,9}) tokens",
        # Mistral
        r"contains (?P<tokens>[0-9]{1,9}) tokens\b.{0,80}?(?P<limit>[0-9]{1,9}) maximum context length",
    )
)

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

# the model is not there (any more), whatever the status: Groq says so with 400 (console.groq.com/docs/deprecations)
_GONE_CODES = frozenset({"model_not_found", "model_decommissioned", "model_not_available"})
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
    498: ProviderOverloaded,  # Groq: no capacity in the flex tier
    499: ProviderError,  # Gemini: cancelled, though not by us
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
        tokens, limit = numbers_of(message)
        return ContextTooLong(f"the prompt is too long for the model{said}", param="messages", tokens=tokens, limit=limit)
    if code in FILTER_CODES:
        return ContentFiltered(f"{who} refused this content{said}")
    if code in QUOTA_CODES:
        return ProviderQuota(f"{who} says that its account is out of credit")
    if 300 <= status < 400:
        return UnexpectedRedirect(f"{who} answered with a redirect ({status}), which is never followed")
    kind = ProviderRefused if code in _GONE_CODES and 400 <= status < 500 else _BY_STATUS.get(status)
    if kind is None:
        kind = ProviderRejected if 400 <= status < 500 else ProviderError
    if kind is ProviderAuth:
        # its text may quote the key
        return ProviderAuth(f"{who} refuses the configured key ({status})")
    return kind(f"{who} answered {status}{said}", retry_after=retry_after)


def numbers_of(message: str) -> tuple[int | None, int | None]:
    """(tokens of the prompt, limit) as a provider's overflow message names them.

    (None, None) for wordings we do not know, and for numbers that tell of no overflow: clients would reckon with them.
    """
    plain = _THOUSANDS.sub("", message)
    for wording in _OVERFLOWS:
        found = wording.search(plain)
        if found is not None:
            counts = found.groupdict(default="0")
            tokens, limit = int(counts["tokens"]) + int(counts.get("more", 0)), int(counts["limit"])
            return (tokens, limit) if tokens > limit else (None, None)
    return None, None


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
