"""Mistral's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from typing import Any

import msgspec

from ...domain.answer import Completion, FinishReason, ToolCall, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError

_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
    """A `chat.completion` body spelled out from a Completion of any origin."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content_body(completion.refusal + completion.text, completion.reasoning),
        "tool_calls": [call_body(place, call) for place, call in enumerate(completion.tool_calls)] or None,
    }
    body = {
        "id": completion.response_id or call_id,
        "object": "chat.completion",
        "created": created,
        "model": completion.model_id or request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_word(completion.finish_reason)}],
        "usage": usage_body(completion.usage) if completion.usage else {},
    }
    return _encode(body)


def content_body(text: str, reasoning: str) -> str | list[dict[str, Any]]:
    """Content as text, or in chunks where there is thinking. A refusal has no place of its own here and is text."""
    if not reasoning:
        return text
    chunks: list[dict[str, Any]] = [{"type": "thinking", "thinking": [{"type": "text", "text": reasoning}]}]
    if text:
        chunks.append({"type": "text", "text": text})
    return chunks


def call_body(place: int, call: ToolCall) -> dict[str, Any]:
    """One call, whole."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, "index": place}


def finish_word(finish: FinishReason | None) -> str:
    """Our words are Mistral's own; the list is open, so that `content_filter` may stand in it."""
    return finish or "stop"


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in Mistral's words: totals include their parts."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def complain(error: RouterError, request_id: str) -> bytes:
    """The error body."""
    body = {
        "object": "error",
        "message": error.message,
        "type": error.code,
        "param": error.param,
        "code": None,
        "raw_status_code": error.status,
        "request_id": request_id,
    }
    return _encode(body)
