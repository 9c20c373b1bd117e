"""Anthropic's shapes towards callers: whole answers and errors (streams are in `writer`, requests in `parse`)."""

from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, Usage
from ...domain.request import ChatRequest
from ...errors import ContextTooLong, RouterError, ThreadUnsupported
from ..common.said import arguments_object
from .dialect import call_ids, carried

# an answer that broke ("error") is shown as cut short: callers must not take it for complete
STOP_REASON: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "max_tokens",
}
_ERROR_TYPE: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str) -> bytes:
    """A `message` body spelled out from a Completion of any origin."""
    details = stop_details(completion.refusal, completion.finish_reason)
    body = {
        "id": message_id(completion.response_id, call_id),
        "type": "message",
        "role": "assistant",
        "model": completion.model_id or request.model,
        "content": _content(completion),
        "stop_reason": "refusal" if details else STOP_REASON[completion.finish_reason or "stop"],
        "stop_sequence": None,
        "stop_details": details,
        "usage": shown_usage(completion.usage or Usage()),
    }
    return _encode(body)


def message_id(response_id: str, call_id: str) -> str:
    """The answer's own id where it is one of this dialect, else one of ours."""
    return response_id if response_id.startswith("msg_") else f"msg_{call_id}"


def _content(completion: Completion) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for thought in completion.thoughts:
        if thought.redacted:
            content.append({"type": "redacted_thinking", "data": thought.redacted})
        if thought.text or thought.signature:
            content.append({"type": "thinking", "thinking": thought.text, "signature": thought.signature})
    if completion.text:
        content.append({"type": "text", "text": completion.text})
    ids = call_ids()
    for call in completion.tool_calls:
        shown_id = ids.called(call.id)
        if call.signature:
            content.append({"type": "redacted_thinking", "data": carried(call.signature, shown_id)})
        content.append({"type": "tool_use", "id": shown_id, "name": call.name, "input": arguments_object(call.arguments)})
    return content


def stop_details(refusal: str, finish: FinishReason | None) -> dict[str, str | None] | None:
    """What is told beside a refusal; one that came with an ordinary stop is told too, since its text has no other place."""
    if not refusal and finish != "content_filter":
        return None
    return {"type": "refusal", "category": None, "explanation": refusal or None}


def shown_usage(usage: Usage) -> dict[str, Any]:
    """Usage in Anthropic's words: the input excludes what was read from and written to the cache."""
    return {
        "input_tokens": max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0),
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    }


def complain(error: RouterError, request_id: str) -> bytes:
    """The error envelope; `code` is our own stable word beside Anthropic's coarser type."""
    kind = _ERROR_TYPE.get(error.status, "api_error" if error.status >= 500 else "invalid_request_error")
    shown: dict[str, Any] = {"type": kind, "message": _worded(error), "code": error.code, "param": error.param}
    if isinstance(error, ThreadUnsupported):
        shown["details"] = {"error_code": error.code, "unsupported": []}
    return _encode({"type": "error", "error": shown, "request_id": request_id})


def _worded(error: RouterError) -> str:
    """The message; of an overflow in Anthropic's own words, by which its clients know that they have to shorten."""
    if not isinstance(error, ContextTooLong):
        return error.message
    if error.tokens is None or error.limit is None:
        return f"prompt is too long: {error.message}"
    return f"prompt is too long: {error.tokens} tokens > {error.limit} maximum"
