"""Gemini's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, ToolCall, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError
from ..common.said import arguments_object

FINISH_REASON: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "error": "MALFORMED_RESPONSE",
}
_ERROR_STATUS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str) -> bytes:
    """A response spelled out from a Completion of any origin."""
    finish = completion.finish_reason or "stop"
    body: dict[str, Any] = {
        "candidates": [
            candidate_body(completion.text, completion.reasoning, completion.tool_calls, finish, completion.refusal),
        ],
        "modelVersion": completion.model_id or request.model,
        "responseId": completion.response_id or call_id,
    }
    if completion.usage is not None:
        body["usageMetadata"] = usage_body(completion.usage)
    return _encode(body)


def candidate_body(
    text: str, reasoning: str, calls: Sequence[ToolCall] = (), finish: FinishReason | None = None, refusal: str = ""
) -> dict[str, Any]:
    """One candidate; `finish` only at the end of the answer."""
    parts: list[dict[str, Any]] = []
    if reasoning:
        parts.append({"text": reasoning, "thought": True})
    if text:
        parts.append({"text": text})
    parts += [{"functionCall": {"id": call.id, "name": call.name, "args": arguments_object(call.arguments)}} for call in calls]
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if finish is not None:
        candidate["finishReason"] = "SAFETY" if refusal else FINISH_REASON[finish]
        if refusal:
            candidate["finishMessage"] = refusal
    return candidate


def usage_body(usage: Usage) -> dict[str, int]:
    """Usage in Gemini's words: the prompt includes what was cached, the candidates exclude the thoughts."""
    return {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
        "candidatesTokenCount": max(usage.output_tokens - usage.reasoning_tokens, 0),
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }


def complain(error: RouterError, request_id: str) -> bytes:
    """The error envelope; our own stable word is the `reason` of its ErrorInfo."""
    details: list[dict[str, Any]] = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code,
            "domain": "llm-router",
            "metadata": {"request_id": request_id, "param": error.param or ""},
        }
    ]
    if error.retry_after is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{error.retry_after:.3f}s"})
    word = _ERROR_STATUS.get(error.status, "INTERNAL" if error.status >= 500 else "INVALID_ARGUMENT")
    return _encode({"error": {"code": error.status, "message": error.message, "status": word, "details": details}})
