"""Mistral's shapes towards callers: whole answers and errors (the stream's writer is in `stream`, the parser in `parse`)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...domain.answer import Completion, FinishReason, TokenLogprob, ToolCall, Usage
from ...domain.request import ChatRequest
from ...errors import ContextTooLong, RouterError

_NO_TOKEN_ID: Final = -1  # the types want a number, and other tokenizers' would mean nothing
_encode = msgspec.json.Encoder().encode


def render(completion: Completion, request: ChatRequest, call_id: str, created: int) -> bytes:
    """A `chat.completion` body spelled out from a Completion of any origin."""
    body = {
        "id": completion.response_id or call_id,
        "object": "chat.completion",
        "created": created,
        "model": completion.model_id or request.model,
        "choices": [_choice(place, answer) for place, answer in enumerate((completion, *completion.others))],
        "usage": usage_body(completion.usage) if completion.usage else {},
    }
    return _encode(body)


def _choice(place: int, answer: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _content(answer),
        "tool_calls": [call_body(index, call) for index, call in enumerate(answer.tool_calls)] or None,
    }
    choice = {"index": place, "message": message, "finish_reason": finish_word(answer.finish_reason)}
    if answer.logprobs:
        choice["logprobs"] = logprobs_body(answer.logprobs)
    return choice


def _content(answer: Completion) -> str | list[dict[str, Any]]:
    """Content as text, or in chunks where there is thinking.

    A refusal has no place of its own here and is text; an encrypted thought has none at all.
    """
    text = answer.refusal + answer.text
    thoughts = [thought_body(one.text, one.signature) for one in answer.thoughts if one.text or one.signature]
    if not thoughts:
        return text
    return [*thoughts, {"type": "text", "text": text}] if text else thoughts


def thought_body(text: str, signature: str) -> dict[str, Any]:
    """One thinking chunk."""
    chunk: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
    if signature:
        chunk["signature"] = signature
    return chunk


def call_body(place: int, call: ToolCall) -> dict[str, Any]:
    """One call, whole."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function, "index": place}


def finish_word(finish: FinishReason | None) -> str:
    """Our words are Mistral's own; the list is open, so that `content_filter` may stand in it."""
    return finish or "stop"


def logprobs_body(logprobs: Sequence[TokenLogprob]) -> dict[str, Any]:
    """The tokens of a piece."""
    return {
        "content": [
            _token(one.token, one.logprob) | {"top_logprobs": [_token(token, logprob) for token, logprob in one.top]}
            for one in logprobs
        ]
    }


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "token_id": _NO_TOKEN_ID}


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
        "message": _wording(error),
        "type": error.code,
        "param": error.param,
        "code": None,
        "raw_status_code": error.status,
        "request_id": request_id,
    }
    return _encode(body)


def _wording(error: RouterError) -> str:
    """An overflow in Mistral's own words, by which its clients know it."""
    if not isinstance(error, ContextTooLong):
        return error.message
    if error.tokens is None or error.limit is None:
        return f"Prompt is too large for model with its maximum context length: {error.message}"
    return f"Prompt contains {error.tokens} tokens, too large for model with {error.limit} maximum context length"
