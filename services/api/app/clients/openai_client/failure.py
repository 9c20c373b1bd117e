"""OpenAI's failures: from an error object, wherever it stands, to the error it means. Nothing about good answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...errors import ContextTooLong, RouterError
from ..common.fault import fault_of, numbers_of, retry_after

# words that say more than the code beside them
_TELLING_TYPES = frozenset({"exceed_context_size_error", "insufficient_quota"})
_IMPLIED = (
    ("rate_limit", 429),
    ("overloaded", 503),
    ("quota", 429),
    ("authentication", 401),
    ("invalid_request", 400),
)


def error_of(error: Any, status: int = 0, headers: Mapping[str, str] | None = None) -> RouterError:
    """The meaning of an error object; one that came inside a 200 stands for the status its own code or type names."""
    if not isinstance(error, dict):
        error = {"message": error if isinstance(error, str) else ""}
    number = error.get("code")
    code, kind, message = _text(error, "code"), _text(error, "type"), _text(error, "message")
    status = status or _implied_status(code, kind, number)
    word = kind if kind in _TELLING_TYPES else code
    fault = fault_of(status, word, message, retry_after=retry_after(headers or {}))
    if 400 <= status < 500 and not isinstance(fault, ContextTooLong) and _overflows(message):
        return fault_of(status, "context_length_exceeded", message)
    return fault


def _overflows(message: str) -> bool:
    return "maximum context length" in message or numbers_of(message) != (None, None)


def _text(error: dict[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""


def _implied_status(code: str, kind: str, number: Any) -> int:
    if code.isascii() and code.isdigit():
        number = int(code[:6])
    if type(number) is int and 400 <= number < 600:
        return number
    words = f"{code} {kind}".lower()
    for word, status in _IMPLIED:
        if word in words:
            return status
    return 502


def stray_error(data: bytes) -> RouterError | None:
    """The error that a body without any choice is: older vLLM's `{"object": "error", ...}`; None when it is none."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(body, dict) and (body.get("object") == "error" or isinstance(body.get("message"), str)):
        return error_of(body)
    return None


def error_event(data: bytes) -> RouterError:
    """The error of an event that is called one: an error object, or the object around it."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = None
    return error_of(body.get("error", body) if isinstance(body, dict) else None)


def fault(status: int, headers: Mapping[str, str], data: bytes) -> RouterError:
    """The meaning of a non-2xx answer; a body that is no error object (HTML, nothing) leaves the status alone to speak."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = None
    if isinstance(body, list) and body:
        body = body[0]  # Google's OpenAI-compatible endpoint wraps its errors in a list
    if isinstance(body, dict):
        found = body.get("error", body if "message" in body else None)
        if found is not None:
            return error_of(found, status, headers)
    return fault_of(status, "", "", retry_after=retry_after(headers))
