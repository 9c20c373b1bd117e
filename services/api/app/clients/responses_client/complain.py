"""Errors in this dialect: the envelope of a refused call, and the error of an answer that broke off. No answers may enter."""

from typing import Any, Final

import msgspec

from ...errors import ContextTooLong, ProviderQuota, ProviderRateLimited, RouterError

_encode = msgspec.json.Encoder().encode

# the codes that clients act upon; an answer that failed may say no others but `server_error`
_CODES: Final[dict[type[RouterError], str]] = {
    ContextTooLong: "context_length_exceeded",
    ProviderRateLimited: "rate_limit_exceeded",
    ProviderQuota: "insufficient_quota",
}


def error_body(error: RouterError, request_id: str) -> bytes:
    """OpenAI's error envelope."""
    shown = {
        "type": error.type,
        "code": error.code,
        "message": message_of(error),
        "param": error.param,
        "request_id": request_id,
    }
    return _encode({"error": shown})


def failure_of(error: RouterError) -> dict[str, Any]:
    """The `error` of a failed answer: a code that clients know, and the message.

    Codex and the SDKs tell by the code whether to shorten the conversation, to wait, or to give up.
    """
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return {"code": code, "message": message_of(error)}
    return {"code": "invalid_prompt" if error.status < 500 else "server_error", "message": message_of(error)}


def message_of(error: RouterError) -> str:
    """The error's message; one about a prompt that is too long in the words by which clients know it."""
    if not isinstance(error, ContextTooLong):
        return error.message
    if error.limit is None:
        return f"This model's maximum context length is exceeded. Please reduce the length of the messages. ({error.message})"
    counted = "" if error.tokens is None else f" However, your messages resulted in {error.tokens} tokens."
    return f"This model's maximum context length is {error.limit} tokens.{counted} Please reduce the length of the messages."
