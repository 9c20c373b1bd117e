"""Anthropic's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError
from ..common.said import arguments_object

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
    content: list[dict[str, Any]] = []
    if completion.reasoning:
        content.append({"type": "thinking", "thinking": completion.reasoning, "signature": ""})
    if completion.text:
        content.append({"type": "text", "text": completion.text})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_object(call.arguments)}
        for call in completion.tool_calls
    ]
    details = stop_details(completion.refusal, completion.finish_reason)
    body = {
        "id": completion.response_id or f"msg_{call_id}",
        "type": "message",
        "role": "assistant",
        "model": completion.model_id or request.model,
        "content": content,
        "stop_reason": "refusal" if details else STOP_REASON[completion.finish_reason or "stop"],
        "stop_sequence": None,
        "stop_details": details,
        "usage": shown_usage(completion.usage or Usage()),
    }
    return _encode(body)


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
    shown = {"type": kind, "message": error.message, "code": error.code, "param": error.param}
    return _encode({"type": "error", "error": shown, "request_id": request_id})
