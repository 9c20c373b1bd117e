"""OpenAI's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from typing import Any

import msgspec

from ...domain.answer import Completion, Usage
from ...domain.request import ChatRequest
from ...errors import RouterError

_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
    """A `chat.completion` body spelled out from a Completion of any origin."""
    message: dict[str, Any] = {"role": "assistant", "content": completion.text or None, "refusal": completion.refusal or None}
    if not completion.tool_calls and not completion.refusal:
        message["content"] = completion.text
    if completion.reasoning:
        message["reasoning_content"] = completion.reasoning
    if completion.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in completion.tool_calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason or "stop"}
    body = {
        "id": completion.response_id if completion.response_id.startswith("chatcmpl") else f"chatcmpl-{call_id}",
        "object": "chat.completion",
        "created": created,
        "model": completion.model_id or request.model,
        "choices": [choice],
    }
    if completion.usage is not None:
        body["usage"] = usage_body(completion.usage)
    return _encode(body)


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage in OpenAI's words: prompt tokens include cached ones, completion tokens include reasoning."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def error_body(error: RouterError, request_id: str) -> bytes:
    """The error envelope of the OpenAI faces and of `/query`."""
    shown = {"type": error.type, "code": error.code, "message": error.message, "param": error.param, "request_id": request_id}
    return _encode({"error": shown})
