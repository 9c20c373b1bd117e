"""What Gemini's failures mean, as an HTTP status or as an error object within an answer. No answer's content may enter."""

import re
from collections.abc import Mapping, Sequence

from ...errors import ProviderAuth, ProviderRefused, RouterError, shown
from ..common.fault import MAX_RETRY_AFTER, fault_of, retry_after
from ..common.said import read_or_none
from .shapes import Detail, ErrorObject, complaint

_TOO_LONG = re.compile(r"(?i)(token count|number of tokens).{0,60}exceeds")
_DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s", re.ASCII)


def error_of(error: ErrorObject, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status it names."""
    status = status or (error.code if error.code is not None and 300 <= error.code < 600 else 502)
    message = error.message or ""
    details = error.details or ()
    reasons = {detail.reason or "" for detail in details}
    if status == 400:
        if any(reason.startswith("API_KEY_") for reason in reasons) or message.startswith("API key"):
            return ProviderAuth("the provider refuses the configured key (400)")
        if error.status == "FAILED_PRECONDITION":
            # the account's region or plan, which another provider does not share
            return ProviderRefused(f"the provider answered 400: {shown(message)}")
    code = error.status or ""
    if "BILLING_DISABLED" in reasons:
        code = "billing_error"
    elif status == 400 and _TOO_LONG.search(message):
        code = "context_length_exceeded"
    return fault_of(status, code, message, retry_after=_wait(details) or retry_after(headers or {}))


def _wait(details: Sequence[Detail]) -> float | None:
    """The seconds of a RetryInfo ("17s")."""
    for detail in details:
        if detail.retry_delay and (delay := _DELAY.fullmatch(detail.retry_delay)):
            return min(float(delay.group(1)), MAX_RETRY_AFTER)
    return None


def fault(status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    told = read_or_none(body, complaint)
    if isinstance(told, list):
        told = told[0] if told else None
    return error_of(told.error if told else ErrorObject(), status, headers)
