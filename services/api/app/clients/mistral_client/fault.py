"""What Mistral's failures mean, in all their forms: the flat object, the nested one, the 422's list. Nothing about answers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ...errors import ProviderRefused, RouterError, shown
from ..common.fault import CONTEXT_CODES, FILTER_CODES, QUOTA_CODES, fault_of, retry_after
from ..common.said import read_or_none

# the status that an error stands for when it comes inside a 200 without a number
_STATUS = (("rate_limit", 429), ("capacity", 503), ("auth", 401), ("invalid", 400))
# any of these in a 400 or 422 says that the prompt is too long
_TOO_LONG = ("maximum context length", "too large for model")
_CODES = CONTEXT_CODES | FILTER_CODES | QUOTA_CODES


class Invalid(Struct, frozen=True):
    """One entry of a 422: which field, and what is wrong with it."""

    loc: list[str | int] = []
    msg: Any = None


class Detailed(Struct, frozen=True):
    """What stands in the place of a message where several fields are wrong."""

    detail: str | list[Invalid] | None = None


class ErrorObject(Struct, frozen=True):
    """What went wrong. The same fields stand in the body itself, or in an `error` object."""

    message: str | Detailed | None = None
    type: str | None = None
    code: str | int | None = None
    raw_status_code: int | None = None
    object: str | None = None
    detail: str | list[Invalid] | None = None


class Complaint(ErrorObject, frozen=True):
    """The body of a failure."""

    error: ErrorObject | None = None


_complaint = msgspec.json.Decoder(Complaint)


def fault(status: int, headers: Mapping[str, str], body: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    complaint = read_or_none(body, _complaint) or Complaint()
    return error_of(complaint.error or complaint, status, headers)


def complaint_of(body: bytes | Raw) -> RouterError | None:
    """The error that a 200 or an event holds in its flat form, None when it holds none."""
    complaint = read_or_none(body, _complaint)
    if complaint is None or (complaint.object != "error" and complaint.detail is None):
        return None
    return error_of(complaint)


def error_of(error: ErrorObject, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status that it names."""
    kind = error.type or ""
    status = status or _implied_status(error)
    message = _message_of(error)
    words = message.casefold()
    if status == 400 and (kind == "invalid_model" or words.startswith("invalid model")):
        # a retired model is answered so; another provider may well have its model
        return ProviderRefused(f"the provider answered 400: {shown(message)}")
    code = str(error.code) if error.code in _CODES else kind
    if status in (400, 422) and any(text in words for text in _TOO_LONG):
        code = "context_length_exceeded"
    return fault_of(status, code, message, retry_after=retry_after(headers or {}))


def _message_of(error: ErrorObject) -> str:
    """The text of an error, whichever of its forms it has."""
    if isinstance(error.message, str) and error.message:
        return error.message
    detail = error.message.detail if isinstance(error.message, Detailed) else error.detail
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{'.'.join(map(str, one.loc))}: {one.msg or ''}" for one in detail or ())


def _implied_status(error: ErrorObject) -> int:
    for number in (error.raw_status_code, error.code):
        if isinstance(number, int) and 300 <= number < 600:
            return number
    if error.detail is not None:
        return 422
    return next((status for word, status in _STATUS if word in (error.type or "")), 502)
